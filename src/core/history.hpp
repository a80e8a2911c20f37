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
};

// All evaluations that are less than `hours` back. Errors: kInvalidArgument where step is under a minute, or where
// there would be too many of them.
HistoryPlan plan_history(const Detection &detection, int hours, Duration step);

// The edges of the slots: those of all evaluations, oldest first. Error kInvalidArgument where they are too many.
std::pmr::vector<Timestamp> history_edges(const HistoryPlan &plan, Poll &poll, std::pmr::memory_resource *memory);

// What was wrong at one time.
struct AnomalySnapshot {
  Timestamp at = 0;
  AnomalyList anomalies;
};

// All evaluations, of a rollup whose slots have the edges of history_edges(), and perhaps more.
class History {
 public:
  // Reads the rollup, whose bytes must outlive this. Error kLimit where too much is anomalous.
  History(std::string_view flat, const HistoryPlan &plan, Poll &poll, std::pmr::memory_resource *memory);

  std::uint32_t evaluations() const { return static_cast<std::uint32_t>(evaluations_.size()); }

  // What find_anomalies() says at the time of the evaluation, but only the gravest `most` in full; in `memory`. To be
  // asked once for each, so that the whole of it is never in memory.
  AnomalySnapshot finish(std::uint32_t back, std::size_t most, bool unicode, Poll &poll,
                         std::pmr::memory_resource *memory);

 private:
  std::pmr::vector<Evaluation> evaluations_;  // the newest first
};

}  // namespace insights
