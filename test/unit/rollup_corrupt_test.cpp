// Bytes that anybody may have forged: an error, or a rollup that is written again as the very same bytes.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "rollup.hpp"
#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

// Fails beyond a budget: what a few forged bytes ask for must stay small.
class Budget : public std::pmr::memory_resource {
 private:
  static constexpr std::size_t kMost = 1U << 20;

  void *do_allocate(std::size_t size, std::size_t alignment) override {
    if (size > kMost - used_) throw std::bad_alloc();
    used_ += size;
    return heap()->allocate(size, alignment);
  }
  void do_deallocate(void *memory, std::size_t size, std::size_t alignment) override {
    used_ -= size;
    heap()->deallocate(memory, size, alignment);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

  std::size_t used_ = 0;
};

std::string merged_again(const std::string &flat) {
  Budget memory;
  Poll poll;
  ByteWriter shape(&memory);
  encode_empty_rollup(RollupReader(flat, &memory).shape(), shape);
  Rollup rollup(shape.written(), kManyGroups, &memory);
  rollup.merge(flat, poll);
  ByteWriter out(&memory);
  rollup.encode(out, poll);
  return std::string(out.written());
}

// What validation says: empty, or the reason why these are no rollup.
std::string complaint(const std::string &flat) {
  Budget memory;
  Poll poll;
  try {
    validate_rollup(flat, poll, &memory);
  } catch (const Error &error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorruptBytes) << error.what();
    return error.what();
  }
  return "";
}

// Either both refuse, or the rollup is written again as the same bytes. Returns whether it was accepted.
bool is_sound(const std::string &flat) {
  if (complaint(flat).empty()) {
    EXPECT_TRUE(merged_again(flat) == flat) << "a second encoding of the same rollup";
    return true;
  }
  EXPECT_EQ(error_kind([&] { merged_again(flat); }), ErrorKind::kCorruptBytes);
  return false;
}

// A rollup with everything that the format has: missing and repeated tenants, several cells, wide counts.
std::string rich_rollup(const std::string &shape) {
  std::vector<Row> rows;
  for (const Value &tenant : {Value(), Value(""), Value("acme"), Value("globex")}) {
    for (const Value &endpoint : {Value(), Value(""), Value("a"), Value("https://example.org/hook")}) {
      for (const Timestamp at : {-60, 10, 10, 500}) {
        rows.push_back({at, tenant, endpoint, at == 10 ? "failed" : "ok", Value()});
        rows.push_back({at, tenant, endpoint, "pending", "permanent_4xx"});
      }
    }
  }
  for (int i = 0; i < 300; ++i) rows.push_back({600, "globex", "a", "ok", Value()});
  return roll_up(shape, rows);
}

std::vector<std::string> rich_rollups() {
  return {
      rich_rollup(empty_rollup(edges_grid({-100, 0, 100, 1000}))),
      rich_rollup(empty_rollup(SlotGrid::uniform(-100, 10, 200, heap()), kRateCounters)),
      rich_rollup(empty_rollup(SlotGrid::uniform(-100, 550, 2, heap()), kReferenceCounters)),
      rich_rollup(empty_rollup(edges_grid({-100, 0, 1000}), kAllCounters,
                               {{"ok", StatusClass::kDelivered}, {"failed", StatusClass::kDeadLetter}})),
  };
}

// A forger's pen: a shape of all counters over ten slots, and whatever is written behind it.
class Forgery {
 public:
  explicit Forgery(std::uint64_t groups, CounterSet counters = kAllCounters) : out_(heap()) {
    const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 10, heap()), counters);
    out_.put_bytes(std::string_view(shape).substr(0, shape.size() - 1));
    out_.put_varint(groups);
  }

  Forgery &flags(std::uint8_t flags) { return out_.put_byte(flags), *this; }
  Forgery &text(std::string_view text) { return out_.put_text(text), *this; }
  Forgery &number(std::uint64_t number) { return out_.put_varint(number), *this; }

  Forgery &key(std::string_view tenant, std::string_view endpoint) { return flags(0).text(tenant).text(endpoint); }
  Forgery &same_tenant(std::string_view endpoint) { return flags(4).text(endpoint); }

  // A cell, with the counters that are given.
  Forgery &cell(std::uint64_t gap, std::uint64_t present, const std::vector<std::uint64_t> &counts) {
    number(gap).number(present);
    for (const std::uint64_t count : counts) number(count);
    return *this;
  }

  // One cell of one delivery whose status is not known.
  Forgery &simple() { return number(1).cell(0, 1, {1}); }

  operator std::string() const { return std::string(out_.written()); }

 private:
  ByteWriter out_;
};

// One group with one cell.
std::string one_cell(std::uint64_t present, const std::vector<std::uint64_t> &counts,
                     CounterSet counters = kAllCounters) {
  return Forgery(1, counters).key("t", "e").number(1).cell(0, present, counts);
}

struct Example {
  const char *name;
  std::string bytes;
  const char *reason;
};

void expect_refused(const std::vector<Example> &examples) {
  for (const Example &example : examples) {
    EXPECT_NE(complaint(example.bytes).find(example.reason), std::string::npos)
        << example.name << ": \"" << complaint(example.bytes) << '"';
    EXPECT_FALSE(is_sound(example.bytes)) << example.name;
  }
}

void expect_accepted(const std::vector<std::pair<const char *, std::string>> &examples) {
  for (const auto &[name, bytes] : examples) EXPECT_TRUE(is_sound(bytes)) << name << ": " << complaint(bytes);
}

constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

}  // namespace

// Damage

TEST(RollupCorrupt, CutAtEveryByte) {
  for (const std::string &flat : rich_rollups()) {
    ASSERT_TRUE(is_sound(flat));
    for (std::size_t size = 0; size < flat.size(); ++size) {
      EXPECT_FALSE(is_sound(flat.substr(0, size))) << "cut to " << size;
    }
  }
}

TEST(RollupCorrupt, BytesAppended) {
  for (const std::string &flat : rich_rollups()) {
    for (int byte = 0; byte < 256; ++byte) EXPECT_FALSE(is_sound(flat + static_cast<char>(byte))) << byte;
    EXPECT_FALSE(is_sound(flat + flat));
  }
}

TEST(RollupCorrupt, EverySingleBit) {
  for (const std::string &flat : rich_rollups()) {
    for (std::size_t at = 0; at < flat.size() * 8; ++at) {
      std::string damaged = flat;
      damaged[at / 8] = static_cast<char>(damaged[at / 8] ^ (1 << at % 8));
      is_sound(damaged);
    }
  }
}

TEST(RollupCorrupt, RandomDamage) {
  std::mt19937_64 random(20251105);
  const auto rollups = rich_rollups();
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = pick(random, rollups);
    for (std::size_t change = below(random, 4) + 1; change > 0 && !damaged.empty(); --change) {
      const std::size_t at = below(random, damaged.size());
      switch (below(random, 4)) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, below(random, 8) + 1);
          break;
        case 2:
          damaged.insert(at, 1, static_cast<char>(random()));
          break;
        default:
          damaged.insert(at, damaged.substr(below(random, damaged.size()), below(random, 16)));
          break;
      }
    }
    is_sound(damaged);
  }
}

TEST(RollupCorrupt, RandomBytesBehindAGoodHeader) {
  std::mt19937_64 random(20251106);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = Forgery(below(random, 4));
    for (std::size_t size = below(random, 30); size > 0; --size) bytes += static_cast<char>(below(random, 9));
    is_sound(bytes);
  }
}

// Forgeries, rule by rule

TEST(RollupCorrupt, Header) {
  const std::string good = empty_rollup(SlotGrid::uniform(0, 10, 10, heap()), kRateCounters);
  const auto with = [&](std::size_t at, const std::string &bytes) {
    return good.substr(0, at) + bytes + good.substr(at + 1);
  };
  expect_refused({
      {"nothing", "", "too early"},
      {"first letter", with(0, "d"), "other bytes"},
      {"second letter", with(1, "r"), "other bytes"},
      {"version 0", with(2, std::string(1, '\0')), "version"},
      {"version 2", with(2, "\x02"), "version"},
      {"an unknown counter", with(4, "\x81\x80\x80\x20"), "counters are unknown"},
      {"no total", with(4, "\x7e"), "counters are unknown"},
      {"no counters", with(4, std::string(1, '\0')), "counters are unknown"},
      {"far too many counters", with(4, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "counters are unknown"},
  });
  expect_accepted({{"as it is", good}, {"another encoding", with(3, "\xff")}, {"only totals", with(4, "\x01")}});
}

TEST(RollupCorrupt, OrderOfKeys) {
  expect_refused({
      {"tenants", Forgery(2).key("b", "x").simple().key("a", "x").simple(), "not in order"},
      {"endpoints", Forgery(2).key("a", "y").simple().same_tenant("x").simple(), "not in order"},
      {"NULL tenant last", Forgery(2).key("", "x").simple().flags(1).text("x").simple(), "not in order"},
      {"NULL endpoint last", Forgery(2).key("a", "").simple().flags(6).simple(), "not in order"},
      {"signed bytes", Forgery(2).key("\x80", "x").simple().key("\x7f", "x").simple(), "not in order"},
      {"longer first", Forgery(2).key("ab", "x").simple().key("a", "y").simple(), "not in order"},
      {"third", Forgery(3).key("a", "x").simple().key("c", "x").simple().key("b", "x").simple(), "not in order"},
  });
  expect_accepted({
      {"tenants", Forgery(2).key("a", "x").simple().key("b", "x").simple()},
      {"endpoints", Forgery(2).key("a", "x").simple().same_tenant("y").simple()},
      {"NULL first", Forgery(2).flags(3).simple().key("", "").simple()},
      {"NULL endpoint first", Forgery(2).flags(2).text("a").simple().same_tenant("").simple()},
      {"NULL tenant twice", Forgery(2).flags(1).text("x").simple().same_tenant("y").simple()},
      {"unsigned bytes", Forgery(2).key("\x7f", "x").simple().key("\x80", "x").simple()},
  });
}

TEST(RollupCorrupt, RepeatedKeys) {
  expect_refused({
      {"the same key", Forgery(2).key("a", "x").simple().same_tenant("x").simple(), "not in order"},
      {"both NULL", Forgery(2).flags(3).simple().flags(6).simple(), "not in order"},
      {"the empty ones", Forgery(2).key("", "").simple().same_tenant("").simple(), "not in order"},
      {"tenant written twice", Forgery(2).key("a", "x").simple().key("a", "y").simple(), "not in order"},
      {"NULL tenant written twice", Forgery(2).flags(1).text("x").simple().flags(1).text("y").simple(), "not in order"},
  });
}

TEST(RollupCorrupt, Flags) {
  for (int flags = 0; flags < 256; ++flags) {
    const bool known = flags == 0 || flags == 1 || flags == 2 || flags == 3 || flags == 4 || flags == 6;
    Forgery first(1);
    first.flags(static_cast<std::uint8_t>(flags));
    if ((flags & 5) == 0) first.text("a");
    if ((flags & 2) == 0) first.text("x");
    EXPECT_EQ(is_sound(first.simple()), known && flags < 4) << "first, flags " << flags;

    Forgery second(2);
    second.flags(2).text("a").simple().flags(static_cast<std::uint8_t>(flags));
    if ((flags & 5) == 0) second.text("b");
    if ((flags & 2) == 0) second.text("x");
    EXPECT_EQ(is_sound(second.simple()), flags == 0 || flags == 2 || flags == 4) << "second, flags " << flags;
  }
}

TEST(RollupCorrupt, Slots) {
  expect_refused({
      {"no cells", Forgery(1).key("a", "x").number(0), "no cells"},
      {"beyond the last", Forgery(1).key("a", "x").number(1).cell(10, 1, {1}), "slot is out of range"},
      {"far beyond", Forgery(1).key("a", "x").number(1).cell(kMost, 1, {1}), "slot is out of range"},
      {"32 bits beyond", Forgery(1).key("a", "x").number(1).cell(std::uint64_t{1} << 32, 1, {1}), "out of range"},
      {"second beyond", Forgery(1).key("a", "x").number(2).cell(9, 1, {1}).cell(0, 1, {1}), "slot is out of range"},
      {"second wraps", Forgery(1).key("a", "x").number(2).cell(5, 1, {1}).cell(kMost - 4, 1, {1}), "out of range"},
      {"second wraps to itself", Forgery(1).key("a", "x").number(2).cell(5, 1, {1}).cell(kMost, 1, {1}),
       "out of range"},
      {"fewer cells", Forgery(1).key("a", "x").number(2).cell(0, 1, {1}), "too early"},
      {"more cells", Forgery(1).key("a", "x").number(1).cell(0, 1, {1}).cell(0, 1, {1}), "bytes are left"},
      {"eleven of ten",
       [] {
         Forgery forgery(1);
         forgery.key("a", "x").number(11);
         for (int i = 0; i < 11; ++i) forgery.cell(0, 1, {1});
         return std::string(forgery);
       }(),
       "slot is out of range"},
  });
  expect_accepted({
      {"the first", Forgery(1).key("a", "x").number(1).cell(0, 1, {1})},
      {"the last", Forgery(1).key("a", "x").number(1).cell(9, 1, {1})},
      {"both", Forgery(1).key("a", "x").number(2).cell(0, 1, {1}).cell(8, 1, {1})},
  });
}

TEST(RollupCorrupt, Counters) {
  expect_refused({
      {"unknown", one_cell(0x4000001, {1, 1}), "a counter is unknown"},
      {"far unknown", one_cell(kHuge | 1, {1, 1}), "a counter is unknown"},
      {"not kept", one_cell(0x03, {1, 1}, kRateCounters), "a counter is unknown"},
      {"none", one_cell(0, {}), "contradict"},
      {"no total", one_cell(bit(Counter::kDelivered), {1}), "contradict"},
      {"zero total", one_cell(1, {0}), "a counter is out of range"},
      {"zero delivered", one_cell(3, {1, 0}), "a counter is out of range"},
      {"over 2^53", one_cell(1, {kMaxCount + 1}), "a counter is out of range"},
      {"huge", one_cell(1, {kMost}), "a counter is out of range"},
      {"a missing one", one_cell(3, {1}), "too early"},
  });
  expect_accepted({{"one", one_cell(1, {1})}, {"2^53", one_cell(1, {kMaxCount})}});
}

TEST(RollupCorrupt, Contradictions) {
  const CounterSet total = bit(Counter::kTotal);
  const CounterSet settled = bit(Counter::kSettled);
  const CounterSet failures = bit(Counter::kFailures);
  const CounterSet reference = bit(Counter::kReferenceFailures);
  const CounterSet by_status =
      bit(Counter::kDelivered) | bit(Counter::kFailed) | bit(Counter::kDeadLetter) | bit(Counter::kPending);
  expect_refused({
      {"more delivered", one_cell(total | bit(Counter::kDelivered), {5, 6}), "contradict"},
      {"more pending", one_cell(total | bit(Counter::kPending), {5, 6}), "contradict"},
      {"more by status", one_cell(total | by_status, {5, 2, 2, 1, 1}), "contradict"},
      {"sums that are huge", one_cell(total | by_status, {5, kMaxCount, kMaxCount, kMaxCount, kMaxCount}),
       "contradict"},
      {"more settled", one_cell(total | settled, {5, 6}), "contradict"},
      {"more failures than settled", one_cell(total | settled | failures | reference, {5, 3, 4, 4}), "contradict"},
      {"failures, nothing settled", one_cell(total | failures | reference, {5, 1, 1}), "contradict"},
      {"more failures than the original's", one_cell(total | settled | failures | reference, {5, 5, 4, 3}),
       "contradict"},
      {"more of the original's", one_cell(total | reference, {5, 6}), "contradict"},
      {"more failures, rate", one_cell(total | settled | failures, {5, 3, 4}, kRateCounters), "contradict"},
      {"failures alone, rate", one_cell(total | failures, {5, 1}, kRateCounters), "contradict"},
      {"more failures, reference", one_cell(total | reference, {5, 6}, kReferenceCounters), "contradict"},
      {"more labels", one_cell(total | bit(Counter::kTransient) | bit(Counter::kOtherLabel), {5, 3, 3}), "contradict"},
      {"more retried", one_cell(total | bit(Counter::kRetried), {5, 6}), "contradict"},
      {"more retried ended", one_cell(total | bit(Counter::kRetried) | bit(Counter::kRetriedEnded), {5, 2, 3}),
       "contradict"},
      {"retried delivered, not delivered",
       one_cell(total | bit(Counter::kRetried) | bit(Counter::kRetriedEnded) | bit(Counter::kRetriedDelivered),
                {5, 2, 2, 1}),
       "contradict"},
      {"near failure, not pending", one_cell(total | bit(Counter::kNearFailure), {5, 1}), "contradict"},
      {"transient before, not retried", one_cell(total | bit(Counter::kTransientBefore), {5, 1}), "contradict"},
      {"transient retried, not transient",
       one_cell(total | bit(Counter::kDelivered) | bit(Counter::kRetried) | bit(Counter::kRetriedEnded) |
                    bit(Counter::kRetriedDelivered) | bit(Counter::kTransientRetriedDelivered),
                {5, 5, 5, 5, 5, 1}),
       "contradict"},
  });
  expect_accepted({
      {"all failed", one_cell(total | bit(Counter::kFailed) | settled | failures | reference, {5, 5, 5, 5, 5})},
      {"some of each", one_cell(total | by_status, {6, 2, 2, 1, 1})},
      {"rate", one_cell(total | settled | failures, {5, 4, 4}, kRateCounters)},
      {"failures alone are kept", one_cell(total | failures, {5, 4}, total | failures)},
      {"reference", one_cell(total | reference, {5, 5}, kReferenceCounters)},
  });
}

TEST(RollupCorrupt, HugeSizesAskForNothing) {
  for (const std::uint64_t size : {std::uint64_t{1} << 20, std::uint64_t{1} << 32, kHuge, kMost}) {
    SCOPED_TRACE(size);
    ByteWriter edges(heap());
    edges.put_bytes("DR\x01\x06\x01");
    edges.put_byte(0);
    edges.put_varint(size);
    edges.put_signed(0);
    ByteWriter statuses(heap());
    statuses.put_bytes("DR\x01\x06\x01\x0a\x0a");
    statuses.put_signed(0);
    statuses.put_varint(size);
    expect_refused({
        {"groups", Forgery(size), "too early"},
        {"groups, some there", Forgery(size).key("a", "x").simple(), "too early"},
        {"tenant", Forgery(1).flags(0).number(size), "too early"},
        {"endpoint", Forgery(1).flags(0).text("a").number(size).text("x"), "too early"},
        {"cells", Forgery(1).key("a", "x").number(size).cell(0, 1, {1}), "too early"},
        {"edges", std::string(edges.written()), ""},
        {"statuses", std::string(statuses.written()), "too many statuses"},
    });
  }
}

TEST(RollupCorrupt, ManySlotsAreNoMemory) {
  const std::string empty = empty_rollup(SlotGrid::uniform(0, 1, SlotGrid::kMaxSlots, heap()));
  EXPECT_TRUE(is_sound(empty));
  const std::string last = roll_up(empty, {{SlotGrid::kMaxSlots - 1, "t", "e", "ok", {}}});
  EXPECT_TRUE(is_sound(last));
}

// Cells that nobody reads are checked all the same.
TEST(RollupCorrupt, CellsThatArePassedOver) {
  const std::string flat = Forgery(2).key("a", "x").number(1).cell(0, 3, {1, 2}).key("b", "x").simple();
  RollupReader reader(flat, heap());
  RollupReader::Group group;
  ASSERT_TRUE(reader.next_group(group));
  EXPECT_EQ(error_kind([&] { reader.next_group(group); }), ErrorKind::kCorruptBytes);
}
