#pragma once

#include <ATen/autocast_mode.h>

namespace paceline {

/// with torch.autocast("cpu", torch.bfloat16): around one call.
class Autocast {
 public:
  Autocast()
      : enabled_before_(at::autocast::is_autocast_enabled(at::kCPU)),
        dtype_before_(at::autocast::get_autocast_dtype(at::kCPU)) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, enabled_before_);
    at::autocast::set_autocast_dtype(at::kCPU, dtype_before_);
  }

 private:
  bool enabled_before_;
  at::ScalarType dtype_before_;
};

}  // namespace paceline
