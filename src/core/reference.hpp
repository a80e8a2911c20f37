// Method `reference`: the rule of the system that this extension stands in for, bit for bit.
#pragma once

#include <cstdint>

namespace insights {

struct ReferenceVerdict {
  bool spike = false;                // recent > 1.5 x baseline
  bool failure_cluster = false;      // recent failures > 10 x baseline failures
  std::uint64_t baseline_count = 1;  // at least 1
  std::uint64_t baseline_failures = 1;
  double spike_multiplier = 0;  // rounded as Python's round(x, 2)
  double failure_multiplier = 0;
};

ReferenceVerdict judge_reference(std::uint64_t recent, std::uint64_t baseline, std::uint64_t recent_failures,
                                 std::uint64_t baseline_failures);

}  // namespace insights
