#include "replay.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "figures.hpp"
#include "number.hpp"
#include "triage.hpp"
#include "window.hpp"

namespace insights {

namespace {

constexpr std::uint64_t kEndpointPrior = 20;  // deliveries that the label's record weighs against the endpoint's
constexpr std::uint64_t kLabelPrior = 2;      // and one half against the label's

constexpr std::uint64_t kLongRecord = 100;
constexpr std::uint64_t kShortRecord = 20;
constexpr double kLikely = 80;
constexpr double kUnlikely = 50;

// Where an age ends, in hours.
constexpr int kAgeHours[kReplayAges - 1] = {1, 6, 24};

LabelCounts failed_of(const Tally &tally) {
  return {tally[Counter::kTransientFailed], tally[Counter::kRateLimitedFailed]};
}

void add_record(const Tally &tally, RetryRecord &record) {
  record.ended[0] += tally[Counter::kTransientRetriedEnded];
  record.ended[1] += tally[Counter::kRateLimitedRetriedEnded];
  record.delivered[0] += tally[Counter::kTransientRetriedDelivered];
  record.delivered[1] += tally[Counter::kRateLimitedRetriedDelivered];
}

int compare_keys(Text tenant_a, Text endpoint_a, Text tenant_b, Text endpoint_b) {
  const int by_tenant = compare(tenant_a, tenant_b);
  return by_tenant != 0 ? by_tenant : compare(endpoint_a, endpoint_b);
}

// Which slots of the rollup belong to the window, and of which age they are.
class Ages {
 public:
  Ages(const SlotGrid &grid, Timestamp as_of, int hours) : grid_(grid), as_of_(as_of), hours_(hours) {}

  bool in_window(std::uint32_t slot) const { return grid_.edge(slot) > as_of_ - hours_ * kHour; }
  std::size_t age(std::uint32_t slot) const {
    std::size_t age = 0;
    while (age < kReplayAges - 1 && grid_.edge(slot) <= as_of_ - kAgeHours[age] * kHour) ++age;
    return age;
  }

 private:
  const SlotGrid &grid_;
  Timestamp as_of_;
  int hours_;
};

int compare_held(const HeldGroup &a, const HeldGroup &b) {
  if (a.fleet != b.fleet) return a.fleet ? -1 : 1;
  return compare_keys(a.tenant, a.endpoint, b.tenant, b.endpoint);
}

// The groups that have a failure cluster now, by the rollup or as an incident; each once, as the rollup has it.
void find_held_groups(std::string_view flat, const HistoryPlan &plan, const std::pmr::vector<HeldGroup> &incidents,
                      bool unicode, Poll &poll, ReplayAdvice &advice, std::pmr::memory_resource *memory) {
  std::pmr::vector<HeldGroup> &held = advice.held_back;
  History now(flat, plan, poll, memory);
  for (const Anomaly &anomaly : now.finish(0, SIZE_MAX, unicode, poll, memory).anomalies.gravest) {
    if (!anomaly.failure_cluster) continue;
    held.push_back({anomaly.fleet, anomaly.tenant, anomaly.endpoint, anomaly.message, 0, false});
  }
  held.insert(held.end(), incidents.begin(), incidents.end());
  std::stable_sort(held.begin(), held.end(),
                   [](const HeldGroup &a, const HeldGroup &b) { return compare_held(a, b) < 0; });
  held.erase(std::unique(held.begin(), held.end(),
                         [](const HeldGroup &a, const HeldGroup &b) { return compare_held(a, b) == 0; }),
             held.end());
}

// Endpoints come once for each tenant; makes one of them.
void merge_endpoints(std::pmr::vector<ReplayEndpoint> &endpoints, Poll &poll) {
  std::sort(endpoints.begin(), endpoints.end(), [&poll](const ReplayEndpoint &a, const ReplayEndpoint &b) {
    poll.tick();
    return compare(a.endpoint, b.endpoint) < 0;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (i == 0 || compare(endpoints[kept - 1].endpoint, endpoints[i].endpoint) != 0) {
      endpoints[kept++] = endpoints[i];
      continue;
    }
    ReplayEndpoint &into = endpoints[kept - 1];
    into.recommended += endpoints[i].recommended;
    for (int label = 0; label < kReplayLabels; ++label) {
      into.record.ended[label] += endpoints[i].record.ended[label];
      into.record.delivered[label] += endpoints[i].record.delivered[label];
    }
  }
  endpoints.resize(kept);
}

HeldGroup *find_held_group(ReplayAdvice &advice, const RollupReader::Group &group) {
  return const_cast<HeldGroup *>(advice.find_held(group.tenant, group.endpoint));
}

// Reads the cells of one group within the window.
void read_group(RollupReader &reader, const RollupReader::Group &group, const Ages &ages, ReplayAdvice &advice,
                Poll &poll) {
  ReplayEndpoint endpoint;
  endpoint.endpoint = group.endpoint;
  HeldGroup *held = find_held_group(advice, group);
  if (held != nullptr) held->seen = true;
  RollupReader::Cell cell;
  while (reader.next_cell(cell)) {
    poll.tick();
    if (!ages.in_window(cell.slot)) continue;
    add_record(cell.tally, endpoint.record);
    add_record(cell.tally, advice.record);
    advice.analyzed += failures_of(cell.tally);
    const LabelCounts failed = failed_of(cell.tally);
    const std::uint64_t worth = failed[0] + failed[1];
    if (held != nullptr) {
      held->deliveries += worth;
      advice.held += worth;
      continue;
    }
    for (int label = 0; label < kReplayLabels; ++label) advice.by_label[label] += failed[label];
    advice.by_age[ages.age(cell.slot)] += worth;
    endpoint.recommended += worth;
    advice.recommended += worth;
  }
  advice.endpoints.push_back(endpoint);
}

}  // namespace

int replay_score(int label) {
  Triage triage;
  triage.rule = label == 0 ? TriageRule::kTransient : TriageRule::kRateLimited;
  return triage.score();
}

const ReplayEndpoint *ReplayAdvice::find_endpoint(Text endpoint) const {
  const auto at =
      std::lower_bound(endpoints.begin(), endpoints.end(), endpoint,
                       [](const ReplayEndpoint &entry, Text name) { return compare(entry.endpoint, name) < 0; });
  return at != endpoints.end() && compare(at->endpoint, endpoint) == 0 ? &*at : nullptr;
}

const HeldGroup *ReplayAdvice::find_held(Text tenant, Text endpoint) const {
  if (holds_all()) return &held_back.front();
  const auto at = std::lower_bound(held_back.begin(), held_back.end(), tenant, [&](const HeldGroup &group, Text name) {
    return compare_keys(group.tenant, group.endpoint, name, endpoint) < 0;
  });
  return at != held_back.end() && compare_keys(at->tenant, at->endpoint, tenant, endpoint) == 0 ? &*at : nullptr;
}

// (d + 20 r) / (e + 20) with r = (D + 1) / (E + 2), as one fraction: exact, like every other rate.
double ReplayAdvice::expected_success_rate(const RetryRecord &of_endpoint, int label) const {
  const Wide label_whole = Wide{record.ended[label]} + kLabelPrior;
  const Wide label_part = Wide{record.delivered[label]} + kLabelPrior / 2;
  return rounded_ratio(100 * (Wide{of_endpoint.delivered[label]} * label_whole + kEndpointPrior * label_part),
                       (Wide{of_endpoint.ended[label]} + kEndpointPrior) * label_whole, 1);
}

double ReplayAdvice::expected_success_rate(Text endpoint, int label) const {
  const ReplayEndpoint *entry = find_endpoint(endpoint);
  return expected_success_rate(entry == nullptr ? RetryRecord() : entry->record, label);
}

double ReplayAdvice::mean_success_rate() const {
  if (recommended == 0) return 0;
  double sum = 0;
  for (int label = 0; label < kReplayLabels; ++label) {
    // Of a label as a whole: that of an endpoint without a record.
    const double rate = 100.0 * static_cast<double>(record.delivered[label] + kLabelPrior / 2) /
                        static_cast<double>(record.ended[label] + kLabelPrior);
    sum += static_cast<double>(by_label[label]) * rate;
  }
  return std::round(sum / static_cast<double>(recommended) * 10) / 10;
}

const char *ReplayAdvice::confidence() const {
  const std::uint64_t length = record.ended[0] + record.ended[1];
  const double rate = mean_success_rate();
  if (recommended == 0 || length < kShortRecord || rate < kUnlikely) return "low";
  return length >= kLongRecord && rate >= kLikely ? "high" : "medium";
}

std::pmr::vector<Timestamp> replay_edges(const HistoryPlan &plan, int hours, Poll &poll,
                                         std::pmr::memory_resource *memory) {
  std::pmr::vector<Timestamp> edges = history_edges(plan, poll, memory);
  const Timestamp end = plan.detection.as_of + 1;
  for (const int age : kAgeHours) {
    if (age < hours) edges.push_back(end - age * kHour);
  }
  edges.push_back(end - hours * kHour);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

ReplayAdvice advise_replays(std::string_view flat, const HistoryPlan &plan, int hours,
                            const std::pmr::vector<HeldGroup> &incidents, bool unicode, Poll &poll,
                            std::pmr::memory_resource *memory) {
  ReplayAdvice advice(memory);
  find_held_groups(flat, plan, incidents, unicode, poll, advice, memory);
  RollupReader reader(flat, memory);
  const Ages ages(reader.shape().grid, plan.detection.as_of, hours);
  RollupReader::Group group;
  while (reader.next_group(group)) read_group(reader, group, ages, advice, poll);
  merge_endpoints(advice.endpoints, poll);
  return advice;
}

std::optional<int> replay_label(Text label) {
  for (int i = 0; i < kReplayLabels; ++i) {
    if (!is_null(label) && label == std::string_view(label_name(kReplayLabel[i]))) return i;
  }
  return std::nullopt;
}

Text replay_reason(const ReplayAdvice &advice, Text tenant, Text endpoint, std::optional<int> label,
                   std::pmr::memory_resource *memory) {
  std::string reason;
  if (const HeldGroup *held = advice.find_held(tenant, endpoint)) {
    reason = held->fleet ? "Most endpoints are failing now: " : "Its endpoint is failing now: ";
    reason += held->message;
  } else if (!label) {
    reason = "Nothing says that another try would succeed.";
  } else {
    reason = *label == 0 ? "The endpoint was down and has no failure cluster now; " : "The endpoint limited the rate; ";
    reason +=
        short_number(advice.expected_success_rate(endpoint, *label)) + " % of such retries are expected to succeed.";
  }
  auto *copy = static_cast<char *>(memory->allocate(reason.size(), 1));
  std::memcpy(copy, reason.data(), reason.size());
  return {copy, reason.size()};
}

std::string replay_reasoning(const ReplayAdvice &advice) {
  if (advice.analyzed == 0) return "No delivery has failed.";
  std::string text = std::to_string(advice.recommended) + " of " + std::to_string(advice.analyzed) +
                     " failed deliveries are worth a replay";
  if (advice.recommended > 0) {
    text += ", by the record of " + std::to_string(advice.record.ended[0] + advice.record.ended[1]) +
            " retries, of which " + short_number(advice.mean_success_rate()) + " % would succeed";
  }
  if (advice.held > 0) text += "; " + std::to_string(advice.held) + " more wait for endpoints that are failing now";
  return text + ".";
}

}  // namespace insights
