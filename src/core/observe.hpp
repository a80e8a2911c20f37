// From a rollup to what the lifecycle looks at: the keys that are anomalous, and those that are watched because an
// incident is open.
#pragma once

#include <memory_resource>
#include <string_view>
#include <vector>

#include "anomalies.hpp"
#include "lifecycle.hpp"

namespace insights {

// What an incident is about: a tenant's endpoint, either of which may be NULL, or the fleet as a whole.
struct IncidentKey {
  bool fleet = false;
  Text tenant;
  Text endpoint;
};

// The fleet first, then the order of a rollup's groups.
inline int compare(const IncidentKey &a, const IncidentKey &b) noexcept {
  if (a.fleet != b.fleet) return a.fleet ? -1 : 1;
  const int tenant = compare(a.tenant, b.tenant);
  return tenant != 0 ? tenant : compare(a.endpoint, b.endpoint);
}
inline bool operator<(const IncidentKey &a, const IncidentKey &b) noexcept { return compare(a, b) < 0; }

struct Observed {
  IncidentKey key;
  Observation observation;
  std::uint32_t rank = UINT32_MAX;  // among what is wrong, 0 being the gravest; of what is not, the largest number
};

struct Observations {
  std::pmr::vector<Observed> list;  // in the order of keys, each once
  std::uint64_t deliveries = 0;     // that were counted
  std::uint64_t unmapped = 0;       // of these, where the rollup keeps that
};

// Evaluates the detector (method `rate`) on the rollup of detection_edges(). `watched` are keys in their order, each
// once: they are observed whether or not they are anomalous, and whether or not the rollup has them. The texts point
// into the rollup's bytes, into those of `watched`, or into `memory`.
Observations observe(std::string_view flat, const Detection &detection, const std::pmr::vector<IncidentKey> &watched,
                     bool unicode, Poll &poll, std::pmr::memory_resource *memory);

}  // namespace insights
