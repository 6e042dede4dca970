#pragma once

#include <exception>
#include <new>
#include <utility>

#include "backend/plugin.h"

namespace paceline {

/// Runs one call of a plug-in's table: whatever `action` throws ends here, in `error`, and false is returned.
template <class Action>
bool guard_plugin_call(PluginError* error, Action&& action) noexcept {
  try {
    std::forward<Action>(action)();
    return true;
  } catch (const Error& thrown) {
    *error = {thrown.code(), thrown.what()};
  } catch (const std::bad_alloc&) {
    *error = {ErrorCode::kResourceExhausted, "[backend] The engine ran out of memory. Use smaller batches."};
  } catch (const std::exception& thrown) {
    *error = {ErrorCode::kInternal, thrown.what()};
  } catch (...) {
    *error = {ErrorCode::kInternal, "[backend] The engine threw something that is no exception."};
  }
  return false;
}

/// What every plug-in's table has for the backends that it created.
inline bool run_plugin_backend(Backend* backend, const PackedBatch* batch, float* logits, std::size_t size,
                               PluginError* error) {
  return guard_plugin_call(error, [&] { backend->run(*batch, {logits, size}); });
}
inline void destroy_plugin_backend(Backend* backend) { delete backend; }

}  // namespace paceline
