// The slots of the trends.
#pragma once

#include <memory_resource>
#include <vector>

#include "window.hpp"

namespace insights {

// The edges of intervals counted back from as_of over so many hours, oldest first; where the division leaves a rest,
// the first is shorter. Each is moved by the microsecond that makes (a, b] of [a + 1, b + 1).
std::pmr::vector<Timestamp> trend_edges(Timestamp as_of, int hours, int interval_hours,
                                        std::pmr::memory_resource *memory);

}  // namespace insights
