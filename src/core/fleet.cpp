#include <algorithm>

#include "anomalies.hpp"

namespace insights {

namespace {

double median(std::pmr::vector<double> &values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

}  // namespace

FleetSurvey::FleetSurvey(const Detection &detection, std::pmr::memory_resource *memory) : factors_(memory) {
  fleet_.partial = detection.partial_view;
}

void FleetSurvey::add(Text tenant, const RateCounts &counts, const SilenceVerdict &silence) {
  fleet_.recent += counts.recent;
  fleet_.recent_failures += counts.failed[kRecent];
  fleet_.baseline += counts.baseline;
  fleet_.baseline_failures += counts.baseline_failed;
  fleet_.deliveries += counts.baseline + counts.triple;
  fleet_.judged += silence.judged ? 1 : 0;
  fleet_.silent += silence.flagged ? 1 : 0;
  if (counts.baseline < kBusyBaseline) return;
  // Groups come sorted by tenant, so a change of tenant is a new one.
  if (factors_.empty() || compare(tenant, last_tenant_) != 0) ++fleet_.tenants;
  last_tenant_ = tenant;
  factors_.push_back(static_cast<double>(counts.recent) * counts.blocks / static_cast<double>(counts.baseline));
}

Fleet FleetSurvey::finish() {
  fleet_.groups = factors_.size();
  if (fleet_.partial) {
    fleet_.judged = fleet_.silent = 0;
  } else if (fleet_.groups >= kFleetGroups && fleet_.tenants >= kFleetTenants) {
    fleet_.factor = std::max(1.0, median(factors_));
  }
  return fleet_;
}

}  // namespace insights
