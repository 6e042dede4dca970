#pragma once

#include <memory>
#include <string_view>

namespace paceline {

/// Where long work reports how far it is. Called from one thread; cheap enough to call per batch.
class Progress {
 public:
  /// `total` 0 where unknown. `note` is a short text beside the bar ("best so far: ...").
  virtual void update(double done, double total, std::string_view note) = 0;
  /// Ends the bar; later output starts on a fresh line.
  virtual void finish() = 0;
  virtual ~Progress() = default;
};

/// Says nothing.
std::unique_ptr<Progress> make_silent_progress();

}  // namespace paceline
