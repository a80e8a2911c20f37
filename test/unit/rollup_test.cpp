// The rollup against a model that is plainly right, and the laws of a commutative monoid on its bytes.
#include "rollup.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Random = std::mt19937_64;

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
Random printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return Random(seed);
}

// Names that are alike where a hash, a comparison or a prefix may be fooled.
const std::vector<Value> &odd_names() {
  static const std::vector<Value> names = {
      std::nullopt,
      "",
      std::string(1, '\0'),
      std::string(2, '\0'),
      "a",
      std::string("a\0", 2),
      std::string("a\0b", 3),
      "ab",
      "b",
      "\x7f",
      "\x80",
      "\xff\xfe",
      "12345678",
      std::string("12345678\0", 9),
      "123456789",
      "1234567812345678",
      std::string("1234567812345678\0", 17),
      "12345678123456789",
      "1234567\xff",
      "https://example.org/hooks/tenant-00000001",
      "https://example.org/hooks/tenant-00000002",
      std::string(10000, 'x'),
      std::string(10000, 'x') + "y",
      std::string(9999, 'x') + "\xff",
  };
  return names;
}

const std::vector<Value> &odd_statuses() {
  static const std::vector<Value> statuses = [] {
    std::vector<Value> all = {std::nullopt, "", "nope", std::string(100, 'x')};
    for (const auto &[word, status] : usual_words()) all.push_back(word);
    return all;
  }();
  return statuses;
}

const std::vector<Value> &odd_labels() {
  static const std::vector<Value> labels = {
      std::nullopt, std::nullopt, "", "permanent_4xx", "transient_endpoint_down", "rate_limited", "unknown"};
  return labels;
}

Row random_row(Random &random, const std::vector<Value> &names, Timestamp begin, Timestamp end) {
  Row row;
  row.at = begin + static_cast<Timestamp>(below(random, static_cast<std::size_t>(end - begin)));
  row.tenant = pick(random, names);
  row.endpoint = pick(random, names);
  row.status = pick(random, odd_statuses());
  row.label = pick(random, odd_labels());
  static const std::vector<std::int64_t> numbers = {Delivery::kNoNumber, -3, 0, 1, 2, 3, 5, INT32_MAX};
  row.attempts = pick(random, numbers);
  row.max_attempts = pick(random, numbers);
  return row;
}

std::vector<Row> random_rows(Random &random, std::size_t count, Timestamp begin, Timestamp end,
                             const std::vector<Value> &names = odd_names()) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back(random_row(random, names, begin, end));
  return rows;
}

bool earlier(const Row &a, const Row &b) { return a.at < b.at; }

Cells model_of(const std::vector<Row> &rows, const std::vector<Timestamp> &edges, CounterSet counters = kAllCounters) {
  Model model(edges, counters);
  for (const Row &row : rows) model.add(row);
  return model.cells();
}

// A small shape, and rows around it.
const std::vector<Timestamp> kEdges = {-100, -50, -49, 0, 7, 1000};

std::string small_shape(CounterSet counters = kAllCounters) { return empty_rollup(edges_grid(kEdges), counters); }

// Rows in `parts` random piles, of which some may be empty.
std::vector<std::vector<Row>> split(Random &random, const std::vector<Row> &rows, std::size_t parts) {
  std::vector<std::vector<Row>> piles(parts);
  for (const Row &row : rows) piles[below(random, parts)].push_back(row);
  return piles;
}

// The bytes of a rollup with one cell, by way of the documented format.
std::string one_cell(const std::string &shape, std::uint64_t total) {
  ByteWriter out(heap());
  out.put_bytes(std::string_view(shape).substr(0, shape.size() - 1));
  out.put_varint(1);
  out.put_byte(0);
  out.put_text("t");
  out.put_text("e");
  out.put_varint(1);
  out.put_varint(0);
  out.put_varint(bit(Counter::kTotal));
  out.put_varint(total);
  return std::string(out.written());
}

std::uint64_t only_total(const std::string &flat) {
  return read_cells(flat).at({"t", "e"}).at(0)[static_cast<std::size_t>(Counter::kTotal)];
}

}  // namespace

// The bytes

TEST(Rollup, BytesAsDocumented) {
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 300, heap()), kRateCounters);
  const std::vector<Row> rows = {
      {2005, "t", "b", "failed", {}}, {5, "t", "b", "pending", {}}, {15, "t", "b", "ok", {}},
      {25, "t", "", "ok", {}},        {2005, "t", "b", "dead", {}}, {35, std::nullopt, std::nullopt, "ok", {}},
  };
  const std::string header("DR\x01\x06\x61\x0a\xac\x02\x00\x00",
                           10);  // version, encoding, counters, width, count, origin
  const std::string body =
      std::string("\x03", 1) +                               // groups
      std::string("\x03\x01\x03\x21\x01\x01", 6) +           // both NULL; one cell: slot 3, total and settled
      std::string("\x00\x01t\x00\x01\x02\x21\x01\x01", 9) +  // 't' and '': slot 2
      std::string(
          "\x04\x01"
          "b\x03",
          4) +                                     // the same tenant, 'b', three cells
      std::string("\x00\x01\x01", 3) +             // slot 0: pending
      std::string("\x00\x21\x01\x01", 4) +         // slot 1: delivered
      std::string("\xc6\x01\x61\x02\x02\x02", 6);  // slot 200: two failures
  EXPECT_EQ(shape, header + std::string(1, '\0'));
  EXPECT_EQ(roll_up(shape, rows), header + body);
}

TEST(Rollup, NothingEncodesAsItsShape) {
  const std::string shape = small_shape();
  EXPECT_EQ(roll_up(shape, {}), shape);
  EXPECT_EQ(merge_all(shape, {shape, shape}), shape);
}

TEST(Rollup, KnowsItsOwnShape) {
  const std::string shape = small_shape();
  const Rollup rollup(shape, kManyGroups, heap());
  EXPECT_TRUE(rollup.is_shape(shape));
  EXPECT_FALSE(rollup.is_shape(small_shape(kRateCounters)));
  EXPECT_FALSE(rollup.is_shape(empty_rollup(edges_grid(kEdges), kAllCounters, {}, 7)));
  EXPECT_FALSE(rollup.is_shape(roll_up(shape, {{0, "t", "e", "ok", {}}})));
  EXPECT_FALSE(rollup.is_shape(""));
}

// Against the model

TEST(Rollup, CountsAsTheModel) {
  Random random = printed_random();
  for (int round = 0; round < 6; ++round) {
    const CounterSet counters = bit(Counter::kTotal) | static_cast<CounterSet>(below(random, 256));
    const auto rows = random_rows(random, 3000, kEdges.front() - 10, kEdges.back() + 10);
    const std::string flat = roll_up(small_shape(counters), rows);
    validate(flat);
    EXPECT_EQ(read_cells(flat), model_of(rows, kEdges, counters)) << "counters " << counters;
  }
}

TEST(Rollup, CountsEveryStatusAndLabel) {
  for (const Value &status : odd_statuses()) {
    for (const Value &label : odd_labels()) {
      const std::vector<Row> rows = {{0, "t", "e", status, label}};
      EXPECT_EQ(read_cells(roll_up(small_shape(), rows)), model_of(rows, kEdges));
    }
  }
}

// The age of the oldest pending delivery is a maximum, whatever way the parts come together.
TEST(Rollup, OldestPending) {
  const std::vector<Timestamp> edges = {0, 100 * kSecond, 7200 * kSecond};
  const std::string shape = empty_rollup(edges_grid(edges));
  const std::vector<Row> rows = {
      {1, "t", "e", "pending", {}},           {99 * kSecond, "t", "e", "pending", {}},
      {100 * kSecond, "t", "e", "sent", {}},  {200 * kSecond, "t", "e", "queued", {}},
      {150 * kSecond, "t", "e", "retry", {}}, {0, "t", "e", "failed", {}},
  };
  EXPECT_EQ(read_cells(roll_up(shape, rows)), model_of(rows, edges));
  std::vector<std::string> parts;
  for (const Row &row : rows) parts.push_back(roll_up(shape, {row}));
  const Cells cells = read_cells(merge_all(shape, parts));
  EXPECT_EQ(cells, model_of(rows, edges));
  Counts first = cells.begin()->second.at(0);
  Counts second = cells.begin()->second.at(1);
  EXPECT_EQ(count(first, Counter::kPendingSeconds), 99U);
  EXPECT_EQ(count(second, Counter::kPendingSeconds), 7049U);
}

// Attempts are summed; the sum may need more than 32 bits long before the number of deliveries does.
TEST(Rollup, SumsAttempts) {
  const std::string shape = small_shape();
  std::vector<Row> rows;
  for (int i = 0; i < 7; ++i) rows.push_back({0, "t", "e", "ok", {}, INT32_MAX, 3});
  rows.push_back({0, "t", "e", "ok", {}, -5, 3});
  const std::string flat = roll_up(shape, rows);
  EXPECT_EQ(read_cells(flat), model_of(rows, kEdges));
  EXPECT_EQ(merge_all(shape, {flat, shape}), flat);
  Counts counts = read_cells(flat).begin()->second.begin()->second;
  EXPECT_EQ(count(counts, Counter::kDeliveredAttempts), std::uint64_t{7} * INT32_MAX + 1);
  EXPECT_EQ(count(counts, Counter::kTotal), 8U);
}

TEST(Rollup, UsesTheMapOfItsShape) {
  const Statuses statuses = {{"2", StatusClass::kDelivered}, {"9", StatusClass::kDeadLetter}};
  const std::string shape = empty_rollup(edges_grid(kEdges), kAllCounters, statuses);
  const std::string flat =
      roll_up(shape, {{0, "t", "e", "2", {}}, {0, "t", "e", "9", {}}, {0, "t", "e", "failed", {}}});
  Counts expected = counts_of(StatusClass::kDelivered, Row());
  for (const StatusClass status : {StatusClass::kDeadLetter, StatusClass::kUnmapped}) {
    const Counts more = counts_of(status, Row());
    for (std::size_t i = 0; i < more.size(); ++i) expected[i] += more[i];
  }
  EXPECT_EQ(read_cells(flat).at({"t", "e"}).at(3), expected);
}

TEST(Rollup, RowsOutsideTheGridLeaveNoTrace) {
  const std::string shape = small_shape();
  for (const Timestamp at : {kEdges.front() - 1, kEdges.back(), kEdges.back() + 1,
                             std::numeric_limits<Timestamp>::min(), std::numeric_limits<Timestamp>::max()}) {
    EXPECT_EQ(roll_up(shape, {{at, "t", "e", "ok", {}}}), shape) << at;
  }
  EXPECT_NE(roll_up(shape, {{kEdges.front(), "t", "e", "ok", {}}}), shape);
  EXPECT_NE(roll_up(shape, {{kEdges.back() - 1, "t", "e", "ok", {}}}), shape);
}

TEST(Rollup, OutsideRowsBetweenOthersChangeNothing) {
  std::vector<Row> rows;
  for (const Timestamp at : {5, 2000, 5, -2000, 6, 7, 1000, 999, -101, -100, 0})
    rows.push_back({at, "t", "e", "ok", {}});
  EXPECT_EQ(read_cells(roll_up(small_shape(), rows)), model_of(rows, kEdges));
}

// The order of rows

TEST(Rollup, FewGroupsAndManySlotsInAnyOrder) {
  Random random = printed_random();
  constexpr std::int64_t kSlots = 5000;
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, kSlots, heap()));
  auto rows = random_rows(random, 150000, 0, kSlots * 10, {"a", "b", std::nullopt});
  std::stable_sort(rows.begin(), rows.end(), earlier);
  const std::string in_order = roll_up(shape, rows);
  validate(in_order);

  std::uint64_t total = 0;
  for (const auto &[key, slots] : read_cells(in_order)) {
    for (const auto &[slot, counts] : slots) total += counts[0];
  }
  EXPECT_EQ(total, rows.size());

  std::reverse(rows.begin(), rows.end());
  EXPECT_TRUE(roll_up(shape, rows) == in_order) << "reversed";
  std::shuffle(rows.begin(), rows.end(), random);
  EXPECT_TRUE(roll_up(shape, rows) == in_order) << "shuffled";
  std::stable_sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.at % 10 < b.at % 10; });
  EXPECT_TRUE(roll_up(shape, rows) == in_order) << "in ten passes";
}

TEST(Rollup, LateRowsAroundEveryCompaction) {
  // Rows that alternate between two slots are late from the third on: a compaction comes after some thousands of them,
  // and what comes right before and after it must not be lost or counted twice.
  const std::string shape = small_shape();
  Rollup rollup(shape, kManyGroups, heap());
  const Row even = {-100, "t", "e", "ok", {}};
  const Row odd = {0, "t", "e", "failed", {}};
  for (std::size_t i = 1; i <= 30000; ++i) {
    rollup.add(delivery_of(i % 2 == 0 ? even : odd));
    if (i < 2 || (i % 4096 > 8 && i % 4096 < 4088)) continue;
    Rollup same(shape, kManyGroups, heap());
    for (std::size_t j = 1; j <= i; ++j) same.add(delivery_of(j % 2 == 0 ? even : odd));
    const Cells cells = read_cells(bytes_of(same));
    EXPECT_EQ(cells.at({"t", "e"}).at(0)[0], i / 2) << i;
    EXPECT_EQ(cells.at({"t", "e"}).at(3)[0], (i + 1) / 2) << i;
  }
  EXPECT_EQ(read_cells(bytes_of(rollup)).at({"t", "e"}).at(0)[0], 15000U);
}

TEST(Rollup, ManyGroupsInAnyOrder) {
  Random random = printed_random();
  std::vector<Row> rows;
  for (int i = 0; i < 20000; ++i) {
    rows.push_back({static_cast<Timestamp>(below(random, 1000)),
                    "tenant " + std::to_string(below(random, 50)),
                    "endpoint " + std::to_string(below(random, 400)),
                    "ok",
                    {}});
  }
  const std::string flat = roll_up(small_shape(), rows);
  EXPECT_EQ(read_cells(flat), model_of(rows, kEdges));
  std::shuffle(rows.begin(), rows.end(), random);
  EXPECT_TRUE(roll_up(small_shape(), rows) == flat);
}

// Merging

TEST(Rollup, MergesOfArbitrarySplits) {
  Random random = printed_random();
  const std::string shape = small_shape();
  const auto rows = random_rows(random, 2000, kEdges.front() - 10, kEdges.back() + 10);
  const std::string whole = roll_up(shape, rows);
  for (const std::size_t count : {1U, 2U, 3U, 10U, 200U, 600U}) {
    std::vector<std::string> parts;
    for (const auto &pile : split(random, rows, count)) parts.push_back(roll_up(shape, pile));
    EXPECT_TRUE(merge_all(shape, parts) == whole) << count << " parts";
    std::shuffle(parts.begin(), parts.end(), random);
    EXPECT_TRUE(merge_all(shape, parts) == whole) << count << " parts, shuffled";

    while (parts.size() > 1) {  // pair by pair, as a tree of workers does
      std::shuffle(parts.begin(), parts.end(), random);
      const std::string merged = merge_all(shape, {parts[parts.size() - 1], parts[parts.size() - 2]});
      parts.resize(parts.size() - 2);
      parts.push_back(merged);
    }
    EXPECT_TRUE(parts.front() == whole) << count << " parts, as a tree";
  }
}

TEST(Rollup, RowsAndMergesMix) {
  Random random = printed_random();
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 1, 1000, heap()));
  const auto rows = random_rows(random, 60000, 0, 1000, {"a", "b"});
  const std::string whole = roll_up(shape, rows);
  const auto piles = split(random, rows, 20);
  Rollup mixed(shape, kManyGroups, heap());
  for (std::size_t i = 0; i < piles.size(); ++i) {
    if (i % 2 == 0) {
      merge_into(mixed, roll_up(shape, piles[i]));
    } else {
      for (const Row &row : piles[i]) mixed.add(delivery_of(row));
    }
  }
  EXPECT_TRUE(bytes_of(mixed) == whole);
}

TEST(Rollup, TheEmptyRollupIsNeutral) {
  Random random = printed_random();
  const std::string shape = small_shape();
  const std::string flat = roll_up(shape, random_rows(random, 500, kEdges.front(), kEdges.back()));
  EXPECT_EQ(merge_all(shape, {flat}), flat);
  EXPECT_EQ(merge_all(shape, {shape, flat}), flat);
  EXPECT_EQ(merge_all(shape, {flat, shape, shape}), flat);
}

TEST(Rollup, EncodingChangesNothing) {
  Random random = printed_random();
  const std::string shape = small_shape();
  const auto rows = random_rows(random, 2000, kEdges.front(), kEdges.back());
  Rollup often(shape, kManyGroups, heap());
  std::vector<Row> so_far;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % 3 == 0) {
      merge_into(often, roll_up(shape, {rows[i]}));
    } else {
      often.add(delivery_of(rows[i]));
    }
    so_far.push_back(rows[i]);
    if (i % 97 != 0 && i + 1 != rows.size()) continue;
    const std::string once = bytes_of(often);
    EXPECT_TRUE(bytes_of(often) == once) << i;
    EXPECT_TRUE(roll_up(shape, so_far) == once) << i;
  }
}

TEST(Rollup, EncodingAfterEveryRow) {
  const std::string shape = small_shape();
  Rollup rollup(shape, kManyGroups, heap());
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back({i * 37 % 1100 - 100, "t", "e", i % 3 == 0 ? "failed" : "ok", {}});
    rollup.add(delivery_of(rows.back()));
    ASSERT_EQ(read_cells(bytes_of(rollup)), model_of(rows, kEdges)) << i;
  }
}

// Large counts

TEST(Rollup, CountsBeyondThirtyTwoBits) {
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 2, heap()));
  const std::uint64_t two32 = std::uint64_t{1} << 32;
  const std::vector<std::vector<std::uint64_t>> examples = {
      {two32 - 1},
      {two32},
      {two32 + 1},
      {two32 - 1, 1},
      {two32 - 1, two32 - 1},
      {1, two32 - 1, 1},
      {two32, two32},
      {3 * two32 + 7, 5},
      {kMaxCount},
      {kMaxCount - two32, two32},
      {kMaxCount - 1, 1},
      {1, kMaxCount - 1},
  };
  for (const auto &totals : examples) {
    std::uint64_t sum = 0;
    std::vector<std::string> parts;
    for (const std::uint64_t total : totals) {
      parts.push_back(one_cell(shape, total));
      sum += total;
    }
    const std::string merged = merge_all(shape, parts);
    EXPECT_EQ(merged, one_cell(shape, sum)) << sum;
    EXPECT_EQ(only_total(merged), sum);
  }
}

TEST(Rollup, RowsOnTopOfLargeCounts) {
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 2, heap()));
  for (const std::uint64_t total : {(std::uint64_t{1} << 32) - 3, (std::uint64_t{1} << 40) + 1, kMaxCount - 5}) {
    Rollup rollup(shape, kManyGroups, heap());
    merge_into(rollup, one_cell(shape, total));
    for (int i = 0; i < 5; ++i) {
      rollup.add({0, "t", "e", "nope", Text()});
      rollup.add({15, "t", "e", "ok", Text()});
    }
    const std::string flat = bytes_of(rollup);
    validate(flat);
    EXPECT_EQ(only_total(flat), total + 5);
  }
}

TEST(Rollup, NoCountBeyondTheLargest) {
  const std::string shape = small_shape();
  const std::string largest = one_cell(shape, kMaxCount);
  const std::string one = one_cell(shape, 1);
  EXPECT_EQ(error_kind([&] { merge_all(shape, {largest, one}); }), ErrorKind::kLimit);
  EXPECT_EQ(error_kind([&] { merge_all(shape, {one, largest}); }), ErrorKind::kLimit);
  EXPECT_EQ(error_kind([&] { merge_all(shape, {largest, largest}); }), ErrorKind::kLimit);
}

// Rows must not lead where merges may not: such bytes would be no rollup when they are read again.
TEST(Rollup, NoRowBeyondTheLargestCount) {
  const std::string shape = small_shape();
  const auto add_to_largest = [&] {
    Rollup rollup(shape, kManyGroups, heap());
    merge_into(rollup, one_cell(shape, kMaxCount));
    rollup.add({-100, "t", "e", "nope", Text()});
    validate(bytes_of(rollup));
  };
  EXPECT_EQ(error_kind(add_to_largest), ErrorKind::kLimit);
}

// Errors

TEST(Rollup, AtMostSoManyGroups) {
  const std::string shape = small_shape();
  const std::vector<Row> three = {{0, "a", "x", "ok", {}}, {0, "a", "y", "ok", {}}, {0, {}, {}, "ok", {}}};
  const std::string three_groups = roll_up(shape, three);
  for (std::uint64_t limit = 0; limit < 5; ++limit) {
    const auto expected = limit < 3 ? std::optional<ErrorKind>(ErrorKind::kLimit) : std::nullopt;
    const auto add_rows = [&] {
      Rollup rollup(shape, limit, heap());
      for (int pass = 0; pass < 2; ++pass) {
        for (const Row &row : three) rollup.add(delivery_of(row));
      }
      EXPECT_EQ(read_cells(bytes_of(rollup)).size(), 3U);
    };
    const auto merge_twice = [&] {
      Rollup rollup(shape, limit, heap());
      merge_into(rollup, three_groups);
      merge_into(rollup, three_groups);
      EXPECT_EQ(read_cells(bytes_of(rollup)).size(), 3U);
    };
    EXPECT_EQ(error_kind(add_rows), expected) << limit;
    EXPECT_EQ(error_kind(merge_twice), expected) << limit;
  }
}

TEST(Rollup, TheLimitIsExactWithManyGroups) {
  constexpr int kLimit = 1000;
  Rollup rollup(small_shape(), kLimit, heap());
  for (int i = 0; i < kLimit; ++i) {
    const std::string endpoint = std::to_string(i);
    rollup.add({0, "t", endpoint, "ok", Text()});
  }
  rollup.add({5000, "t", "outside the grid", "ok", Text()});
  rollup.add({0, "t", "0", "ok", Text()});
  try {
    rollup.add({0, "t", "one more", "ok", Text()});
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.kind(), ErrorKind::kLimit);
    EXPECT_NE(std::string(error.what()).find("1000"), std::string::npos);
    EXPECT_NE(error.hint(), "");
  }
}

TEST(Rollup, UnlikeShapes) {
  const std::string shape = small_shape();
  const Row row = {0, "t", "e", "ok", {}};
  const std::vector<std::string> others = {
      small_shape(kRateCounters),
      empty_rollup(edges_grid({-100, -50, -49, 0, 7, 1001})),
      empty_rollup(edges_grid({-100, -50, -49, 0, 7})),
      empty_rollup(SlotGrid::uniform(-100, 50, 5, heap())),
      empty_rollup(edges_grid(kEdges), kAllCounters, {{"ok", StatusClass::kDelivered}}),
      empty_rollup(edges_grid(kEdges), kAllCounters, {}, 0),
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    for (const std::string &flat : {others[i], roll_up(others[i], {row})}) {
      Rollup rollup(shape, kManyGroups, heap());
      EXPECT_EQ(error_kind([&] { merge_into(rollup, flat); }), ErrorKind::kUnlike) << "shape " << i;
    }
  }
}

TEST(Rollup, AShapeMustBeEmpty) {
  const std::string shape = small_shape();
  const std::string flat = roll_up(shape, {{0, "t", "e", "ok", {}}});
  try {
    Rollup rollup(flat, kManyGroups, heap());
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_NE(error.hint(), "");
  }
  for (const std::string &corrupt : {std::string(), shape + '\0', shape.substr(0, shape.size() - 1)}) {
    EXPECT_EQ(error_kind([&] { Rollup(corrupt, kManyGroups, heap()); }), ErrorKind::kCorruptBytes);
  }
}

TEST(Rollup, CorruptBytesAreNotMerged) {
  const std::string shape = small_shape();
  const std::string flat = roll_up(shape, {{0, "t", "e", "ok", {}}});
  for (std::size_t size = 0; size < flat.size(); ++size) {
    const auto kind = error_kind([&] { merge_all(shape, {flat.substr(0, size)}); });
    EXPECT_EQ(kind, ErrorKind::kCorruptBytes) << size;
  }
}
