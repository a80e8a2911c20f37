// Now against the period before.
#pragma once

#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "poll.hpp"
#include "text.hpp"

namespace insights {

// One figure in both periods.
struct Comparison {
  // Its name, which is that of the column or key elsewhere; retried and retry_success_rate go by attempts.
  const char *figure;
  std::optional<double> current;
  std::optional<double> previous;
  std::optional<double> change;  // current - previous, of the rounded figures; none where either is none
};

// One endpoint, over all tenants, whose failure rate has changed. The name points into the rollup's bytes.
struct EndpointComparison {
  Text endpoint;
  Comparison rate;  // failure_rate
  // By how many deliveries of now more fail (or fewer, if negative) than would at the rate before; with 2 decimals.
  double impact;
  bool worse;
};

// The figures of a rollup with two slots, the period before and now, and kSummaryCounters.
std::pmr::vector<Comparison> compare_totals(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory);

// The endpoints with at least min_total deliveries in both periods, by the size of their exact impact; ties by name.
std::pmr::vector<EndpointComparison> compare_endpoints(std::string_view flat, std::uint64_t min_total, Poll &poll,
                                                       std::pmr::memory_resource *memory);

}  // namespace insights
