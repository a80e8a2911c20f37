#include "explain.hpp"

#include <cstdio>
#include <cstring>

#include "json_text.hpp"
#include "number.hpp"
#include "reference.hpp"

namespace insights {

namespace {

// Collects lines, part by part.
class Lines {
 public:
  explicit Lines(std::pmr::memory_resource *memory) : lines_(memory), memory_(memory) {}

  void part(const char *name) { part_ = name; }

  void text(const std::string &item, const std::string &value, const char *meaning) {
    lines_.push_back({part_, keep(item), keep(value), meaning});
  }

  void count(const std::string &item, std::uint64_t value, const char *meaning) {
    text(item, std::to_string(value), meaning);
  }

  void number(const std::string &item, double value, const char *meaning, int decimals = 6) {
    char digits[400];  // a double has up to 309 digits before the point
    std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
    text(item, digits, meaning);
  }

  void flag(const std::string &item, bool value, const char *meaning) { text(item, value ? "yes" : "no", meaning); }

  std::pmr::vector<Explanation> take() { return std::move(lines_); }

 private:
  Text keep(const std::string &value) {
    char *copy = static_cast<char *>(memory_->allocate(value.size() + 1, 1));
    std::memcpy(copy, value.data(), value.size());
    return {copy, value.size()};
  }

  std::pmr::vector<Explanation> lines_;
  std::pmr::memory_resource *memory_;
  const char *part_ = "";
};

std::string minutes(Duration duration) { return short_number(static_cast<double>(duration) / kMinute) + " min"; }

std::string window_name(int window, const Detection &detection) {
  constexpr int kFifths[kRateWindows] = {1, 5, 15, 60};
  return minutes(detection.recent / 5 * kFifths[window]);
}

void explain_windows(Lines &lines, const Detection &detection) {
  lines.part("windows");
  lines.text("method", method_name(detection.method), "how the verdict is reached");
  lines.text("as_of", iso_time(detection.as_of), "the end of the recent window");
  lines.text("recent", minutes(detection.recent), "R, the recent window");
  lines.text("baseline", minutes(detection.baseline), "B, the baseline that was used");
}

void explain_inputs(Lines &lines, const RateCounts &counts, const Fleet &fleet, double phi) {
  lines.part("inputs");
  lines.count("recent_count", counts.recent, "deliveries in R");
  lines.count("triple_count", counts.triple, "deliveries in 3R");
  lines.count("baseline_count", counts.baseline, "b: deliveries in the baseline");
  lines.count("peak_block", counts.peak_block, "largest block of R in the baseline");
  lines.count("peak_triple", counts.peak_triple, "largest aligned sum of three blocks");
  lines.count("least_triple", counts.least_triple, "smallest aligned sum of three blocks");
  lines.number("sum_of_squares", counts.baseline_squares, "q: of the blocks' counts", 0);
  lines.count("baseline_settled", counts.baseline_settled, "deliveries in the baseline that came to an end");
  lines.count("baseline_failures", counts.baseline_failed, "bf: of these, failed ones");
  lines.number("dispersion", phi, "phi: how much noisier than Poisson the baseline is, at least 1");
  lines.number("fleet_factor", fleet.factor,
               fleet.partial ? "g: 1, since you see only a part of the deliveries"
                             : "g: what the median busy endpoint does against its baseline, at least 1");
}

void explain_spike(Lines &lines, const SpikeVerdict &verdict, const Detection &detection) {
  lines.part("spike");
  lines.number("factor", detection.policy.rho,
               "rho: the null hypothesis is a rate up to this times g over the baseline's");
  lines.number("log10_p " + window_name(kRecent, detection), verdict.window_log10_p[0], "0 where a gate came first");
  lines.number("log10_p " + window_name(kTriple, detection), verdict.window_log10_p[1], "0 where a gate came first");
  lines.text("threshold p", python_repr(detection.policy.spike_alpha / 2), "a spike is below it in some window");
  lines.flag("spike_detected", verdict.flagged, "");
  lines.text("reason", describe(verdict.reason), "");
}

void explain_failures(Lines &lines, const RateCounts &counts, const FailureVerdict &verdict,
                      const Detection &detection) {
  lines.part("failure cluster");
  for (int window = 0; window < kRateWindows; ++window) {
    if (window == kTwelve && counts.blocks < kBlocksForTwelve) continue;
    const auto index = static_cast<std::size_t>(window);
    const std::string name = window_name(window, detection);
    lines.text("failed " + name, std::to_string(counts.failed[index]) + " of " + std::to_string(counts.settled[index]),
               "failed of those that came to an end");
    lines.number("log10_p " + name, verdict.window_log10_p[index], "0 where too few failed or the ratio is not above");
  }
  lines.number("ratio", verdict.threshold, "p*: the null hypothesis is a failure ratio up to this");
  lines.text("threshold p", python_repr(detection.policy.failure_alpha / kRateWindows),
             "a cluster is below it in some window");
  lines.flag("failure_cluster_detected", verdict.flagged, "");
  lines.text("reason", describe(verdict.reason), "");
}

void explain_silence(Lines &lines, const SilenceVerdict &verdict, const Detection &detection, const Fleet &fleet) {
  lines.part("silence");
  if (!detection.judge_silence) {
    lines.text("reason", "not judged", "anomaly_insights.silence is off, or this standby replays behind");
    return;
  }
  lines.number("log10_p " + window_name(kTriple, detection), verdict.log10_p, "of no delivery in 3R by chance");
  lines.text("threshold p", python_repr(detection.policy.silence_alpha), "silence is below it");
  lines.text("fleet", std::to_string(fleet.silent) + " of " + std::to_string(fleet.judged) + " silent",
             fleet.partial ? "not asked, since you see only a part of the deliveries"
                           : "of the endpoints that could be judged; over half is one event of the fleet");
  lines.flag("silence_detected", verdict.flagged && !fleet.is_silent(), "");
  lines.text("reason", verdict.flagged && fleet.is_silent() ? "the whole fleet is silent" : describe(verdict.reason),
             "");
}

// What the rollup holds of one key; counts of 0 where it holds nothing.
template <typename Counts>
struct Found {
  bool there = false;
  Counts counts;
};

bool is_key(const RollupReader::Group &group, Text tenant, Text endpoint) {
  return compare(group.tenant, tenant) == 0 && compare(group.endpoint, endpoint) == 0;
}

std::string verdict_of(bool spike, bool cluster, bool silence) {
  if (cluster) return spike ? "critical: failure cluster and spike" : "critical: failure cluster";
  if (spike) return "warning: spike";
  return silence ? "warning: silence" : "none";
}

const char *absence(bool there) { return there ? "" : "no delivery of this tenant and endpoint lies in the windows"; }

void explain_rate(Lines &lines, RollupReader &reader, const Detection &detection, Text tenant, Text endpoint,
                  Poll &poll, std::pmr::memory_resource *memory) {
  Found<RateCounts> found;
  found.counts.blocks = detection.blocks();
  FleetSurvey survey(detection, memory);
  RollupReader::Group group;
  while (reader.next_group(group)) {
    poll.tick();
    const RateCounts counts = read_rate_counts(reader, detection, poll);
    survey.add(group.tenant, counts, judge_rate(counts, detection, Fleet()).silence);
    if (is_key(group, tenant, endpoint)) found = {true, counts};
  }
  const Fleet fleet = survey.finish();
  const RateJudgement judgement = judge_rate(found.counts, detection, fleet);
  explain_inputs(lines, found.counts, fleet, judgement.phi);
  explain_spike(lines, judgement.spike, detection);
  explain_failures(lines, found.counts, judgement.failure, detection);
  explain_silence(lines, judgement.silence, detection, fleet);
  lines.part("verdict");
  lines.text(
      "verdict",
      verdict_of(judgement.spike.flagged, judgement.failure.flagged, judgement.silence.flagged && !fleet.is_silent()),
      absence(found.there));
}

void explain_reference(Lines &lines, RollupReader &reader, Text tenant, Text endpoint, Poll &poll) {
  Found<ReferenceCounts> found;
  RollupReader::Group group;
  while (reader.next_group(group)) {
    poll.tick();
    if (is_key(group, tenant, endpoint)) found = {true, read_reference_counts(reader, poll)};
  }
  const ReferenceCounts &counts = found.counts;
  const auto verdict =
      judge_reference(counts.recent, counts.baseline, counts.recent_failures, counts.baseline_failures);
  lines.part("inputs");
  lines.count("recent_count", counts.recent, "deliveries in R");
  lines.count("recent_failures", counts.recent_failures, "of these, failed by status or by label");
  lines.count("baseline_count", counts.baseline, "deliveries in the baseline; taken as 1 where there are none");
  lines.count("baseline_failures", counts.baseline_failures, "of these, failed ones; taken as 1 where there are none");
  lines.part("spike");
  lines.text("multiplier", python_repr(verdict.spike_multiplier), "recent over baseline count, above 1.5 is a spike");
  lines.flag("spike_detected", verdict.spike, "");
  lines.part("failure cluster");
  lines.text("multiplier", python_repr(verdict.failure_multiplier),
             "recent over baseline failures, above 10 is a cluster");
  lines.flag("failure_cluster_detected", verdict.failure_cluster, "");
  lines.part("verdict");
  lines.text("verdict", verdict_of(verdict.spike, verdict.failure_cluster, false), absence(found.there));
}

}  // namespace

std::pmr::vector<Explanation> explain(std::string_view flat, const Detection &detection, Text tenant, Text endpoint,
                                      Poll &poll, std::pmr::memory_resource *memory) {
  Lines lines(memory);
  explain_windows(lines, detection);
  RollupReader reader(flat, memory);
  if (detection.method == Method::kRate) {
    explain_rate(lines, reader, detection, tenant, endpoint, poll, memory);
  } else {
    explain_reference(lines, reader, tenant, endpoint, poll);
  }
  return lines.take();
}

}  // namespace insights
