#include "observe.hpp"

#include <algorithm>

namespace insights {

namespace {

bool key_order(const Observed &a, const Observed &b) { return a.key < b.key; }

Observation calm_observation(const RateCounts &counts, const Detection &detection) {
  Observation now;
  now.at = detection.as_of;
  now.recent_count = counts.recent;
  now.baseline_count = counts.baseline;
  now.recent_failures = counts.failed[kRecent];
  now.baseline_failures = counts.baseline_failed;
  now.recent_settled = counts.settled[kRecent];
  now.baseline_settled = counts.baseline_settled;
  now.hour_count = counts.twelve;
  now.expected_count = static_cast<double>(counts.baseline) / detection.blocks();
  return now;
}

// Of a fleet of which nothing is wrong.
Observation fleet_observation(const Fleet &fleet, const Detection &detection) {
  Observation now;
  now.at = detection.as_of;
  now.fleet = true;
  now.recent_count = fleet.recent;
  now.baseline_count = fleet.baseline;
  now.recent_failures = fleet.recent_failures;
  now.baseline_failures = fleet.baseline_failures;
  now.expected_count = static_cast<double>(fleet.baseline) / detection.blocks();
  return now;
}

std::optional<double> larger_multiplier(const Anomaly &anomaly) {
  std::optional<double> larger;
  if (anomaly.spike) larger = anomaly.spike_multiplier;
  if (anomaly.failure_cluster && anomaly.failure_multiplier) {
    larger = std::max(larger.value_or(0), *anomaly.failure_multiplier);
  }
  return larger;
}

Observed flagged_observation(const Anomaly &anomaly, const Detection &detection) {
  Observed observed;
  observed.key = {anomaly.fleet, anomaly.tenant, anomaly.endpoint};
  Observation &now = observed.observation;
  now.at = detection.as_of;
  now.fleet = anomaly.fleet;
  if (anomaly.spike) now.flagged |= kSpikeKind;
  if (anomaly.failure_cluster) now.flagged |= kFailureKind;
  if (anomaly.silence) now.flagged |= kSilenceKind;
  now.recent_count = anomaly.recent_count;
  now.baseline_count = anomaly.baseline_count;
  now.recent_failures = anomaly.recent_failures;
  now.baseline_failures = anomaly.baseline_failures;
  now.recent_settled = anomaly.recent_settled;
  now.baseline_settled = anomaly.baseline_settled;
  now.hour_count = anomaly.twelve_count;
  now.expected_count = anomaly.expected_count;
  now.multiplier = larger_multiplier(anomaly);
  now.message = anomaly.message;
  return observed;
}

// The counts of one group; adds its unmapped deliveries.
RateCounts read_counts(RollupReader &reader, const Detection &detection, std::uint64_t *unmapped, Poll &poll) {
  RateCounter counter(detection);
  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    counter.add(cell.slot, slot_counts(cell.tally, Method::kRate));
    *unmapped += cell.tally[Counter::kUnmapped];
  }
  return counter.finish();
}

}  // namespace

Observations observe(std::string_view flat, const Detection &detection, const std::pmr::vector<IncidentKey> &watched,
                     bool unicode, Poll &poll, std::pmr::memory_resource *memory) {
  Evaluation evaluation(detection, memory);
  RollupReader reader(flat, memory);
  RollupReader::Group group;
  Observations observations{std::pmr::vector<Observed>(memory), 0, 0};
  // Both come in the same order.
  auto next_watched = watched.begin();
  observations.list.reserve(watched.size());
  const auto watch = [&](const IncidentKey &key, const RateCounts &counts) {
    observations.list.push_back({key, calm_observation(counts, detection), UINT32_MAX});
  };
  const bool fleet_watched = next_watched != watched.end() && next_watched->fleet;
  if (fleet_watched) ++next_watched;
  while (reader.next_group(group)) {
    poll.tick();
    const RateCounts counts = read_counts(reader, detection, &observations.unmapped, poll);
    evaluation.add(group, counts);
    const IncidentKey key{false, group.tenant, group.endpoint};
    while (next_watched != watched.end() && *next_watched < key) watch(*next_watched++, RateCounts());
    if (next_watched != watched.end() && compare(*next_watched, key) == 0) watch(*next_watched++, counts);
  }
  while (next_watched != watched.end()) watch(*next_watched++, RateCounts());

  const AnomalyList anomalies = evaluation.finish(SIZE_MAX, unicode, poll, memory);
  observations.deliveries = anomalies.fleet.deliveries;
  if (fleet_watched) {
    observations.list.push_back({watched.front(), fleet_observation(anomalies.fleet, detection), UINT32_MAX});
  }
  observations.list.reserve(observations.list.size() + anomalies.gravest.size());
  for (const Anomaly &anomaly : anomalies.gravest) {
    observations.list.push_back(flagged_observation(anomaly, detection));
    observations.list.back().rank = static_cast<std::uint32_t>(&anomaly - anomalies.gravest.data());
  }
  // A flagged key that is watched is there twice: what the detector says of it comes last.
  std::stable_sort(observations.list.begin(), observations.list.end(), key_order);
  auto kept = observations.list.begin();
  for (auto next = kept; next != observations.list.end(); ++next) {
    if (kept != next && compare(kept->key, next->key) != 0) ++kept;
    *kept = *next;
  }
  if (!observations.list.empty()) observations.list.erase(kept + 1, observations.list.end());
  return observations;
}

}  // namespace insights
