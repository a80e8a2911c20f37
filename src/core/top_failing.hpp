// Which endpoints, or tenants, fail most.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "grouped.hpp"

namespace insights {

enum class RankBy {
  kFailures,     // how many failed
  kFailureRate,  // of a hundred
  kImpact,       // how many more failed than if it failed at the overall rate
};

// "failures", "failure_rate", "impact". Error kInvalidArgument for any other.
RankBy rank_by_name(std::string_view name);

struct TopRequest {
  GroupBy group_by = GroupBy::kEndpoint;
  RankBy rank_by = RankBy::kFailures;
  std::uint64_t max_rows = 10;
  std::uint64_t min_total = 1;
};

// An endpoint over all tenants, or a tenant over all endpoints. The name points into the rollup's bytes.
struct FailingGroup {
  Text name;
  std::uint64_t failures = 0;
  std::uint64_t total = 0;
  double failure_rate = 0;  // percent()
  double impact = 0;        // failures - total x overall failure rate, with 2 decimals
};

// Those with failures, and at least min_total deliveries, in falling order of the exact figure; ties by name, by bytes,
// NULL last. Of a rollup with kStatusCounters.
std::pmr::vector<FailingGroup> top_failing(std::string_view flat, const TopRequest &request, Poll &poll,
                                           std::pmr::memory_resource *memory);

}  // namespace insights
