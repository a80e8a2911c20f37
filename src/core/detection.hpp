// What an evaluation of the detector looks at: its method, its windows, and the slots that they need.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "rate.hpp"
#include "rollup_reader.hpp"
#include "text.hpp"

namespace insights {

enum class Method { kRate, kReference };

const char *method_name(Method method);

// When the clock of a source in local time shows what it shows twice, [from, until): two deliveries of then may have
// one time, so that some seem to be missing first, and too many to be there afterwards.
struct RepeatedTime {
  Timestamp from, until;
};

// Everything that decides a verdict, beside the counts.
struct Detection {
  Method method = Method::kRate;
  Timestamp as_of = 0;
  Duration recent = 0;    // R
  Duration baseline = 0;  // B, for `rate` cut to the largest multiple of 3R
  RatePolicy policy;
  bool judge_silence = true;
  // The caller sees only a part of the deliveries (one tenant, row-level security): no verdict on the whole fleet.
  bool partial_view = false;
  const RepeatedTime *repeated = nullptr;
  int repeated_count = 0;

  // How far back from as_of the scan must look: B for `reference`, 3R + B for `rate`.
  Duration reach() const { return method == Method::kRate ? 3 * recent + baseline : baseline; }
  // Whether repeated time lies in the windows, or has just begun. Then `rate` says nothing of how much traffic there
  // is.
  bool sees_clock_change() const;
  int blocks() const { return static_cast<int>(baseline / recent); }
};

// Checks the windows, and cuts the baseline. Errors: kInvalidArgument with a hint where recent is not positive, is not
// below the baseline, or, for `rate`, is under a minute or over a sixth of the baseline.
Detection plan_detection(Method method, Timestamp as_of, Duration recent, Duration baseline);

// The edges of the slots, oldest first, each moved by the microsecond that makes (a, b] of [a + 1, b + 1).
//   reference: baseline, recent.    rate: J blocks of R, then (t-3R, t-2R], (t-2R, t-R], (t-R, t-R/5], (t-R/5, t].
std::pmr::vector<Timestamp> detection_edges(const Detection &detection, std::pmr::memory_resource *memory);

// The counters that the method looks at.
CounterSet detection_counters(Method method);

// What the methods look at of one slot; `failures` as the method counts them.
struct SlotCounts {
  std::uint64_t total = 0, settled = 0, failures = 0;
};
SlotCounts slot_counts(const Tally &tally, Method method);

// Makes the inputs of method `rate` of one group from its slots, which are those of detection_edges().
class RateCounter {
 public:
  explicit RateCounter(const Detection &detection);

  // In the order of the slots; those without deliveries may be left out.
  void add(std::uint32_t slot, const SlotCounts &slot_counts);
  RateCounts finish();

 private:
  void add_baseline(std::uint32_t block, const SlotCounts &slot_counts);
  void add_twelve(const SlotCounts &slot_counts);
  void add_to(RateWindow window, const SlotCounts &slot_counts);
  void close_triples(std::uint32_t block);

  RateCounts counts_;
  std::uint32_t blocks_;
  bool twelve_;                   // 12R is judged
  std::uint64_t triple_ = 0;      // of the aligned three blocks that are being added
  std::uint32_t triple_end_ = 3;  // the block after them
};

// The same for method `reference`.
struct ReferenceCounts {
  std::uint64_t recent = 0, baseline = 0, recent_failures = 0, baseline_failures = 0;

  void add(std::uint32_t slot, const SlotCounts &slot_counts);
};

// The counts of one group, read from its cells.
RateCounts read_rate_counts(RollupReader &reader, const Detection &detection, Poll &poll);
ReferenceCounts read_reference_counts(RollupReader &reader, Poll &poll);

}  // namespace insights
