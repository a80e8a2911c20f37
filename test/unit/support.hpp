// What the unit tests of rollups and reports share: memory, shapes, bytes, and a model of a rollup that is plainly
// right.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory_resource>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "error.hpp"
#include "rollup.hpp"
#include "rollup_reader.hpp"

namespace insights::test {

inline std::pmr::memory_resource *heap() { return std::pmr::new_delete_resource(); }

constexpr std::uint64_t kManyGroups = 1U << 20;

// The kind of the Error that `action` throws; none where it throws none.
template <typename Action>
std::optional<ErrorKind> error_kind(Action &&action) {
  try {
    action();
  } catch (const Error &error) {
    EXPECT_STRNE(error.what(), "");
    return error.kind();
  }
  return std::nullopt;
}

// SQL's text: NULL or a text that owns its bytes.
using Value = std::optional<std::string>;

inline Text text_of(const Value &value) {
  // A default string_view is NULL, and that of an empty string is not.
  return value ? Text(value->data(), value->size()) : Text();
}

inline Value value_of(Text text) { return is_null(text) ? Value() : Value(std::string(text)); }

// A delivery that owns its texts.
struct Row {
  Timestamp at = 0;
  Value tenant;
  Value endpoint;
  Value status = "delivered";
  Value label;
  std::int64_t attempts = Delivery::kNoNumber;
  std::int64_t max_attempts = Delivery::kNoNumber;
};

inline Delivery delivery_of(const Row &row) {
  return {row.at,       text_of(row.tenant), text_of(row.endpoint), text_of(row.status), text_of(row.label),
          row.attempts, row.max_attempts};
}

// Shapes

using Statuses = std::vector<std::pair<std::string, StatusClass>>;

inline StatusMap status_map(const Statuses &statuses, std::pmr::memory_resource *memory = heap()) {
  StatusMap map(memory);
  for (const auto &[raw, status] : statuses) map.add(raw, status);
  return map;
}

// The bytes of an empty rollup.
inline std::string empty_rollup(SlotGrid grid, CounterSet counters = kAllCounters, const Statuses &statuses = {},
                                std::uint8_t encoding = 6) {
  ByteWriter out(heap());
  encode_empty_rollup(Shape{std::move(grid), status_map(statuses), counters, encoding}, out);
  return std::string(out.written());
}

inline SlotGrid edges_grid(const std::vector<Timestamp> &edges) {
  return SlotGrid::from_edges(edges.data(), edges.size(), heap());
}

// The usual words of DESIGN.md.
inline const Statuses &usual_words() {
  static const Statuses words = {
      {"delivered", StatusClass::kDelivered},  {"success", StatusClass::kDelivered},
      {"succeeded", StatusClass::kDelivered},  {"ok", StatusClass::kDelivered},
      {"completed", StatusClass::kDelivered},  {"sent", StatusClass::kDelivered},
      {"failed", StatusClass::kFailed},        {"failure", StatusClass::kFailed},
      {"error", StatusClass::kFailed},         {"dead_letter", StatusClass::kDeadLetter},
      {"dead", StatusClass::kDeadLetter},      {"exhausted", StatusClass::kDeadLetter},
      {"discarded", StatusClass::kDeadLetter}, {"pending", StatusClass::kPending},
      {"queued", StatusClass::kPending},       {"scheduled", StatusClass::kPending},
      {"processing", StatusClass::kPending},   {"sending", StatusClass::kPending},
      {"retry", StatusClass::kPending},        {"retrying", StatusClass::kPending},
      {"in_progress", StatusClass::kPending},  {"bounced", StatusClass::kFailed},
      {"deferred", StatusClass::kPending},     {"retryable", StatusClass::kPending},
      {"available", StatusClass::kPending},    {"executing", StatusClass::kPending},
      {"running", StatusClass::kPending},
  };
  return words;
}

// Rollups and their bytes

inline std::string bytes_of(Rollup &rollup) {
  Poll poll;
  ByteWriter out(heap());
  rollup.encode(out, poll);
  return std::string(out.written());
}

inline void merge_into(Rollup &rollup, const std::string &flat) {
  Poll poll;
  rollup.merge(flat, poll);
}

inline std::string roll_up(const std::string &shape, const std::vector<Row> &rows) {
  Rollup rollup(shape, kManyGroups, heap());
  for (const Row &row : rows) rollup.add(delivery_of(row));
  return bytes_of(rollup);
}

inline std::string merge_all(const std::string &shape, const std::vector<std::string> &parts) {
  Rollup rollup(shape, kManyGroups, heap());
  for (const std::string &part : parts) merge_into(rollup, part);
  return bytes_of(rollup);
}

inline void validate(const std::string &flat) {
  Poll poll;
  validate_rollup(flat, poll, heap());
}

// The model: a sorted map from (tenant, endpoint, slot) to counters. NULL sorts before every text, as in a rollup.

using Counts = std::array<std::uint64_t, kCounters>;
using Key = std::pair<Value, Value>;
using Cells = std::map<Key, std::map<std::uint32_t, Counts>>;

inline std::uint64_t &count(Counts &counts, Counter counter) { return counts[static_cast<std::size_t>(counter)]; }

// What a delivery counts as, in the words of DETECTION.md and REFERENCE.md. Its age is another matter.
inline Counts counts_of(StatusClass status, const Row &row) {
  const bool delivered = status == StatusClass::kDelivered;
  const bool failed_by_status = status == StatusClass::kFailed || status == StatusClass::kDeadLetter;
  const bool label_failure = row.label == "permanent_4xx" || row.label == "transient_endpoint_down";
  const bool recovered = delivered && row.attempts > 1;
  const bool was_transient = recovered && row.label == "was transient_endpoint_down";
  const bool was_limited = recovered && row.label == "was rate_limited";
  const bool failure = failed_by_status || (label_failure && !delivered);
  const bool transient = row.label == "transient_endpoint_down";
  const bool past = row.label && row.label->rfind("was ", 0) == 0;
  const bool other = row.label && !label_failure && row.label != "rate_limited" && !past;
  const bool retried = row.attempts > 1;
  const bool both = row.attempts != Delivery::kNoNumber && row.max_attempts != Delivery::kNoNumber;
  Counts counts{};
  count(counts, Counter::kTotal) = 1;
  count(counts, Counter::kDelivered) = delivered;
  count(counts, Counter::kFailed) = status == StatusClass::kFailed;
  count(counts, Counter::kDeadLetter) = status == StatusClass::kDeadLetter;
  count(counts, Counter::kPending) = status == StatusClass::kPending;
  count(counts, Counter::kUnmapped) = status == StatusClass::kUnmapped;
  count(counts, Counter::kSettled) = delivered || failure;
  count(counts, Counter::kFailures) = failure;
  count(counts, Counter::kReferenceFailures) = failed_by_status || label_failure;
  count(counts, Counter::kTransient) = transient;
  count(counts, Counter::kPermanent) = row.label == "permanent_4xx";
  count(counts, Counter::kRateLimited) = row.label == "rate_limited";
  count(counts, Counter::kOtherLabel) = other;
  count(counts, Counter::kRetried) = retried;
  count(counts, Counter::kRetriedEnded) = retried && (delivered || failed_by_status);
  count(counts, Counter::kRetriedDelivered) = retried && delivered;
  const bool limited = row.label == "rate_limited";
  const bool ended = delivered || failed_by_status;
  count(counts, Counter::kTransientRetriedDelivered) = (retried && delivered && transient) || was_transient;
  count(counts, Counter::kTransientRetriedEnded) = (retried && ended && transient) || was_transient;
  count(counts, Counter::kRateLimitedRetriedEnded) = (retried && ended && limited) || was_limited;
  count(counts, Counter::kRateLimitedRetriedDelivered) = (retried && delivered && limited) || was_limited;
  count(counts, Counter::kTransientBefore) = was_transient;
  count(counts, Counter::kTransientFailed) = failed_by_status && transient;
  count(counts, Counter::kRateLimitedFailed) = failed_by_status && limited;
  count(counts, Counter::kNearFailure) =
      status == StatusClass::kPending && both && row.attempts + 1 >= row.max_attempts;
  count(counts, Counter::kDeliveredAttempts) = !delivered ? 0 : retried ? static_cast<std::uint64_t>(row.attempts) : 1;
  return counts;
}

class Model {
 public:
  Model(std::vector<Timestamp> edges, CounterSet counters) : edges_(std::move(edges)), counters_(counters) {}

  // The status must be NULL or in lower case.
  void add(const Row &row) {
    for (std::uint32_t slot = 0; slot + 1 < edges_.size(); ++slot) {
      if (row.at < edges_[slot] || row.at >= edges_[slot + 1]) continue;
      const StatusClass status = class_of(row.status);
      const Counts counts = counts_of(status, row);
      Counts &cell = cells_[{row.tenant, row.endpoint}][slot];
      for (std::size_t i = 0; i < counts.size(); ++i) cell[i] += (counters_ >> i & 1U) != 0 ? counts[i] : 0;
      if (status != StatusClass::kPending || (counters_ & bit(Counter::kPendingSeconds)) == 0) continue;
      const auto seconds = static_cast<std::uint64_t>(edges_[slot + 1] - 1 - row.at) / kSecond;
      count(cell, Counter::kPendingSeconds) = std::max(count(cell, Counter::kPendingSeconds), seconds);
    }
  }

  const Cells &cells() const { return cells_; }

 private:
  static StatusClass class_of(const Value &status) {
    for (const auto &[word, meaning] : usual_words()) {
      if (status == word) return meaning;
    }
    return StatusClass::kUnmapped;
  }

  std::vector<Timestamp> edges_;
  CounterSet counters_;
  Cells cells_;
};

inline Cells read_cells(const std::string &flat) {
  Cells cells;
  RollupReader reader(flat, heap());
  RollupReader::Group group;
  RollupReader::Cell cell;
  while (reader.next_group(group)) {
    auto &slots = cells[{value_of(group.tenant), value_of(group.endpoint)}];
    while (reader.next_cell(cell)) slots[cell.slot] = cell.tally.counts;
    EXPECT_EQ(slots.size(), group.cells);
  }
  EXPECT_EQ(cells.size(), reader.group_count());
  return cells;
}

// A random number below n.
template <typename Random>
std::size_t below(Random &random, std::size_t n) {
  return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
}

template <typename Random, typename Element>
const Element &pick(Random &random, const std::vector<Element> &elements) {
  return elements[below(random, elements.size())];
}

}  // namespace insights::test
