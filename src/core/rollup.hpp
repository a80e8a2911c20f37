// The one aggregate: deliveries counted by (tenant, endpoint, slot).
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "cell_log.hpp"
#include "hash.hpp"
#include "poll.hpp"
#include "rollup_runs.hpp"
#include "rollup_writer.hpp"
#include "shape.hpp"
#include "text.hpp"

namespace insights {

// One row, as far as a rollup looks at it. Its texts need to live only during Rollup::add.
struct Delivery {
  Timestamp created_at = 0;
  Text tenant;
  Text endpoint;
  Text status;                        // raw: the shape's status map says what it means
  Text triage_label;                  // NULL where there is none
  std::int64_t attempts = kNoNumber;  // of 32 bits, or NULL
  std::int64_t max_attempts = kNoNumber;

  static constexpr std::int64_t kNoNumber = INT64_MIN;  // NULL

  bool is_retried() const { return attempts > 1; }
  // Another attempt would be the last one, or there is none left.
  bool is_last_chance() const {
    return attempts != kNoNumber && max_attempts != kNoNumber && attempts >= max_attempts - 1;
  }
};

// A commutative monoid: rows fold into it, two of one shape merge, and its bytes do not depend on the order of either.
//
// All memory comes from the given resource and is never handed out, so whoever owns the resource may drop everything
// at once without running a destructor. An operation that throws leaves a rollup that can be destroyed, and whose
// counts must not be used.
//
// In memory there is a record for each (tenant, endpoint), found by an open-addressing hash table, with its key and the
// counters of one slot, its current one: a row costs a look into the table and one at the record, which lie together,
// since what counts here are the cache lines touched. When a row of another slot comes, the counters of the slot before
// are appended to a log as a cell. Rows mostly come in the order of time, and then each cell is written once. Where
// they do not, a slot has several cells in the log; the log is compacted before it is half made of such.
//
// What is merged into it stays in its bytes beside that, and is summed when the bytes of all are asked for.
class Rollup {
 public:
  // An empty rollup of the shape in `flat`, the bytes of an empty rollup. A rollup of more than `max_groups` pairs of
  // tenant and endpoint ends with error kLimit.
  Rollup(std::string_view flat, std::uint64_t max_groups, std::pmr::memory_resource *memory);

  Rollup(const Rollup &) = delete;
  Rollup &operator=(const Rollup &) = delete;

  // Whether `flat` is the empty rollup of this very shape: cheap enough to ask with every row.
  bool is_shape(std::string_view flat) const noexcept {
    return flat.size() == shape_bytes_.size() && equal_bytes(flat.data(), shape_bytes_.data(), flat.size());
  }

  // Counts a delivery; one outside the grid is passed over.
  void add(const Delivery &delivery);

  // Adds the rollup whose bytes are given. Errors: kUnlike for another shape. Bytes that are corrupt, and limits that
  // are passed, may be found only by a later merge or by encode.
  void merge(std::string_view flat, Poll &poll) { runs_.add(flat, poll); }

  // Writes the compact bytes, sorted by tenant, endpoint and slot; see RollupReader. Equal rollups have equal bytes.
  // Errors: kLimit, and of what was merged kCorruptBytes.
  void encode(ByteWriter &out, Poll &poll);

 private:
  static constexpr std::uint32_t kNull = ~0U;  // the size of a text that is NULL

  // The head of a record. Behind it stand the counters of the current slot, then the bytes of the tenant and of the
  // endpoint. It is kept small, since a row touches all of it.
  struct Record {
    std::uint32_t tenant_size;
    std::uint32_t endpoint_size;
    std::uint32_t ordinal;    // of the group: 0 for the first that came
    std::uint32_t slot;       // the current one; kOutside where there is none
    std::uint32_t next_slot;  // all slots so far are below this one

    std::uint32_t *counters() { return reinterpret_cast<std::uint32_t *>(this + 1); }
  };
  static constexpr std::size_t kRecordWords = sizeof(Record) / sizeof(std::uint32_t);

  static std::uint32_t size_of(Text text) { return is_null(text) ? kNull : static_cast<std::uint32_t>(text.size()); }

  Record &record_at(std::size_t offset) { return *reinterpret_cast<Record *>(records_.data() + offset); }
  const char *key_of(Record &record) { return reinterpret_cast<const char *>(record.counters() + counters_); }
  Text tenant_of(Record &record);
  Text endpoint_of(Record &record);
  bool has_key(Record &record, Text tenant, Text endpoint);

  static std::size_t kind_of(const Traits &traits) {
    const auto status = static_cast<std::size_t>(traits.status);
    const auto label = static_cast<std::size_t>(traits.label);
    return (status * kLabelClasses + label) * 8 + (traits.past_label ? 4U : 0U) + (traits.retried ? 2U : 0U) +
           (traits.last_chance ? 1U : 0U);
  }
  void prepare_raises();
  void add_amounts(Record &record, StatusClass status, const Delivery &delivery);

  std::uint32_t slot_of(Timestamp time);
  Record &find_or_add(Text tenant, Text endpoint);
  Record &add_group(std::uint64_t hash, Text tenant, Text endpoint);
  void enter_in_table(std::uint64_t hash, std::size_t offset);
  void grow_table();

  void enter_slot(Record &record, std::uint32_t slot);
  void leave_slot(Record &record);

  // Cells of the log, sorted by group and slot.
  using Cells = std::pmr::vector<const CellLog::Cell *>;
  Cells cells_by_group(std::pmr::vector<std::uint32_t> &first, Poll &poll) const;
  void compact(Poll &poll);

  std::pmr::vector<std::uint32_t> groups_by_key(Poll &poll);
  void encode_rows(ByteWriter &out, Poll &poll);

  std::pmr::memory_resource *memory_;
  std::uint64_t max_groups_;
  std::pmr::vector<char> shape_bytes_;  // of the empty rollup
  Shape shape_;
  std::size_t counters_;  // how many are kept
  std::uint64_t secret_;  // of the hash
  StatusCache statuses_;

  // For each kind of delivery (see kind_of): which counters of a cell it raises by one.
  static constexpr std::size_t kKinds = std::size_t{kStatusClasses} * kLabelClasses * 2 * 2 * 2;
  struct Raises {
    std::uint8_t count;
    std::uint8_t position[kCounters];
  };
  std::array<Raises, kKinds> raises_{};
  // Where the counters of kAmounts are; -1: not kept.
  int attempts_position_ = -1;
  int seconds_position_ = -1;

  // The slot of the last row, in which the next one mostly lies.
  Timestamp slot_start_ = 0;
  Timestamp slot_end_ = 0;
  std::uint32_t slot_ = 0;

  std::pmr::vector<std::uint64_t> table_;    // high half: of the hash; low half: offset of the record + 1; 0: free
  std::pmr::vector<std::uint32_t> records_;  // record after record
  std::pmr::vector<std::uint32_t> offsets_;  // of each record, by its ordinal
  CellLog log_;
  std::size_t late_cells_ = 0;  // cells that may be a second one of their slot, since the last compaction
  RollupRuns runs_;             // what was merged
};

// Writes the bytes of an empty rollup of a shape.
void encode_empty_rollup(const Shape &shape, ByteWriter &out);

}  // namespace insights
