// What is counted of a delivery.
#pragma once

#include <array>
#include <cstdint>

#include "status.hpp"

namespace insights {

// The counters of one (tenant, endpoint, slot). A rollup keeps the set of them that its report needs.
enum class Counter : std::uint8_t {
  kTotal,
  kDelivered,
  kFailed,
  kDeadLetter,
  kPending,
  kSettled,            // came to an end: delivered, or a failure
  kFailures,           // failed or dead_letter, or not delivered and labelled as a failure
  kReferenceFailures,  // as the original counts them: failed, dead_letter or labelled as a failure, delivered or not
};
constexpr int kCounters = 8;

using CounterSet = std::uint32_t;  // bit i: counter i

constexpr CounterSet bit(Counter counter) { return CounterSet{1} << static_cast<unsigned>(counter); }
constexpr CounterSet kAllCounters = (CounterSet{1} << kCounters) - 1;

// What the two methods of the detector look at.
constexpr CounterSet kRateCounters = bit(Counter::kTotal) | bit(Counter::kSettled) | bit(Counter::kFailures);
constexpr CounterSet kReferenceCounters = bit(Counter::kTotal) | bit(Counter::kReferenceFailures);

// The counters that a delivery raises, by what its status means and whether its triage label says failure.
constexpr CounterSet counters_of(StatusClass status, bool label_failure) {
  constexpr CounterSet kFailure = bit(Counter::kSettled) | bit(Counter::kFailures) | bit(Counter::kReferenceFailures);
  const CounterSet label = label_failure ? kFailure : 0;
  switch (status) {
    case StatusClass::kDelivered:
      return bit(Counter::kTotal) | bit(Counter::kDelivered) | bit(Counter::kSettled) |
             (label_failure ? bit(Counter::kReferenceFailures) : 0);
    case StatusClass::kFailed:
      return bit(Counter::kTotal) | bit(Counter::kFailed) | kFailure;
    case StatusClass::kDeadLetter:
      return bit(Counter::kTotal) | bit(Counter::kDeadLetter) | kFailure;
    case StatusClass::kPending:
      return bit(Counter::kTotal) | bit(Counter::kPending) | label;
    case StatusClass::kUnmapped:
      break;
  }
  return bit(Counter::kTotal) | label;
}

// All counters of a cell; those that its rollup does not keep are 0.
struct Tally {
  std::array<std::uint64_t, kCounters> counts{};

  std::uint64_t operator[](Counter counter) const { return counts[static_cast<std::size_t>(counter)]; }
};

}  // namespace insights
