#include "reference.hpp"

#include <algorithm>

#include "number.hpp"

namespace insights {

namespace {

// n > 1.5 of, in integers that cannot overflow.
bool exceeds_by_half(std::uint64_t n, std::uint64_t of) { return n > of && n - of > of / 2; }

// n > 10 of, likewise.
bool exceeds_tenfold(std::uint64_t n, std::uint64_t of) { return n > 0 && (n - 1) / 10 >= of; }

double multiplier(std::uint64_t recent, std::uint64_t baseline) {
  return round2(static_cast<double>(recent) / static_cast<double>(baseline));
}

}  // namespace

ReferenceVerdict judge_reference(std::uint64_t recent, std::uint64_t baseline, std::uint64_t recent_failures,
                                 std::uint64_t baseline_failures) {
  ReferenceVerdict verdict;
  verdict.baseline_count = std::max<std::uint64_t>(baseline, 1);
  verdict.baseline_failures = std::max<std::uint64_t>(baseline_failures, 1);
  verdict.spike = exceeds_by_half(recent, verdict.baseline_count);
  verdict.failure_cluster = exceeds_tenfold(recent_failures, verdict.baseline_failures);
  verdict.spike_multiplier = multiplier(recent, verdict.baseline_count);
  verdict.failure_multiplier = multiplier(recent_failures, verdict.baseline_failures);
  return verdict;
}

}  // namespace insights
