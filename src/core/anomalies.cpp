#include "anomalies.hpp"

#include <algorithm>

#include "message.hpp"
#include "number.hpp"
#include "reference.hpp"

namespace insights {

namespace {

constexpr double kHighestScore = 300;

std::optional<double> multiplier(std::uint64_t count, double expected) {
  if (expected <= 0) return std::nullopt;
  return round2(static_cast<double>(count) / expected);
}

Duration window_length(RateWindow window, Duration recent) {
  switch (window) {
    case kFifth:
      return recent / 5;
    case kTriple:
      return 3 * recent;
    case kTwelve:
      return 12 * recent;
    default:
      return recent;
  }
}

// The figures that every anomaly of method `rate` reports, from counts of the recent window and the baseline.
void set_figures(Anomaly &anomaly, const Detection &detection) {
  const double blocks = detection.blocks();
  anomaly.expected_count = static_cast<double>(anomaly.baseline_count) / blocks;
  anomaly.expected_failures = static_cast<double>(anomaly.baseline_failures) / blocks;
  anomaly.spike_multiplier = multiplier(anomaly.recent_count, anomaly.expected_count);
  anomaly.failure_multiplier = multiplier(anomaly.recent_failures, anomaly.expected_failures);
}

void set_decision(Anomaly &anomaly, double log10_p, Duration window) {
  anomaly.score = std::min(kHighestScore, -log10_p);
  anomaly.window = window;
}

// What the message tells. An outage that is over for R but not for 12R still is one, and "0 failures" would not say
// why: then the counts of the window that decided do. `in_window` is the count there, `expected` that of R.
void set_told(Anomaly &anomaly, std::uint64_t in_recent, std::uint64_t in_window, double expected, Duration recent) {
  anomaly.told_count = in_recent;
  anomaly.told_multiplier = multiplier(in_recent, expected);
  const bool shows = in_recent > 0 && anomaly.told_multiplier.value_or(2) > 1;
  if (shows || anomaly.window <= recent) return;
  anomaly.told_count = in_window;
  anomaly.told_multiplier =
      multiplier(in_window, expected * static_cast<double>(anomaly.window) / static_cast<double>(recent));
  anomaly.told_window = anomaly.window;
}

std::optional<Anomaly> rate_anomaly(const RollupReader::Group &group, const RateCounts &counts,
                                    const Detection &detection, const Fleet &fleet) {
  const RateJudgement judgement = judge_rate(counts, detection, fleet);
  Anomaly anomaly;
  anomaly.spike = judgement.spike.flagged;
  anomaly.failure_cluster = judgement.failure.flagged;
  // The silence of the whole fleet is reported once.
  anomaly.silence = judgement.silence.flagged && !fleet.is_silent();
  if (!anomaly.spike && !anomaly.failure_cluster && !anomaly.silence) return std::nullopt;

  anomaly.tenant = group.tenant;
  anomaly.endpoint = group.endpoint;
  anomaly.recent_count = counts.recent;
  anomaly.baseline_count = counts.baseline;
  anomaly.recent_failures = counts.failed[kRecent];
  anomaly.baseline_failures = counts.baseline_failed;
  anomaly.recent_settled = counts.settled[kRecent];
  anomaly.baseline_settled = counts.baseline_settled;
  anomaly.twelve_count = counts.twelve;
  set_figures(anomaly, detection);
  // The graver verdict decides what score and window say.
  if (anomaly.failure_cluster) {
    const RateWindow window = judgement.failure.window;
    set_decision(anomaly, judgement.failure.log10_p, window_length(window, detection.recent));
    set_told(anomaly, counts.failed[kRecent], counts.failed[window], anomaly.expected_failures, detection.recent);
  } else if (anomaly.spike) {
    set_decision(anomaly, judgement.spike.log10_p, window_length(judgement.spike.window, detection.recent));
    set_told(anomaly, counts.recent, counts.triple, anomaly.expected_count, detection.recent);
  } else {
    set_decision(anomaly, judgement.silence.log10_p, 3 * detection.recent);
  }
  return anomaly;
}

// The anomaly of the fleet as a whole, if there is one. It has no p value: it is a majority, not a test.
std::optional<Anomaly> fleet_anomaly(const Detection &detection, const Fleet &fleet) {
  Anomaly anomaly;
  anomaly.fleet = true;
  anomaly.silence = fleet.is_silent();
  anomaly.spike = fleet.is_surging(detection.policy) && !detection.sees_clock_change();
  if (!anomaly.silence && !anomaly.spike) return std::nullopt;
  anomaly.recent_count = fleet.recent;
  anomaly.baseline_count = fleet.baseline;
  anomaly.recent_failures = fleet.recent_failures;
  anomaly.baseline_failures = fleet.baseline_failures;
  anomaly.window = anomaly.silence ? 3 * detection.recent : detection.recent;
  set_figures(anomaly, detection);
  return anomaly;
}

std::optional<Anomaly> reference_anomaly(const RollupReader::Group &group, const ReferenceCounts &counts) {
  if (counts.recent == 0) return std::nullopt;
  const auto verdict =
      judge_reference(counts.recent, counts.baseline, counts.recent_failures, counts.baseline_failures);
  if (!verdict.spike && !verdict.failure_cluster) return std::nullopt;
  Anomaly anomaly;
  anomaly.tenant = group.tenant;
  anomaly.endpoint = group.endpoint;
  anomaly.spike = verdict.spike;
  anomaly.failure_cluster = verdict.failure_cluster;
  anomaly.recent_count = counts.recent;
  anomaly.baseline_count = verdict.baseline_count;
  anomaly.recent_failures = counts.recent_failures;
  anomaly.baseline_failures = verdict.baseline_failures;
  anomaly.spike_multiplier = verdict.spike_multiplier;
  anomaly.failure_multiplier = verdict.failure_multiplier;
  anomaly.told_count = verdict.failure_cluster ? counts.recent_failures : counts.recent;
  anomaly.told_multiplier = verdict.failure_cluster ? verdict.failure_multiplier : verdict.spike_multiplier;
  return anomaly;
}

bool graver(const Anomaly &a, const Anomaly &b) {
  if (a.critical() != b.critical()) return a.critical();
  if (a.recent_failures != b.recent_failures) return a.recent_failures > b.recent_failures;
  if (compare(a.tenant, b.tenant) != 0) return listed_before(a.tenant, b.tenant);
  if (compare(a.endpoint, b.endpoint) != 0) return listed_before(a.endpoint, b.endpoint);
  return a.fleet && !b.fleet;
}

}  // namespace

RateJudgement judge_rate(const RateCounts &counts, const Detection &detection, const Fleet &fleet) {
  RateJudgement judgement;
  judgement.phi = dispersion(counts, nullptr);
  judgement.failure = judge_failures(counts, nullptr, detection.policy);
  if (detection.sees_clock_change()) {
    judgement.spike.reason = judgement.silence.reason = Reason::kClockChange;
    return judgement;
  }
  judgement.spike = judge_spike(counts, nullptr, detection.policy, judgement.phi, fleet.factor);
  if (detection.judge_silence) {
    judgement.silence = judge_silence(counts, nullptr, detection.policy, judgement.phi);
  }
  return judgement;
}

Evaluation::Evaluation(const Detection &detection, std::pmr::memory_resource *memory)
    : detection_(detection), survey_(detection, memory), candidates_(memory), anomalies_(memory) {}

// What the fleet does is known only at the end; but a fleet factor only ever takes a spike away, so whatever is not
// flagged without one can be forgotten at once.
void Evaluation::add(const RollupReader::Group &group, const RateCounts &counts) {
  const RateJudgement judgement = judge_rate(counts, detection_, Fleet());
  survey_.add(group.tenant, counts, judgement.silence);
  if (judgement.any()) candidates_.push_back({group, counts});
}

void Evaluation::add(const RollupReader::Group &group, const ReferenceCounts &counts) {
  if (const auto anomaly = reference_anomaly(group, counts)) anomalies_.push_back(*anomaly);
}

AnomalyList Evaluation::finish(std::size_t most, bool unicode, Poll &poll, std::pmr::memory_resource *memory) {
  const Fleet fleet = survey_.finish();
  if (detection_.method == Method::kRate) {
    if (const auto anomaly = fleet_anomaly(detection_, fleet)) anomalies_.push_back(*anomaly);
  }
  for (const Candidate &candidate : candidates_) {
    poll.tick();
    if (const auto anomaly = rate_anomaly(candidate.group, candidate.counts, detection_, fleet)) {
      anomalies_.push_back(*anomaly);
    }
  }
  const std::size_t kept = std::min(most, anomalies_.size());
  std::partial_sort(anomalies_.begin(), anomalies_.begin() + static_cast<std::ptrdiff_t>(kept), anomalies_.end(),
                    [&poll](const Anomaly &a, const Anomaly &b) {
                      poll.tick();
                      return graver(a, b);
                    });
  AnomalyList list{anomalies_.size(), 0, fleet, std::pmr::vector<Anomaly>(memory)};
  for (const Anomaly &anomaly : anomalies_) list.critical += anomaly.critical() ? 1 : 0;
  list.gravest.assign(anomalies_.begin(), anomalies_.begin() + static_cast<std::ptrdiff_t>(kept));
  for (Anomaly &anomaly : list.gravest) {
    poll.tick();
    anomaly.message = write_message(anomaly, fleet, unicode, memory);
  }
  decltype(candidates_)(candidates_.get_allocator()).swap(candidates_);
  decltype(anomalies_)(anomalies_.get_allocator()).swap(anomalies_);
  return list;
}

std::pmr::vector<Anomaly> find_anomalies(std::string_view flat, const Detection &detection, bool unicode, Poll &poll,
                                         std::pmr::memory_resource *memory) {
  Evaluation evaluation(detection, memory);
  RollupReader reader(flat, memory);
  RollupReader::Group group;
  while (reader.next_group(group)) {
    poll.tick();
    if (detection.method == Method::kRate) {
      evaluation.add(group, read_rate_counts(reader, detection, poll));
    } else {
      evaluation.add(group, read_reference_counts(reader, poll));
    }
  }
  return evaluation.finish(SIZE_MAX, unicode, poll, memory).gravest;
}

}  // namespace insights
