// The JSON of `GET /operator-insights/summary` and `GET /operator-insights/trends`.
#pragma once

#include <string>
#include <vector>

#include "bytes.hpp"
#include "figures.hpp"
#include "poll.hpp"
#include "top_failing.hpp"
#include "window.hpp"

namespace insights {

// What a summary says. All names must be UTF-8; bytes that are not become U+FFFD.
struct Summary {
  Window window;
  Tally all;
  ReplayFigures replays;
  const std::pmr::vector<FailingGroup> *endpoints;
  const std::pmr::vector<FailingGroup> *tenants;
};

// The contract of the original, with its success_rate, and settled_success_rate, retry_stats, backlog and
// replay_stats.counted_from beside it.
void write_summary_json(const Summary &summary, ByteWriter &out);

// The same, with settled_success_rate in each interval. `edges` are those of the slots, as trend_edges() gives them.
void write_trends_json(const Window &window, int interval_hours, const std::pmr::vector<Timestamp> &edges,
                       const std::pmr::vector<Tally> &slots, ByteWriter &out, Poll &poll);

}  // namespace insights
