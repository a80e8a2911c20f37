// From a rollup to what is wrong: the detector over all groups, and over the fleet as a whole.
#pragma once

#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "detection.hpp"
#include "poll.hpp"
#include "text.hpp"

namespace insights {

// How many groups, of how many tenants, make a fleet of which something can be said as a whole.
constexpr std::size_t kFleetGroups = 20;
constexpr std::size_t kFleetTenants = 5;
// How many groups must be steady enough to be judged before most of them falling silent is the fleet's silence.
constexpr std::size_t kFleetJudged = 5;

// What all groups do together.
struct Fleet {
  double factor = 1.0;      // g: median of recent over baseline rate of the busy groups, at least 1
  std::size_t groups = 0;   // groups with at least 50 deliveries in the baseline, from which g is taken
  std::size_t tenants = 0;  // of how many tenants
  std::size_t judged = 0;   // groups whose silence would mean something
  std::size_t silent = 0;   // of these, groups that are silent
  bool partial = false;     // not asked, since the caller sees only a part

  std::uint64_t recent = 0, recent_failures = 0, baseline = 0, baseline_failures = 0;  // of all groups
  std::uint64_t deliveries = 0;                                                        // in all windows together

  // More than half of those that could be judged are silent: one event, not one per endpoint.
  bool is_silent() const { return judged >= kFleetJudged && silent * 2 > judged; }
  // Everything surges at once, by more than the factor that would be a spike for one endpoint.
  bool is_surging(const RatePolicy &policy) const { return factor > policy.rho; }
};

// Gathers the fleet, group by group in the order of a rollup. For method `rate`.
class FleetSurvey {
 public:
  FleetSurvey(const Detection &detection, std::pmr::memory_resource *memory);

  void add(Text tenant, const RateCounts &counts, const SilenceVerdict &silence);
  Fleet finish();

 private:
  Fleet fleet_;
  Text last_tenant_;
  std::pmr::vector<double> factors_;  // recent over baseline rate of each busy group
};

// One thing that is wrong. Texts point into the rollup's bytes, the message into the given memory.
struct Anomaly {
  bool fleet = false;  // of the whole fleet; tenant and endpoint are NULL then
  Text tenant;
  Text endpoint;
  bool spike = false;
  bool failure_cluster = false;
  bool silence = false;
  std::uint64_t recent_count = 0, baseline_count = 0, recent_failures = 0, baseline_failures = 0;
  std::optional<double> spike_multiplier, failure_multiplier;  // rounded to 2 decimals; none where nothing is expected
  // Of method `rate` only:
  double expected_count = 0, expected_failures = 0;  // in R, from the baseline
  double score = 0;                                  // -log10 of the deciding p, at most 300
  std::uint64_t recent_settled = 0, baseline_settled = 0, twelve_count = 0;
  Duration window = 0;  // the deciding window
  // What the message tells: of R, unless what decided shows in a longer window only.
  std::uint64_t told_count = 0;  // failures of a cluster, deliveries of a spike
  std::optional<double> told_multiplier;
  Duration told_window = 0;  // 0: R
  Text message;

  bool critical() const { return failure_cluster; }
};

// All verdicts on one group by method `rate`; what a report and an explanation have in common.
struct RateJudgement {
  double phi = 1;
  SpikeVerdict spike;
  FailureVerdict failure;
  SilenceVerdict silence;

  bool any() const { return spike.flagged || failure.flagged || silence.flagged; }
};
RateJudgement judge_rate(const RateCounts &counts, const Detection &detection, const Fleet &fleet);

// What is wrong: all of it counted, and the gravest in their order: critical first, then by recent failures, then by
// tenant and endpoint (by bytes, NULL last).
struct AnomalyList {
  std::size_t total = 0;
  std::size_t critical = 0;
  Fleet fleet;
  std::pmr::vector<Anomaly> gravest;
};

// One evaluation of the detector. Takes the groups in the order of a rollup, then says what is wrong.
class Evaluation {
 public:
  Evaluation(const Detection &detection, std::pmr::memory_resource *memory);

  const Detection &detection() const { return detection_; }

  // The counts of the method; the other overload is for the other method.
  void add(const RollupReader::Group &group, const RateCounts &counts);
  void add(const RollupReader::Group &group, const ReferenceCounts &counts);

  // The same as add(group, counts), for counts of which may_matter() says no: of these only the sums are looked at.
  void add_quiet(const RateCounts &counts) { survey_.add(Text(), counts, SilenceVerdict()); }

  // How many groups may be anomalous so far: each takes memory.
  std::size_t candidates() const { return candidates_.size() + anomalies_.size(); }

  // The anomalies, the gravest `most` of them in full, in `memory`; to be asked once. Frees what was kept of the
  // groups. `unicode` says whether messages may hold more than ASCII.
  AnomalyList finish(std::size_t most, bool unicode, Poll &poll, std::pmr::memory_resource *memory);

 private:
  // A group that may be anomalous, and what was counted of it.
  struct Candidate {
    RollupReader::Group group;
    RateCounts counts;
  };

  Detection detection_;
  FleetSurvey survey_;
  std::pmr::vector<Candidate> candidates_;
  std::pmr::vector<Anomaly> anomalies_;
};

// What is wrong, from the rollup of detection_edges(). The texts of the anomalies point into its bytes.
std::pmr::vector<Anomaly> find_anomalies(std::string_view flat, const Detection &detection, bool unicode, Poll &poll,
                                         std::pmr::memory_resource *memory);

}  // namespace insights
