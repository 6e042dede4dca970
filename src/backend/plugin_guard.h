#pragma once

#include <new>
#include <utility>

#include "backend/plugin.h"
#include "base/system_failure.h"

namespace paceline {

/// Inside a catch block: what was caught, as an error of the table. A message that finds no memory stays empty.
inline void note_plugin_error(PluginError* error) noexcept {
  try {
    throw_caught_as_error();
  } catch (const Error& thrown) {
    error->code = thrown.code();
    try {
      error->message = thrown.what();
    } catch (const std::bad_alloc&) {
      error->code = ErrorCode::kResourceExhausted;
    }
  }
}

/// Runs one call of a plug-in's table: whatever `action` throws ends here, in `error`, and false is returned.
template <class Action>
bool guard_plugin_call(PluginError* error, Action&& action) noexcept {
  try {
    std::forward<Action>(action)();
    return true;
  } catch (...) {
    note_plugin_error(error);
  }
  return false;
}

/// What every plug-in's table has for the backends that it created.
inline bool run_plugin_backend(Backend* backend, const PackedBatch* batch, float* logits, std::size_t size,
                               PluginError* error) {
  return guard_plugin_call(error, [&] { backend->run(*batch, {logits, size}); });
}
inline void destroy_plugin_backend(Backend* backend) { delete backend; }

/// The table of an engine whose trainers `create` makes.
constexpr TrainerTable trainer_table(decltype(TrainerTable::create) create) {
  return {
      .create = create,
      .accumulate =
          [](Trainer* trainer, const TrainingBatch* batch, double scale, double* loss, PluginError* error) {
            return guard_plugin_call(error, [&] { *loss = trainer->accumulate(*batch, scale); });
          },
      .update =
          [](Trainer* trainer, double learning_rate, double max_norm, double* norm, PluginError* error) {
            return guard_plugin_call(error, [&] { *norm = trainer->update(learning_rate, max_norm); });
          },
      .run = [](Trainer* trainer, const PackedBatch* batch, float* logits, std::size_t size,
                PluginError* error) { return guard_plugin_call(error, [&] {
                                        trainer->run(*batch, {logits, size});
                                      }); },
      .weights = [](const Trainer* trainer, std::vector<NamedTensor>* weights,
                    PluginError* error) { return guard_plugin_call(error, [&] { *weights = trainer->weights(); }); },
      .state = [](const Trainer* trainer, std::vector<NamedTensor>* state,
                  PluginError* error) { return guard_plugin_call(error, [&] { *state = trainer->state(); }); },
      .restore =
          [](Trainer* trainer, const std::span<const NamedTensor>* weights, const std::span<const NamedTensor>* state,
             int64_t updates, PluginError* error) {
            return guard_plugin_call(error, [&] { trainer->restore(*weights, *state, updates); });
          },
      .destroy = [](Trainer* trainer) { delete trainer; }};
}

}  // namespace paceline
