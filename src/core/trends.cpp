#include "trends.hpp"

#include <algorithm>

namespace insights {

std::pmr::vector<Timestamp> trend_edges(Timestamp as_of, int hours, int interval_hours,
                                        std::pmr::memory_resource *memory) {
  std::pmr::vector<Timestamp> edges(memory);
  for (int back = 0; back < hours; back += interval_hours) edges.push_back(as_of + 1 - back * kHour);
  edges.push_back(as_of + 1 - hours * kHour);
  std::reverse(edges.begin(), edges.end());
  return edges;
}

}  // namespace insights
