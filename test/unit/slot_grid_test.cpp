// Slots: which one holds a time, and what is no grid.
#include "slot_grid.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr Timestamp kLeast = std::numeric_limits<Timestamp>::min();
constexpr Timestamp kMost = std::numeric_limits<Timestamp>::max();
// A span that fits no signed number.
constexpr std::uint64_t kAllOfTime = static_cast<std::uint64_t>(kEndOfTime) - static_cast<std::uint64_t>(kFirstTime);
constexpr std::uint32_t kOutside = SlotGrid::kOutside;

SlotGrid uniform(Timestamp origin, Duration width, std::int64_t count) {
  return SlotGrid::uniform(origin, width, count, heap());
}

std::string bytes_of(const SlotGrid &grid) {
  ByteWriter out(heap());
  grid.encode(out);
  return std::string(out.written());
}

SlotGrid decode(const std::string &bytes) {
  ByteReader reader(bytes);
  return SlotGrid::decode(reader, heap());
}

std::optional<ErrorKind> decode_error(const std::string &bytes) {
  return error_kind([&] { decode(bytes); });
}

// Bytes of a grid that SlotGrid itself would not write.
std::string forged(std::uint64_t width, std::uint64_t count, Timestamp first, const std::vector<std::uint64_t> &gaps) {
  ByteWriter out(heap());
  out.put_varint(width);
  out.put_varint(count);
  out.put_signed(first);
  for (const std::uint64_t gap : gaps) out.put_varint(gap);
  return std::string(out.written());
}

// Every edge belongs to the slot that it begins; the last one, and what lies before the first, to none.
void expect_found_at_edges(const SlotGrid &grid) {
  for (std::uint32_t slot = 0; slot < grid.slot_count(); ++slot) {
    EXPECT_EQ(grid.find(grid.edge(slot)), slot);
    EXPECT_EQ(grid.find(grid.edge(slot + 1) - 1), slot);
    if (grid.edge(slot + 1) - 1 != grid.edge(slot)) {
      EXPECT_EQ(grid.find(grid.edge(slot) + 1), slot);
    }
  }
  if (grid.edge(0) > kLeast) {
    EXPECT_EQ(grid.find(grid.edge(0) - 1), kOutside);
    EXPECT_EQ(grid.find(kLeast), kOutside);
  }
  const Timestamp end = grid.edge(grid.slot_count());
  EXPECT_EQ(grid.find(end), kOutside);
  EXPECT_EQ(grid.find(kMost), kOutside);
  if (end < kMost) {
    EXPECT_EQ(grid.find(end + 1), kOutside);
  }
}

std::vector<Timestamp> edges_of(const SlotGrid &grid) {
  std::vector<Timestamp> edges;
  for (std::uint32_t i = 0; i <= grid.slot_count(); ++i) edges.push_back(grid.edge(i));
  return edges;
}

}  // namespace

TEST(SlotGrid, UniformEdges) {
  EXPECT_EQ(edges_of(uniform(100, 10, 3)), (std::vector<Timestamp>{100, 110, 120, 130}));
  EXPECT_EQ(edges_of(uniform(-15, 10, 2)), (std::vector<Timestamp>{-15, -5, 5}));
}

TEST(SlotGrid, FindsBothSidesOfUniformEdges) {
  expect_found_at_edges(uniform(0, 1, 1));
  expect_found_at_edges(uniform(0, 1, 1000));
  expect_found_at_edges(uniform(-15, 10, 7));
  expect_found_at_edges(uniform(kFirstTime, 1, 5));
  expect_found_at_edges(uniform(kFirstTime, kMost, 1));
  expect_found_at_edges(uniform(kEndOfTime - 30, 10, 3));
  expect_found_at_edges(uniform(0, kEndOfTime, 1));
  expect_found_at_edges(uniform(kFirstTime, kMost / 1024, 1024));
  expect_found_at_edges(uniform(-3 * kMinute, 5 * kMinute, SlotGrid::kMaxSlots));
}

TEST(SlotGrid, FindsBothSidesOfListedEdges) {
  expect_found_at_edges(edges_grid({0, 1}));
  expect_found_at_edges(edges_grid({-7, -6, -1, 0, 1, 100, 101, 5000}));
  expect_found_at_edges(edges_grid({kFirstTime, 0, kEndOfTime}));
  expect_found_at_edges(edges_grid({kFirstTime, kEndOfTime}));
  expect_found_at_edges(edges_grid({kFirstTime, kFirstTime + 1, kEndOfTime - 1, kEndOfTime}));
}

TEST(SlotGrid, UniformErrors) {
  struct Example {
    Timestamp origin;
    Duration width;
    std::int64_t count;
  };
  const std::vector<Example> examples = {
      {0, 0, 1},
      {0, -1, 1},
      {0, kLeast, 1},
      {0, 10, 0},
      {0, 10, -1},
      {0, 10, kLeast},
      {0, 1, std::int64_t{SlotGrid::kMaxSlots} + 1},
      {0, 1, kMost},
      {0, 1, (std::int64_t{1} << 32) + 1},
      {0, kMost, 2},
      {1, kMost, 1},
      {kMost, 1, 1},
      {kEndOfTime - 29, 10, 3},
      {kEndOfTime, 1, 1},
      {0, kMost, 1},
      {kFirstTime - 1, 1, 1},
      {kLeast, 1, 1},
      {kFirstTime, kMost / 512, 1 << 20},
  };
  for (const Example &example : examples) {
    EXPECT_EQ(error_kind([&] { uniform(example.origin, example.width, example.count); }), ErrorKind::kInvalidArgument)
        << example.origin << " + " << example.count << " x " << example.width;
  }
}

TEST(SlotGrid, ListErrors) {
  const std::vector<std::vector<Timestamp>> examples = {
      {},
      {5},
      {5, 5},
      {5, 4},
      {1, 2, 3, 3},
      {1, 3, 2, 4},
      {0, kMost, kLeast},
      {kFirstTime - 1, 0},
      {0, kEndOfTime + 1},
      {kLeast, kMost},
  };
  for (const auto &edges : examples) {
    EXPECT_EQ(error_kind([&] { edges_grid(edges); }), ErrorKind::kInvalidArgument) << edges.size();
  }
  EXPECT_EQ(error_kind([&] { edges_grid(std::vector<Timestamp>(SlotGrid::kMaxSlots + 1)); }),
            ErrorKind::kInvalidArgument);
}

TEST(SlotGrid, DecodesWhatItEncodes) {
  const std::vector<SlotGrid> grids = {
      uniform(0, 1, 1),
      uniform(-15, 10, 7),
      uniform(kFirstTime, kMost, 1),
      uniform(kEndOfTime - 30, 10, 3),
      uniform(0, 1, SlotGrid::kMaxSlots),
      edges_grid({0, 1}),
      edges_grid({-7, -6, 0, 1, 5000}),
      edges_grid({kFirstTime, kEndOfTime}),
      edges_grid({kFirstTime, 0, kEndOfTime}),
  };
  for (const SlotGrid &grid : grids) {
    const std::string bytes = bytes_of(grid);
    const SlotGrid again = decode(bytes);
    EXPECT_EQ(edges_of(again), edges_of(grid));
    EXPECT_EQ(bytes_of(again), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(decode_error(bytes.substr(0, size)), ErrorKind::kCorruptBytes) << size;
    }
  }
}

TEST(SlotGrid, DecodesTheLongestList) {
  std::vector<Timestamp> edges(SlotGrid::kMaxSlots);
  for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = static_cast<Timestamp>(i);
  const SlotGrid grid = edges_grid(edges);
  EXPECT_EQ(edges_of(decode(bytes_of(grid))), edges);
}

TEST(SlotGrid, CorruptBytes) {
  const std::uint64_t two63 = std::uint64_t{1} << 63;
  const std::vector<std::string> examples = {
      forged(10, 0, 0, {}),                                 // no slots
      forged(10, SlotGrid::kMaxSlots + 1, 0, {}),           // too many
      forged(10, two63 + 1, 0, {}),                         // far too many
      forged(two63, 1, kLeast, {}),                         // a width that is no duration
      forged(static_cast<std::uint64_t>(kMost), 2, 0, {}),  // its span overflows
      forged(10, 1, kMost - 9, {}),                         // its end overflows
      forged(0, 0, 0, {}),                                  // a list of one edge
      forged(0, 2, 0, {1, 0}),                              // an edge that is repeated
      forged(0, 2, 0, {1}),                                 // fewer edges than it says
      forged(0, SlotGrid::kMaxSlots, 0, {1, 1, 1}),         // far fewer
      forged(0, two63, 0, {1, 1, 1}),
      forged(0, 1, 1, {static_cast<std::uint64_t>(kMost)}),  // an edge that overflows
      forged(0, 2, kLeast, {~std::uint64_t{0}, 1}),          // likewise
      forged(0, 1, kFirstTime - 1, {5}),                     // before the first timestamp
      forged(0, 1, kFirstTime, {kAllOfTime + 1}),            // beyond the last
      forged(10, 1, kFirstTime - 1, {}),
      forged(10, 1, kEndOfTime - 9, {}),
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    EXPECT_EQ(decode_error(examples[i]), ErrorKind::kCorruptBytes) << "example " << i;
  }
  EXPECT_EQ(decode_error(forged(0, 1, kFirstTime, {kAllOfTime})), std::nullopt);
  EXPECT_EQ(decode_error(forged(10, 1, kEndOfTime - 10, {})), std::nullopt);
}
