#include "results/results.h"

namespace paceline {

bool runs(const BackendResult& backend, const Configuration& configuration) {
  return backend.backend == configuration.backend && backend.compute_type == configuration.compute_type &&
         backend.device == configuration.device && backend.threads == configuration.threads &&
         backend.instances == configuration.instances;
}

}  // namespace paceline
