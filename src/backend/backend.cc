#include "paceline/backend.h"

namespace paceline {

Backend::~Backend() = default;

}  // namespace paceline
