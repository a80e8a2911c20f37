// Which deliveries are worth another try, and what may be expected of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anomalies.hpp"
#include "history.hpp"
#include "poll.hpp"
#include "text.hpp"

namespace insights {

// The two labels that are worth it: kTransient and kRateLimited, as indices.
constexpr int kReplayLabels = 2;
constexpr LabelClass kReplayLabel[kReplayLabels] = {LabelClass::kTransient, LabelClass::kRateLimited};
// What triage gives to a delivery of the label (an index).
int replay_score(int label);

// By how long ago they were created.
constexpr int kReplayAges = 4;
constexpr const char *kReplayAge[kReplayAges] = {"under_1h", "1h_to_6h", "6h_to_24h", "over_24h"};

// One count for each of the labels.
using LabelCounts = std::array<std::uint64_t, kReplayLabels>;

// How deliveries fared that were attempted more than once and ended.
struct RetryRecord {
  LabelCounts ended{};
  LabelCounts delivered{};
};

// An endpoint over all tenants. The name points into the rollup's bytes.
struct ReplayEndpoint {
  Text endpoint;
  RetryRecord record;
  std::uint64_t recommended = 0;
};

// A tenant's endpoint that is failing now, so that nothing is replayed into it yet. The fleet, whose tenant and
// endpoint are NULL, is all of them.
struct HeldGroup {
  bool fleet = false;
  Text tenant;
  Text endpoint;
  Text message;                  // of its failure cluster
  std::uint64_t deliveries = 0;  // that wait for it
  bool seen = false;             // the rollup has deliveries of it
};

struct ReplayAdvice {
  std::uint64_t analyzed = 0;  // failed or dead_letter, whatever the label
  std::uint64_t recommended = 0;
  std::uint64_t held = 0;
  LabelCounts by_label{};  // of the recommended ones
  std::array<std::uint64_t, kReplayAges> by_age{};
  RetryRecord record;                          // of all endpoints
  std::pmr::vector<ReplayEndpoint> endpoints;  // in the order of their names, NULL first
  std::pmr::vector<HeldGroup> held_back;       // the fleet first; then in the order of tenant and endpoint

  explicit ReplayAdvice(std::pmr::memory_resource *memory) : endpoints(memory), held_back(memory) {}

  const ReplayEndpoint *find_endpoint(Text endpoint) const;
  const HeldGroup *find_held(Text tenant, Text endpoint) const;
  bool holds_all() const { return !held_back.empty() && held_back.front().fleet; }

  // The chance in percent, with 1 decimal, that a delivery of the label (an index) to the endpoint succeeds on replay:
  // the endpoint's own record, shrunk towards that of the label by the weight of 20 deliveries, and that towards one
  // half by the weight of 2.
  double expected_success_rate(Text endpoint, int label) const;
  double expected_success_rate(const RetryRecord &of_endpoint, int label) const;

  // Of the recommended ones, how many of a hundred would succeed by the records of their labels; with 1 decimal.
  double mean_success_rate() const;

  // "high": at least 80 % are expected to succeed, by a record of at least 100 deliveries; "low": under 50 %, or by a
  // record of under 20, or nothing is recommended; else "medium".
  const char *confidence() const;
};

// What the advice needs of a scan: the slots and counters of the detector at as_of, and those of the window. `plan` is
// one evaluation, of method `rate`.
std::pmr::vector<Timestamp> replay_edges(const HistoryPlan &plan, int hours, Poll &poll,
                                         std::pmr::memory_resource *memory);
constexpr CounterSet kReplayScanCounters = kReplayCounters | kRateCounters;

// The advice on the deliveries of (as_of - hours, as_of], from a rollup with those. `incidents` are failure clusters
// that are known beside those that the rollup shows.
ReplayAdvice advise_replays(std::string_view flat, const HistoryPlan &plan, int hours,
                            const std::pmr::vector<HeldGroup> &incidents, bool unicode, Poll &poll,
                            std::pmr::memory_resource *memory);

// The index of a label in kReplayLabel, or none.
std::optional<int> replay_label(Text label);

// Why a delivery is recommended, or not, or held back: one sentence. `label` as from replay_label().
Text replay_reason(const ReplayAdvice &advice, Text tenant, Text endpoint, std::optional<int> label,
                   std::pmr::memory_resource *memory);

// Why the advice is what it is: one sentence.
std::string replay_reasoning(const ReplayAdvice &advice);

}  // namespace insights
