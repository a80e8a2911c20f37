// What is counted of a delivery.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "error.hpp"
#include "status.hpp"

namespace insights {

// The counters of one (tenant, endpoint, slot). A rollup keeps the set of them that its report needs. All are sums, but
// for kPendingSeconds, which is a maximum.
enum class Counter : std::uint8_t {
  kTotal,
  kDelivered,
  kFailed,
  kDeadLetter,
  kPending,
  kSettled,            // came to an end: delivered, or a failure
  kFailures,           // failed or dead_letter, or not delivered and labelled as a failure
  kReferenceFailures,  // as the original counts them: failed, dead_letter or labelled as a failure, delivered or not
  kTransient,          // by triage label; what has none is in none of these four
  kPermanent,
  kRateLimited,
  kOtherLabel,
  kRetried,                    // attempted more than once
  kRetriedEnded,               // and delivered, failed or dead_letter
  kRetriedDelivered,           // and delivered
  kTransientRetriedDelivered,  // and labelled transient
  kTransientRetriedEnded,      // ended, attempted more than once, and labelled transient
  kRateLimitedRetriedEnded,    // the same of rate_limited
  kRateLimitedRetriedDelivered,
  kTransientFailed,    // failed or dead_letter, and labelled transient
  kRateLimitedFailed,  // the same of rate_limited
  kNearFailure,        // pending, with one attempt left at most
  kDeliveredAttempts,  // the attempts of delivered ones, at least one each
  kPendingSeconds,     // whole seconds from the oldest pending one to the last instant of the slot
  kUnmapped,           // of a status that nobody knows
  kTransientBefore,    // of those that recovered: the failure before was transient; in none of the labels
};
constexpr int kCounters = 26;

using CounterSet = std::uint32_t;  // bit i: counter i

constexpr CounterSet bit(Counter counter) { return CounterSet{1} << static_cast<unsigned>(counter); }
constexpr CounterSet kAllCounters = (CounterSet{1} << kCounters) - 1;

// Those that merge by taking the larger one.
constexpr CounterSet kMaxima = bit(Counter::kPendingSeconds);
// Those that a delivery raises by more than one.
constexpr CounterSet kAmounts = bit(Counter::kDeliveredAttempts) | kMaxima;

// What the two methods of the detector look at.
constexpr CounterSet kRateCounters = bit(Counter::kTotal) | bit(Counter::kSettled) | bit(Counter::kFailures);
constexpr CounterSet kReferenceCounters = bit(Counter::kTotal) | bit(Counter::kReferenceFailures);

// What the summary and the comparison look at, and what the trends do.
constexpr CounterSet kStatusCounters = bit(Counter::kTotal) | bit(Counter::kDelivered) | bit(Counter::kFailed) |
                                       bit(Counter::kDeadLetter) | bit(Counter::kPending);
constexpr CounterSet kSummaryCounters =
    kStatusCounters | bit(Counter::kTransient) | bit(Counter::kPermanent) | bit(Counter::kRateLimited) |
    bit(Counter::kOtherLabel) | bit(Counter::kRetried) | bit(Counter::kRetriedEnded) | bit(Counter::kRetriedDelivered) |
    bit(Counter::kTransientRetriedDelivered) | bit(Counter::kTransientBefore) | bit(Counter::kNearFailure) |
    bit(Counter::kDeliveredAttempts) | bit(Counter::kPendingSeconds);

// Those of them that the smaller reports look at.
constexpr CounterSet kDistributionCounters = bit(Counter::kTotal) | bit(Counter::kTransient) |
                                             bit(Counter::kPermanent) | bit(Counter::kRateLimited) |
                                             bit(Counter::kOtherLabel);
constexpr CounterSet kCompareCounters = kStatusCounters | bit(Counter::kRetried) | bit(Counter::kRetriedEnded) |
                                        bit(Counter::kRetriedDelivered) | bit(Counter::kDeliveredAttempts);
constexpr CounterSet kRetryCounters = kCompareCounters | bit(Counter::kTransient) |
                                      bit(Counter::kTransientRetriedDelivered) | bit(Counter::kTransientBefore);

// What the advice on replays looks at, beside those of the detector.
constexpr CounterSet kReplayCounters = bit(Counter::kTotal) | bit(Counter::kFailed) | bit(Counter::kDeadLetter) |
                                       bit(Counter::kTransientRetriedDelivered) | bit(Counter::kTransientRetriedEnded) |
                                       bit(Counter::kRateLimitedRetriedEnded) |
                                       bit(Counter::kRateLimitedRetriedDelivered) | bit(Counter::kTransientFailed) |
                                       bit(Counter::kRateLimitedFailed);

// Those to which a triage label matters only where it says failure.
constexpr CounterSet kFailureCounters =
    bit(Counter::kSettled) | bit(Counter::kFailures) | bit(Counter::kReferenceFailures);

// Those to which the triage label matters, and those to which the attempts do. The first are all that know the label of
// the failure from which a delivery recovered.
constexpr CounterSet kLabelAndAttemptCounters =
    bit(Counter::kTransientRetriedDelivered) | bit(Counter::kTransientRetriedEnded) |
    bit(Counter::kRateLimitedRetriedEnded) | bit(Counter::kRateLimitedRetriedDelivered) |
    bit(Counter::kTransientBefore);
constexpr CounterSet kLabelCounters = kLabelAndAttemptCounters | bit(Counter::kTransient) | bit(Counter::kPermanent) |
                                      bit(Counter::kRateLimited) | bit(Counter::kOtherLabel) |
                                      bit(Counter::kTransientFailed) | bit(Counter::kRateLimitedFailed);
constexpr CounterSet kAttemptCounters = kLabelAndAttemptCounters | bit(Counter::kRetried) |
                                        bit(Counter::kRetriedEnded) | bit(Counter::kRetriedDelivered) |
                                        bit(Counter::kNearFailure) | bit(Counter::kDeliveredAttempts);

// What a delivery is counted as.
struct Traits {
  StatusClass status = StatusClass::kUnmapped;
  LabelClass label = LabelClass::kNone;
  bool retried = false;      // attempted more than once
  bool last_chance = false;  // at most one attempt is left
  bool past_label = false;   // the label is that of the failure from which it recovered
};

constexpr CounterSet counters_of_status(StatusClass status, bool label_failure) {
  const CounterSet label = label_failure ? kFailureCounters : 0;
  switch (status) {
    case StatusClass::kDelivered:
      return bit(Counter::kDelivered) | bit(Counter::kSettled) | (label_failure ? bit(Counter::kReferenceFailures) : 0);
    case StatusClass::kFailed:
      return bit(Counter::kFailed) | kFailureCounters;
    case StatusClass::kDeadLetter:
      return bit(Counter::kDeadLetter) | kFailureCounters;
    case StatusClass::kPending:
      return bit(Counter::kPending) | label;
    case StatusClass::kUnmapped:
      return bit(Counter::kUnmapped) | label;
  }
  return label;
}

constexpr CounterSet counters_of_label(LabelClass label) {
  switch (label) {
    case LabelClass::kTransient:
      return bit(Counter::kTransient);
    case LabelClass::kPermanent:
      return bit(Counter::kPermanent);
    case LabelClass::kRateLimited:
      return bit(Counter::kRateLimited);
    case LabelClass::kOther:
      return bit(Counter::kOtherLabel);
    case LabelClass::kNone:
      break;
  }
  return 0;
}

constexpr bool has_failed(StatusClass status) {
  return status == StatusClass::kFailed || status == StatusClass::kDeadLetter;
}

constexpr CounterSet counters_of_attempts(const Traits &traits) {
  const bool delivered = traits.status == StatusClass::kDelivered;
  const bool ended = delivered || has_failed(traits.status);
  CounterSet set = 0;
  if (traits.retried) {
    set |= bit(Counter::kRetried);
    if (ended) set |= bit(Counter::kRetriedEnded);
    if (delivered) set |= bit(Counter::kRetriedDelivered);
  }
  if (traits.status == StatusClass::kPending && traits.last_chance) set |= bit(Counter::kNearFailure);
  return set;
}

// Those of the two labels that are worth a retry.
constexpr CounterSet counters_of_retries(const Traits &traits) {
  const bool transient = traits.label == LabelClass::kTransient;
  if (!transient && traits.label != LabelClass::kRateLimited) return 0;
  const bool delivered = traits.status == StatusClass::kDelivered;
  const bool recovered = delivered && traits.retried;
  if (traits.past_label && !recovered) return 0;
  const bool failed = has_failed(traits.status);
  CounterSet set = traits.past_label && transient ? bit(Counter::kTransientBefore) : 0;
  if (failed) set |= bit(transient ? Counter::kTransientFailed : Counter::kRateLimitedFailed);
  if (traits.retried && (delivered || failed)) {
    set |= bit(transient ? Counter::kTransientRetriedEnded : Counter::kRateLimitedRetriedEnded);
  }
  if (recovered) {
    set |= bit(transient ? Counter::kTransientRetriedDelivered : Counter::kRateLimitedRetriedDelivered);
  }
  return set;
}

// The counters that a delivery raises by one.
constexpr CounterSet counters_of(const Traits &traits) {
  const LabelClass label = traits.past_label ? LabelClass::kNone : traits.label;
  return bit(Counter::kTotal) | counters_of_status(traits.status, says_failure(label)) | counters_of_label(label) |
         counters_of_attempts(traits) | counters_of_retries(traits);
}

// No counter may be larger: a double still holds it exactly, and the sum of any that are real cannot overflow.
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 53;

// All counters of a cell, or of many; those that its rollup does not keep are 0.
struct Tally {
  std::array<std::uint64_t, kCounters> counts{};

  std::uint64_t operator[](Counter counter) const { return counts[static_cast<std::size_t>(counter)]; }

  // Adds those of `set`. Throws kLimit where one is beyond kMaxCount.
  void add(const Tally &more, CounterSet set = kAllCounters) {
    for (; set != 0; set &= set - 1) {
      const auto i = static_cast<std::size_t>(__builtin_ctz(set));
      if ((set & (~set + 1) & kMaxima) != 0) {
        counts[i] = std::max(counts[i], more.counts[i]);
        continue;
      }
      counts[i] += more.counts[i];
      if (counts[i] > kMaxCount) throw Error(ErrorKind::kLimit, "a counter is beyond 2^53");
    }
  }
};

}  // namespace insights
