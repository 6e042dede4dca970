#pragma once

#include <c10/util/Exception.h>

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "paceline/error.h"

namespace paceline {

/// What to say when PyTorch throws: the code unless memory ran out, what was being done, and what helps.
struct EngineCall {
  ErrorCode code = ErrorCode::kInternal;
  std::string doing;                                                    ///< "running a batch"
  std::string hint;                                                     ///< a sentence
  std::string memory_hint = "Use smaller batches or fewer processes.";  ///< the same where memory or threads ran out
};

/// The one line of a message of PyTorch that says what went wrong: no backtrace, no code frames of TorchScript.
std::string engine_message(std::string_view what);

/// "2.11.0".
std::string_view torch_version();

/// Throws unless PyTorch's libraries have the version that this was compiled for: others lay out their classes
/// otherwise. `loaded`: what aoti_torch_abi_version() of the library gives; its three highest bytes are the version.
void check_torch_version(uint64_t loaded);

[[noreturn]] void throw_engine_error(const EngineCall& call, std::string_view what, bool out_of_memory);

/// PyTorch's warnings go to standard error unless somebody takes them; a library prints nothing.
class SilentWarnings {
 public:
  SilentWarnings() : guard_(&handler_) {}

 private:
  class Handler : public c10::WarningHandler {
   public:
    void process(const c10::Warning& /*warning*/) override {}
  };
  Handler handler_;
  c10::WarningUtils::WarningHandlerGuard guard_;
};

/// Runs `action`, turning what PyTorch throws into an Error of one line. An Error passes through.
template <class Action>
auto call_engine(const EngineCall& call, Action&& action) {
  const SilentWarnings silent;
  try {
    return std::forward<Action>(action)();
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& thrown) {
    throw_engine_error(call, thrown.what_without_backtrace(), true);
  } catch (const c10::Error& thrown) {
    throw_engine_error(call, thrown.what_without_backtrace(), false);
  } catch (const std::bad_alloc& thrown) {
    throw_engine_error(call, thrown.what(), true);
  } catch (const std::exception& thrown) {
    throw_engine_error(call, thrown.what(), false);
  }
}

}  // namespace paceline
