// The JSON of the advice on replays.
#pragma once

#include <vector>

#include "bytes.hpp"
#include "replay.hpp"
#include "window.hpp"

namespace insights {

// What the advice says, and the ids of the recommended deliveries, oldest first. All texts must be UTF-8.
struct ReplayReport {
  Window window;
  const ReplayAdvice *advice;
  const std::pmr::vector<Text> *ids;
};
// Error kLimit where the text is too long for a JSONB.
void write_replay_json(const ReplayReport &report, ByteWriter &out, Poll &poll);

}  // namespace insights
