#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/pickle_bytes.h"
#include "tensor/pickle_globals.h"
#include "tensor/pickle_stack.h"

namespace paceline {

/// What a pickle asks to be called, of which only what makes tensors is known: nothing is run.
class PickleObjects {
 public:
  PickleObjects(const PickleBytes& bytes, PickleStack& stack) : bytes_(bytes), stack_(stack) {}

  /// Throws Error{unsupported} for a global that is not on the allow-list.
  void push_global(std::string_view module, std::string_view name);
  /// ("storage", type, key, location, elements), in the form before ZIP also a view, which has to be None.
  void push_storage(uint32_t id);
  /// The call of a global, of which the stack holds the arguments.
  void reduce();
  /// Gives an object its attributes: state_dicts have _metadata, which weights do not need.
  void build();

 private:
  const PickleGlobal& global(uint32_t value) const;
  void make_ordered_dict(const std::vector<uint32_t>& arguments);

  const PickleBytes& bytes_;
  PickleStack& stack_;
  std::size_t copied_ = 0;  // pairs of lists, each of which a few bytes of pickle can name again and again
};

}  // namespace paceline
