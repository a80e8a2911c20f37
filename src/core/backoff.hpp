// How long to wait before what failed is tried again.
#pragma once

#include <algorithm>

#include "text.hpp"

namespace insights {

constexpr Duration kLongestWait = 10 * kMinute;

// `interval` after the first failure in a row, twice as long after each further one, at most ten minutes (or the
// interval, if that is longer).
inline Duration wait_after(int failures, Duration interval) {
  const int doublings = std::clamp(failures - 1, 0, 20);
  return std::min(interval << doublings, std::max(interval, kLongestWait));
}

}  // namespace insights
