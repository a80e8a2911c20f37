// The detector at many times, from one rollup.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "anomalies.hpp"
#include "detection.hpp"
#include "poll.hpp"
#include "text.hpp"

namespace insights {

// Evaluations at as_of, as_of - step, as_of - 2 step and so on.
struct HistoryPlan {
  Detection detection;  // the first of them
  Duration step = 0;
  std::uint32_t evaluations = 1;

  Detection evaluation(std::uint32_t back) const {
    Detection moved = detection;
    moved.as_of -= back * step;
    return moved;
  }
  // How far back from as_of the scan must look.
  Duration reach() const { return detection.reach() + (evaluations - 1) * step; }
};

// All evaluations that are less than `hours` back. Errors: kInvalidArgument where step is under a minute, or where
// there would be too many of them.
HistoryPlan plan_history(const Detection &detection, int hours, Duration step);

// The edges of the slots: those of all evaluations, oldest first.
std::pmr::vector<Timestamp> history_edges(const HistoryPlan &plan, std::pmr::memory_resource *memory);

// What was wrong at one time.
struct AnomalySnapshot {
  Timestamp at;
  std::pmr::vector<Anomaly> anomalies;
};

// The snapshots in which something was wrong, newest first; each is what find_anomalies() says at its time. Of a rollup
// whose slots have the edges of history_edges(), and perhaps more.
std::pmr::vector<AnomalySnapshot> find_history(std::string_view flat, const HistoryPlan &plan, bool unicode, Poll &poll,
                                               std::pmr::memory_resource *memory);

}  // namespace insights
