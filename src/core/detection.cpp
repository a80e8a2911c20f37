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

RateCounts read_rate_counts(RollupReader &reader, const Detection &detection, Poll &poll) {
  RateCounts counts;
  const auto blocks = static_cast<std::uint32_t>(detection.blocks());
  const bool twelve = detection.blocks() >= kBlocksForTwelve;
  counts.blocks = static_cast<int>(blocks);
  counts.least_triple = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t triple = 0;      // of the aligned three blocks that are being read
  std::uint32_t triple_end = 3;  // the block after them
  const auto close_triples = [&](std::uint32_t block) {
    for (; triple_end <= block; triple_end += 3, triple = 0) {
      counts.peak_triple = std::max(counts.peak_triple, triple);
      counts.least_triple = std::min(counts.least_triple, triple);
    }
  };

  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    const std::uint64_t total = cell.tally[Counter::kTotal];
    const std::uint64_t settled = cell.tally[Counter::kSettled];
    const std::uint64_t failed = cell.tally[Counter::kFailures];
    const auto add_to = [&](RateWindow window) {
      counts.settled[window] += settled;
      counts.failed[window] += failed;
    };
    // The slots end with R, R, 4R/5, R/5; the 12 R reach nine blocks into the baseline.
    if (cell.slot < blocks) {
      close_triples(cell.slot);
      triple += total;
      counts.baseline += total;
      counts.baseline_squares += static_cast<double>(total) * static_cast<double>(total);
      counts.peak_block = std::max(counts.peak_block, total);
      counts.baseline_settled += settled;
      counts.baseline_failed += failed;
      if (twelve && cell.slot >= blocks - 9) add_to(kTwelve);
      continue;
    }
    counts.triple += total;
    add_to(kTriple);
    if (twelve) add_to(kTwelve);
    if (cell.slot < blocks + 2) continue;
    counts.recent += total;
    add_to(kRecent);
    if (cell.slot == blocks + 3) add_to(kFifth);
  }
  close_triples(blocks);
  return counts;
}

ReferenceCounts read_reference_counts(RollupReader &reader, Poll &poll) {
  ReferenceCounts counts;
  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    (cell.slot == 0 ? counts.baseline : counts.recent) += cell.tally[Counter::kTotal];
    (cell.slot == 0 ? counts.baseline_failures : counts.recent_failures) += cell.tally[Counter::kReferenceFailures];
  }
  return counts;
}

}  // namespace insights
