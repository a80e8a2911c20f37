// Deliveries that somebody wants to replay, and what becomes of each.
#pragma once

#include <algorithm>

#include "source.hpp"

namespace insights::pg {

constexpr const char *kNone = "there is none of this id, or none that you may see";

// What becomes of a delivery; the first three are on the way.
enum class Outcome { kWanted, kTaken, kUnsaid, kReplayed, kNotFound, kNotFailed, kHeld, kLocked, kRefused };

// A delivery that somebody wants to replay. Its texts lie in SPI's memory.
struct Delivery {
  Text id;  // as the table has it, where it does
  Text tenant, endpoint, status;
  std::optional<int> attempts;
  Outcome outcome;
  std::int64_t audit_id;
  Text detail;
  int rows;  // of this id
};

// In the order of their ids' bytes, each once.
struct Deliveries {
  Delivery *list;
  int count;

  Delivery *begin() const { return list; }
  Delivery *end() const { return list + count; }
  Delivery *find(Text id) const {
    Delivery *found =
        std::lower_bound(begin(), end(), id, [](const Delivery &a, Text b) { return compare(a.id, b) < 0; });
    return found != end() && compare(found->id, id) == 0 ? found : nullptr;
  }
};

// What is known of the ids, the text of an array, by the caller's rights. Of those that have the same id, failed ones
// come first. Between SPI_connect and SPI_finish.
Deliveries find_deliveries(const Source &source, const char *ids);

// The same for what somebody gave as ids, of which some may be none.
Deliveries find_given(const Source &source, const char *ids);

}  // namespace insights::pg
