#include "replay_json.hpp"

#include <algorithm>

#include "grouped.hpp"
#include "json_text.hpp"

namespace insights {

namespace {

// The endpoints to which most would be replayed.
constexpr std::size_t kReplayEndpoints = 10;
constexpr std::size_t kHeldGroups = 100;

json labels_of(const ReplayAdvice &advice) {
  json counts;
  for (std::size_t i = 0; i < kReplayLabels; ++i) counts[label_name(kReplayLabel[i])] = advice.by_label[i];
  return counts;
}

json ages_of(const ReplayAdvice &advice) {
  json counts;
  for (std::size_t i = 0; i < kReplayAges; ++i) counts[kReplayAge[i]] = advice.by_age[i];
  return counts;
}

json endpoints_of(const ReplayAdvice &advice) {
  std::vector<const ReplayEndpoint *> order;
  for (const ReplayEndpoint &endpoint : advice.endpoints) {
    if (endpoint.recommended > 0) order.push_back(&endpoint);
  }
  std::sort(order.begin(), order.end(), [](const ReplayEndpoint *a, const ReplayEndpoint *b) {
    return a->recommended != b->recommended ? a->recommended > b->recommended : listed_before(a->endpoint, b->endpoint);
  });
  if (order.size() > kReplayEndpoints) order.resize(kReplayEndpoints);
  json list = json::array();
  for (const ReplayEndpoint *endpoint : order) {
    json rates;
    for (int i = 0; i < kReplayLabels; ++i) {
      rates[label_name(kReplayLabel[i])] = advice.expected_success_rate(endpoint->record, i);
    }
    list.push_back({{"endpoint", text_or_null(endpoint->endpoint)},
                    {"deliveries", endpoint->recommended},
                    {"expected_success_rate", std::move(rates)}});
  }
  return list;
}

// Those for which most deliveries wait.
json held_back(const ReplayAdvice &advice) {
  std::vector<const HeldGroup *> order;
  for (const HeldGroup &group : advice.held_back) {
    if (group.deliveries > 0) order.push_back(&group);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const HeldGroup *a, const HeldGroup *b) { return a->deliveries > b->deliveries; });
  if (order.size() > kHeldGroups) order.resize(kHeldGroups);
  json list = json::array();
  for (const HeldGroup *group : order) {
    list.push_back({{"tenant_id", text_or_null(group->tenant)},
                    {"endpoint", text_or_null(group->endpoint)},
                    {"deliveries", group->deliveries},
                    {"message", text_or_null(group->message)}});
  }
  return list;
}

}  // namespace

void write_replay_json(const ReplayReport &report, ByteWriter &out, Poll &poll) {
  const ReplayAdvice &advice = *report.advice;
  out.put_bytes("{\"recommended_ids\": [");
  for (std::size_t i = 0; i < report.ids->size(); ++i) {
    poll.tick();
    if (i > 0) out.put_bytes(", ");
    out.put_bytes(to_text(text_or_null((*report.ids)[i])));
    check_length(out.written(), "Give a smaller max_rows, or take the rows of replay_recommendations().");
  }
  const json rest = {
      {"total_recommended", advice.recommended},
      {"total_analyzed", advice.analyzed},
      {"total_held_back", advice.held},
      {"confidence", advice.confidence()},
      {"reasoning", replay_reasoning(advice)},
      {"breakdown",
       {{"by_label", labels_of(advice)}, {"by_age", ages_of(advice)}, {"by_endpoint", endpoints_of(advice)}}},
      {"held_back", held_back(advice)},
      {"time_range", time_range(report.window)},
      {"generated_at", iso_time(report.window.generated_at)},
  };
  out.put_bytes("], ");
  out.put_bytes(to_text(rest).substr(1));  // the members go on
}

}  // namespace insights
