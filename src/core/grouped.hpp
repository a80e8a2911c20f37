// A rollup's groups, put together by endpoint or by tenant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "poll.hpp"
#include "text.hpp"

namespace insights {

enum class GroupBy { kEndpoint, kTenant };

// Deliveries and failures of one endpoint over all tenants, or of one tenant over all endpoints, in one slot. The name
// points into the rollup's bytes.
struct GroupedCount {
  Text name;
  std::uint32_t slot = 0;
  std::uint64_t total = 0;
  std::uint64_t failures = 0;  // failures_of()
};

// Sorted by name (NULL first, then by bytes) and slot; one for each slot in which there are deliveries.
std::pmr::vector<GroupedCount> count_grouped(std::string_view flat, GroupBy group_by, Poll &poll,
                                             std::pmr::memory_resource *memory);

}  // namespace insights
