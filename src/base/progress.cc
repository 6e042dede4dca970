#include "base/progress.h"

namespace paceline {
namespace {

class SilentProgress : public Progress {
 public:
  void update(double /*done*/, double /*total*/, std::string_view /*note*/) override {}
  void finish() override {}
};

}  // namespace

std::unique_ptr<Progress> make_silent_progress() { return std::make_unique<SilentProgress>(); }

}  // namespace paceline
