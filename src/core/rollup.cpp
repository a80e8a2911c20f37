#include "rollup.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "rollup_reader.hpp"

namespace insights {

namespace {

// A log shorter than this is not worth compacting.
constexpr std::size_t kSmallLog = 4096;

std::uint64_t hash_key(Text tenant, Text endpoint, std::uint64_t secret) noexcept {
  // The lengths keep ("a", "bc") from ("ab", "c"), and all ones keep NULL from the empty text.
  const std::uint64_t tenant_size = is_null(tenant) ? ~std::uint64_t{0} : tenant.size();
  const std::uint64_t endpoint_size = is_null(endpoint) ? ~std::uint64_t{0} : endpoint.size();
  return hash_bytes(endpoint, hash_bytes(tenant, tenant_size, secret) + endpoint_size, secret);
}

// Endpoints are the customers' input, and who knows the hash can choose them to collide. So it depends on where the
// rollup lies in memory, and when it was made.
std::uint64_t make_secret(const void *rollup) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return hash_word(hash_word(reinterpret_cast<std::uintptr_t>(rollup)) ^ static_cast<std::uint64_t>(now));
}

Shape decode_empty(std::string_view flat, std::pmr::memory_resource *memory) {
  RollupReader reader(flat, memory);
  RollupReader::Group group;
  if (reader.next_group(group)) {
    throw Error(ErrorKind::kInvalidArgument, "a shape must be an empty delivery_rollup",
                "Make one with delivery_rollup_shape().");
  }
  return reader.take_shape();
}

// Of the bytes of an empty rollup, those of its shape: without the number of groups.
std::string_view shape_only(const std::pmr::vector<char> &empty) { return {empty.data(), empty.size() - 1}; }

// The position of a counter among those that are kept.
std::uint8_t position_of(CounterSet kept, int counter) {
  return static_cast<std::uint8_t>(__builtin_popcount(kept & ((CounterSet{1} << counter) - 1)));
}

// The first 8 bytes of a text as a number that compares as they do; a shorter text is filled up with zeros.
std::uint64_t leading_word(Text text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data(), std::min<std::size_t>(text.size(), 8));
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(word) : word;
}

void add_count(std::uint64_t &count, std::uint64_t more) {
  count += more;
  if (count > kMaxCount) throw Error(ErrorKind::kLimit, "a counter is beyond 2^53");
}

using Counts = std::array<std::uint64_t, kCounters>;  // those that are kept come first

// The sum of the cells of one group and slot, which `at` points to the first of; moves `at` behind them. `maximum` is
// the position of the one counter that is no sum, or -1.
Counts sum_slot(const CellLog::Cell *const *&at, const CellLog::Cell *const *end, std::size_t counters, int maximum) {
  const CellLog::Cell &first = **at;
  Counts counts;
  for (std::size_t i = 0; i < counters; ++i) counts[i] = first.count(i);
  while (++at != end && (*at)->is_same_slot(first)) {
    for (std::size_t i = 0; i < counters; ++i) {
      const std::uint64_t count = (*at)->count(i);
      if (static_cast<int>(i) == maximum) {
        counts[i] = std::max(counts[i], count);
      } else {
        add_count(counts[i], count);
      }
    }
  }
  return counts;
}

Tally tally_of(const Counts &counts, CounterSet kept) {
  Tally tally;
  for (std::size_t i = 0; kept != 0; kept &= kept - 1) {
    tally.counts[static_cast<std::size_t>(__builtin_ctz(kept))] = counts[i++];
  }
  return tally;
}

}  // namespace

Rollup::Rollup(std::string_view flat, std::uint64_t max_groups, std::pmr::memory_resource *memory)
    : memory_(memory),
      max_groups_(max_groups),
      shape_bytes_(flat.begin(), flat.end(), memory),
      shape_(decode_empty(flat, memory)),
      counters_(static_cast<std::size_t>(__builtin_popcount(shape_.counters))),
      secret_(make_secret(this)),
      table_(64, 0, memory),
      records_(memory),
      offsets_(memory),
      log_(counters_, memory),
      runs_(shape_only(shape_bytes_), shape_.counters, max_groups, memory) {
  prepare_raises();
}

void Rollup::prepare_raises() {
  const auto position = [this](Counter counter) {
    return (shape_.counters & bit(counter)) == 0 ? -1 : position_of(shape_.counters, static_cast<int>(counter));
  };
  attempts_position_ = position(Counter::kDeliveredAttempts);
  seconds_position_ = position(Counter::kPendingSeconds);
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const Traits traits{static_cast<StatusClass>(kind / (kLabelClasses * 8)),
                        static_cast<LabelClass>(kind / 8 % kLabelClasses), (kind & 2) != 0, (kind & 1) != 0,
                        (kind & 4) != 0};
    Raises &raises = raises_[kind_of(traits)];
    for (CounterSet set = counters_of(traits) & shape_.counters; set != 0; set &= set - 1) {
      raises.position[raises.count++] = position_of(shape_.counters, __builtin_ctz(set));
    }
  }
}

void Rollup::add(const Delivery &delivery) {
  const std::uint32_t slot = slot_of(delivery.created_at);
  if (slot == SlotGrid::kOutside) return;
  const StatusClass status = statuses_.classify(shape_.statuses, delivery.status);
  Text label = delivery.triage_label;
  const bool past = take_past(label);
  const Raises &raises =
      raises_[kind_of({status, label_class(label), delivery.is_retried(), delivery.is_last_chance(), past})];

  Record &record = find_or_add(delivery.tenant, delivery.endpoint);
  // The total is the first counter and the largest; when it is full, the slot goes on in another cell of the log.
  if (record.slot != slot || record.counters()[0] == UINT32_MAX) enter_slot(record, slot);
  std::uint32_t *counters = record.counters();
  for (int i = 0; i < raises.count; ++i) ++counters[raises.position[i]];
  if ((shape_.counters & kAmounts) != 0) add_amounts(record, status, delivery);
}

// Counts what is more than one.
void Rollup::add_amounts(Record &record, StatusClass status, const Delivery &delivery) {
  if (attempts_position_ >= 0 && status == StatusClass::kDelivered) {
    std::uint32_t &sum = record.counters()[attempts_position_];
    const std::uint32_t attempts = delivery.is_retried() ? static_cast<std::uint32_t>(delivery.attempts) : 1;
    // A sum that is full goes to the log by itself.
    if (sum > UINT32_MAX - attempts) {
      Counts full{};
      full[static_cast<std::size_t>(attempts_position_)] = sum;
      log_.append(record.ordinal, record.slot, full.data());
      sum = 0;
    }
    sum += attempts;
  }
  if (seconds_position_ >= 0 && status == StatusClass::kPending) {
    const auto seconds = static_cast<std::uint64_t>(slot_end_ - 1 - delivery.created_at) / kSecond;
    std::uint32_t &oldest = record.counters()[seconds_position_];
    oldest = std::max(oldest, static_cast<std::uint32_t>(std::min<std::uint64_t>(seconds, UINT32_MAX)));
  }
}

std::uint32_t Rollup::slot_of(Timestamp time) {
  if (time >= slot_start_ && time < slot_end_) return slot_;
  const std::uint32_t slot = shape_.grid.find(time);
  if (slot != SlotGrid::kOutside) {
    slot_ = slot;
    slot_start_ = shape_.grid.edge(slot);
    slot_end_ = shape_.grid.edge(slot + 1);
  }
  return slot;
}

Text Rollup::tenant_of(Record &record) {
  return record.tenant_size == kNull ? Text() : Text(key_of(record), record.tenant_size);
}

Text Rollup::endpoint_of(Record &record) {
  const std::size_t tenant_size = record.tenant_size == kNull ? 0 : record.tenant_size;
  return record.endpoint_size == kNull ? Text() : Text(key_of(record) + tenant_size, record.endpoint_size);
}

bool Rollup::has_key(Record &record, Text tenant, Text endpoint) {
  if (record.tenant_size != size_of(tenant) || record.endpoint_size != size_of(endpoint)) return false;
  const char *key = key_of(record);
  return equal_bytes(key, tenant.data(), tenant.size()) &&
         equal_bytes(key + tenant.size(), endpoint.data(), endpoint.size());
}

Rollup::Record &Rollup::find_or_add(Text tenant, Text endpoint) {
  const std::uint64_t hash = hash_key(tenant, endpoint, secret_);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const std::uint64_t entry = table_[at];
    if (entry == 0) return add_group(hash, tenant, endpoint);
    if (entry >> 32 != hash >> 32) continue;
    Record &record = record_at(static_cast<std::uint32_t>(entry) - 1);
    if (has_key(record, tenant, endpoint)) return record;
  }
}

Rollup::Record &Rollup::add_group(std::uint64_t hash, Text tenant, Text endpoint) {
  check_group_count(offsets_.size() + 1, max_groups_);
  const std::size_t offset = records_.size();
  const std::size_t key_size = tenant.size() + endpoint.size();
  const std::size_t end = offset + kRecordWords + counters_ + (key_size + 3) / 4;
  if (end >= UINT32_MAX || tenant.size() >= kNull || endpoint.size() >= kNull) {
    throw Error(ErrorKind::kLimit, "the tenants and endpoints of a report are too long");
  }
  if ((offsets_.size() + 1) * 3 > table_.size() * 2) grow_table();
  records_.resize(end);
  offsets_.push_back(static_cast<std::uint32_t>(offset));
  Record &record = record_at(offset);
  record.tenant_size = size_of(tenant);
  record.endpoint_size = size_of(endpoint);
  record.ordinal = static_cast<std::uint32_t>(offsets_.size() - 1);
  record.slot = SlotGrid::kOutside;
  char *key = const_cast<char *>(key_of(record));
  if (!tenant.empty()) std::memcpy(key, tenant.data(), tenant.size());
  if (!endpoint.empty()) std::memcpy(key + tenant.size(), endpoint.data(), endpoint.size());
  enter_in_table(hash, offset);
  return record;
}

void Rollup::enter_in_table(std::uint64_t hash, std::size_t offset) {
  const std::size_t mask = table_.size() - 1;
  std::size_t at = hash & mask;
  while (table_[at] != 0) at = (at + 1) & mask;
  table_[at] = (hash >> 32 << 32) | (offset + 1);
}

void Rollup::grow_table() {
  table_.assign(table_.size() * 2, 0);
  for (const std::uint32_t offset : offsets_) {
    Record &record = record_at(offset);
    enter_in_table(hash_key(tenant_of(record), endpoint_of(record), secret_), offset);
  }
}

// Makes `slot` the record's current one, with counters of 0.
void Rollup::enter_slot(Record &record, std::uint32_t slot) {
  leave_slot(record);
  record.slot = slot;
  if (slot >= record.next_slot) {
    record.next_slot = slot + 1;
    return;
  }
  ++late_cells_;
  // Half of the log may be second cells of their slots.
  if (late_cells_ > kSmallLog && late_cells_ * 2 > log_.size()) {
    Poll never;  // between two rows PostgreSQL looks for interrupts itself
    compact(never);
  }
}

// Moves the counters of the current slot to the log.
void Rollup::leave_slot(Record &record) {
  if (record.slot == SlotGrid::kOutside) return;
  Counts counts;
  std::copy_n(record.counters(), counters_, counts.begin());
  log_.append(record.ordinal, record.slot, counts.data());
  std::fill_n(record.counters(), counters_, 0);
  record.slot = SlotGrid::kOutside;
}

// The log's cells by group and slot; those of the group with ordinal g begin at first[g]. The groups are sorted by
// counting, the slots of a group, which are mostly in order already, by comparing.
Rollup::Cells Rollup::cells_by_group(std::pmr::vector<std::uint32_t> &first, Poll &poll) const {
  if (log_.size() > UINT32_MAX) throw Error(ErrorKind::kLimit, "too many slots in one report", "Take a coarser step.");
  first.assign(offsets_.size() + 1, 0);
  log_.for_each([&](const CellLog::Cell &cell) {
    poll.tick();
    ++first[cell.ordinal + 1];
  });
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::pmr::vector<std::uint32_t> next(first, memory_);
  Cells cells(log_.size(), memory_);
  log_.for_each([&](const CellLog::Cell &cell) {
    poll.tick();
    cells[next[cell.ordinal]++] = &cell;
  });

  const auto by_slot = [&poll](const CellLog::Cell *a, const CellLog::Cell *b) {
    poll.tick();
    return a->slot() < b->slot();
  };
  for (std::size_t group = 0; group < offsets_.size(); ++group) {
    const auto begin = cells.begin() + first[group];
    const auto end = cells.begin() + first[group + 1];
    if (!std::is_sorted(begin, end, by_slot)) std::sort(begin, end, by_slot);
  }
  return cells;
}

// Makes one cell of those of a slot.
void Rollup::compact(Poll &poll) {
  std::pmr::vector<std::uint32_t> first(memory_);
  const Cells cells = cells_by_group(first, poll);
  CellLog compacted(counters_, memory_);
  for (auto at = cells.data(); at != cells.data() + cells.size();) {
    const CellLog::Cell *cell = *at;
    const Counts counts = sum_slot(at, cells.data() + cells.size(), counters_, seconds_position_);
    compacted.append(cell->ordinal, cell->slot(), counts.data());
  }
  log_.swap(compacted);
  late_cells_ = 0;
}

// The offsets of all records, in the order of their keys.
std::pmr::vector<std::uint32_t> Rollup::groups_by_key(Poll &poll) {
  // Most comparisons end at the first bytes of the tenant, which are kept at hand; as a number they compare alike.
  struct Entry {
    std::uint64_t high, low;
    std::uint32_t offset;
  };
  std::pmr::vector<Entry> entries(memory_);
  entries.reserve(offsets_.size());
  for (const std::uint32_t offset : offsets_) {
    const Text tenant = tenant_of(record_at(offset));
    const auto word = [&](std::size_t at) { return at < tenant.size() ? leading_word(tenant.substr(at)) : 0; };
    entries.push_back({word(0), word(8), offset});
  }
  std::sort(entries.begin(), entries.end(), [this, &poll](const Entry &a, const Entry &b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    poll.tick();
    const int by_tenant = compare(tenant_of(record_at(a.offset)), tenant_of(record_at(b.offset)));
    return by_tenant != 0 ? by_tenant < 0
                          : compare(endpoint_of(record_at(a.offset)), endpoint_of(record_at(b.offset))) < 0;
  });
  std::pmr::vector<std::uint32_t> order(entries.size(), memory_);
  std::transform(entries.begin(), entries.end(), order.begin(), [](const Entry &entry) { return entry.offset; });
  return order;
}

void Rollup::encode(ByteWriter &out, Poll &poll) {
  if (runs_.empty()) return encode_rows(out, poll);
  ByteWriter rows(memory_);
  encode_rows(rows, poll);
  runs_.sum(rows.written(), out, poll);
}

// Writes what came in rows.
void Rollup::encode_rows(ByteWriter &out, Poll &poll) {
  for (const std::uint32_t offset : offsets_) {
    leave_slot(record_at(offset));
  }
  std::pmr::vector<std::uint32_t> first(memory_);
  const Cells cells = cells_by_group(first, poll);

  RollupWriter writer(shape_.counters, memory_);
  writer.reserve(records_.size() * sizeof(std::uint32_t) + cells.size() * 6);  // a guess, on the high side
  for (const std::uint32_t offset : groups_by_key(poll)) {
    Record &record = record_at(offset);
    writer.group(tenant_of(record), endpoint_of(record));
    auto at = cells.data() + first[record.ordinal];
    const auto end = cells.data() + first[record.ordinal + 1];
    while (at != end) {
      poll.tick();
      const std::uint32_t slot = (*at)->slot();
      writer.cell(slot, tally_of(sum_slot(at, end, counters_, seconds_position_), shape_.counters));
    }
  }
  writer.finish(shape_only(shape_bytes_), out);
}

void encode_empty_rollup(const Shape &shape, ByteWriter &out) {
  shape.encode(out);
  out.put_varint(0);
}

}  // namespace insights
