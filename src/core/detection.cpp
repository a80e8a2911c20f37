#include "detection.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace insights {

namespace {

// A year and some more: far beyond any window that makes sense, and far from where sums of durations overflow.
constexpr Duration kLongestBaseline = Duration{400} * 24 * 60 * kMinute;

std::string in_seconds(Duration duration) {
  std::string text = std::to_string(static_cast<double>(duration) / kSecond);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

[[noreturn]] void bad_window(const std::string &message, const char *hint) {
  throw Error(ErrorKind::kInvalidArgument, message, hint);
}

}  // namespace

const char *method_name(Method method) { return method == Method::kRate ? "rate" : "reference"; }

bool Detection::sees_clock_change() const {
  return std::any_of(repeated, repeated + repeated_count,
                     [&](const RepeatedTime &time) { return as_of >= time.from && as_of - reach() < time.until; });
}

Detection plan_detection(Method method, Timestamp as_of, Duration recent, Duration baseline) {
  if (recent <= 0) bad_window("recent must be positive, not " + in_seconds(recent), "For instance '5 minutes'.");
  if (baseline <= recent) {
    bad_window("baseline must be longer than recent, not " + in_seconds(baseline) + " against " + in_seconds(recent),
               "For instance '60 minutes' against '5 minutes'.");
  }
  if (baseline > kLongestBaseline) {
    bad_window("baseline must not be longer than 400 days, not " + in_seconds(baseline), "Take a shorter baseline.");
  }
  if (as_of < kFirstTime + 4 * kLongestBaseline || as_of >= kEndOfTime) {
    bad_window("as_of is too close to the first timestamp or beyond the last", "Give a time of deliveries.");
  }
  if (method == Method::kRate) {
    if (recent < kMinute) {
      bad_window("method rate needs a recent of at least a minute, not " + in_seconds(recent),
                 "Take a longer recent, or method 'reference'.");
    }
    if (baseline / recent < 6) {
      bad_window("method rate needs a baseline of at least 6 times recent, not " + in_seconds(baseline) + " against " +
                     in_seconds(recent),
                 "Take a longer baseline or a shorter recent.");
    }
    baseline -= baseline % (3 * recent);
  }
  Detection detection;
  detection.method = method;
  detection.as_of = as_of;
  detection.recent = recent;
  detection.baseline = baseline;
  return detection;
}

CounterSet detection_counters(Method method) { return method == Method::kRate ? kRateCounters : kReferenceCounters; }

std::pmr::vector<Timestamp> detection_edges(const Detection &detection, std::pmr::memory_resource *memory) {
  std::pmr::vector<Timestamp> edges(memory);
  const Timestamp end = detection.as_of + 1;
  const Duration recent = detection.recent;
  if (detection.method == Method::kReference) {
    edges.assign({end - detection.baseline, end - recent, end});
    return edges;
  }
  const int blocks = detection.blocks();
  if (static_cast<std::uint32_t>(blocks) > SlotGrid::kMaxSlots - 8) {
    throw Error(ErrorKind::kInvalidArgument, "baseline has too many blocks of recent", "Take a longer recent.");
  }
  for (int i = 0; i <= blocks + 2; ++i) edges.push_back(end - detection.reach() + i * recent);
  edges.push_back(end - recent / 5);
  edges.push_back(end);
  return edges;
}

SlotCounts slot_counts(const Tally &tally, Method method) {
  return {tally[Counter::kTotal], tally[Counter::kSettled],
          tally[method == Method::kRate ? Counter::kFailures : Counter::kReferenceFailures]};
}

RateCounter::RateCounter(const Detection &detection)
    : blocks_(static_cast<std::uint32_t>(detection.blocks())), twelve_(detection.blocks() >= kBlocksForTwelve) {
  counts_.blocks = detection.blocks();
  counts_.least_triple = std::numeric_limits<std::uint64_t>::max();
}

// The slots end with R, R, 4R/5, R/5; the 12 R reach nine blocks into the baseline.
void RateCounter::add(std::uint32_t slot, const SlotCounts &slot_counts) {
  if (slot < blocks_) {
    add_baseline(slot, slot_counts);
    if (slot + 9 >= blocks_) add_twelve(slot_counts);
    return;
  }
  counts_.triple += slot_counts.total;
  add_to(kTriple, slot_counts);
  add_twelve(slot_counts);
  if (slot < blocks_ + 2) return;
  counts_.recent += slot_counts.total;
  add_to(kRecent, slot_counts);
  if (slot == blocks_ + 3) add_to(kFifth, slot_counts);
}

void RateCounter::add_baseline(std::uint32_t block, const SlotCounts &slot_counts) {
  close_triples(block);
  triple_ += slot_counts.total;
  counts_.baseline += slot_counts.total;
  counts_.baseline_squares += static_cast<double>(slot_counts.total) * static_cast<double>(slot_counts.total);
  counts_.peak_block = std::max(counts_.peak_block, slot_counts.total);
  counts_.baseline_settled += slot_counts.settled;
  counts_.baseline_failed += slot_counts.failures;
}

void RateCounter::add_twelve(const SlotCounts &slot_counts) {
  counts_.twelve += slot_counts.total;
  if (twelve_) add_to(kTwelve, slot_counts);
}

void RateCounter::add_to(RateWindow window, const SlotCounts &slot_counts) {
  counts_.settled[window] += slot_counts.settled;
  counts_.failed[window] += slot_counts.failures;
}

// Ends the aligned triples of blocks that lie before `block`, the empty ones too.
void RateCounter::close_triples(std::uint32_t block) {
  for (; triple_end_ <= block; triple_end_ += 3, triple_ = 0) {
    counts_.peak_triple = std::max(counts_.peak_triple, triple_);
    counts_.least_triple = std::min(counts_.least_triple, triple_);
  }
}

RateCounts RateCounter::finish() {
  close_triples(blocks_);
  return counts_;
}

void ReferenceCounts::add(std::uint32_t slot, const SlotCounts &slot_counts) {
  (slot == 0 ? baseline : recent) += slot_counts.total;
  (slot == 0 ? baseline_failures : recent_failures) += slot_counts.failures;
}

RateCounts read_rate_counts(RollupReader &reader, const Detection &detection, Poll &poll) {
  RateCounter counter(detection);
  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    counter.add(cell.slot, slot_counts(cell.tally, Method::kRate));
  }
  return counter.finish();
}

ReferenceCounts read_reference_counts(RollupReader &reader, Poll &poll) {
  ReferenceCounts counts;
  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    counts.add(cell.slot, slot_counts(cell.tally, Method::kReference));
  }
  return counts;
}

}  // namespace insights
