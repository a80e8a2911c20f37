// The plan of a detection, its slots, and the counts that are read from them.
#include "detection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr Duration kDay = 24 * 60 * kMinute;
constexpr Duration kLongest = 400 * kDay;
constexpr Timestamp kLeast = std::numeric_limits<Timestamp>::min();
constexpr Timestamp kMost = std::numeric_limits<Timestamp>::max();
constexpr Timestamp kNow = 815668200 * kSecond;  // 2025-11-05 14:30

Detection rate(Duration recent = 5 * kMinute, Duration baseline = 60 * kMinute, Timestamp as_of = kNow) {
  return plan_detection(Method::kRate, as_of, recent, baseline);
}

Detection reference(Duration recent = 5 * kMinute, Duration baseline = 60 * kMinute, Timestamp as_of = kNow) {
  return plan_detection(Method::kReference, as_of, recent, baseline);
}

std::vector<Timestamp> edges_of(const Detection &detection) {
  const auto edges = detection_edges(detection, heap());
  return {edges.begin(), edges.end()};
}

std::string shape_of(const Detection &detection) {
  return empty_rollup(edges_grid(edges_of(detection)), detection_counters(detection.method));
}

// The slot of a single row; nothing where it is outside.
std::optional<std::uint32_t> slot_of(const Detection &detection, Timestamp at) {
  const Cells cells = read_cells(roll_up(shape_of(detection), {{at, "t", "e", "ok", {}}}));
  if (cells.empty()) return std::nullopt;
  return cells.begin()->second.begin()->first;
}

// A row exactly on an edge is in the older window, and the next microsecond in the newer one.
void expect_edges_in_the_older_window(const Detection &detection, const std::vector<Timestamp> &ends) {
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto older = i == 0 ? std::nullopt : std::optional<std::uint32_t>(static_cast<std::uint32_t>(i - 1));
    const auto newer =
        i + 1 == ends.size() ? std::nullopt : std::optional<std::uint32_t>(static_cast<std::uint32_t>(i));
    EXPECT_EQ(slot_of(detection, ends[i]), older) << "edge " << i;
    EXPECT_EQ(slot_of(detection, ends[i] + 1), newer) << "edge " << i;
  }
}

// The ends of the windows of method `rate`, oldest first.
std::vector<Timestamp> rate_ends(const Detection &detection) {
  const Duration recent = detection.recent;
  std::vector<Timestamp> ends;
  for (Timestamp end = kNow - 3 * recent - detection.baseline; end < kNow; end += recent) ends.push_back(end);
  ends.push_back(kNow - recent / 5);
  ends.push_back(kNow);
  return ends;
}

// What the definitions of DETECTION.md give for some rows, row by row.
class BruteForce {
 public:
  explicit BruteForce(const Detection &detection) : detection_(detection) {}

  void add(const Row &row) { rows_.push_back(row); }

  RateCounts counts() const {
    const Duration recent = detection_.recent;
    const Duration baseline = detection_.baseline;
    const std::array<Duration, kRateWindows> lengths = {recent / 5, recent, 3 * recent, 12 * recent};
    RateCounts counts;
    counts.blocks = static_cast<int>(baseline / recent);
    counts.recent = in_window(recent, 0)[kTotal];
    counts.triple = in_window(3 * recent, 0)[kTotal];
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      if (i == kTwelve && counts.blocks < 12) continue;  // docs/detector.md
      counts.settled[i] = in_window(lengths[i], 0)[kSettled];
      counts.failed[i] = in_window(lengths[i], 0)[kFailed];
    }
    const auto whole = in_window(3 * recent + baseline, 3 * recent);
    counts.baseline = whole[kTotal];
    counts.baseline_settled = whole[kSettled];
    counts.baseline_failed = whole[kFailed];
    set_blocks(counts);
    return counts;
  }

 private:
  enum Sum { kTotal, kSettled, kFailed };

  // The rows in (now - from, now - to].
  std::array<std::uint64_t, 3> in_window(Duration from, Duration to) const {
    std::array<std::uint64_t, 3> sums{};
    for (const Row &row : rows_) {
      if (row.at <= kNow - from || row.at > kNow - to) continue;
      const bool failed = row.status == "failed" || row.status == "dead_letter" ||
                          (row.label == "permanent_4xx" && row.status != "delivered");
      sums[kTotal] += 1;
      sums[kSettled] += failed || row.status == "delivered" ? 1 : 0;
      sums[kFailed] += failed ? 1 : 0;
    }
    return sums;
  }

  void set_blocks(RateCounts &counts) const {
    const Duration recent = detection_.recent;
    const Duration start = 3 * recent + detection_.baseline;
    counts.least_triple = ~std::uint64_t{0};
    for (int block = 0; block < counts.blocks; ++block) {
      const Duration from = start - block * recent;
      const std::uint64_t single = in_window(from, from - recent)[kTotal];
      counts.baseline_squares += static_cast<double>(single * single);
      counts.peak_block = std::max(counts.peak_block, single);
      if (block % 3 != 0) continue;
      const std::uint64_t triple = in_window(from, from - 3 * recent)[kTotal];
      counts.peak_triple = std::max(counts.peak_triple, triple);
      counts.least_triple = std::min(counts.least_triple, triple);
    }
  }

  Detection detection_;
  std::vector<Row> rows_;
};

void expect_same(const RateCounts &counts, const RateCounts &expected) {
  EXPECT_EQ(counts.blocks, expected.blocks);
  EXPECT_EQ(counts.recent, expected.recent);
  EXPECT_EQ(counts.triple, expected.triple);
  EXPECT_EQ(counts.settled, expected.settled);
  EXPECT_EQ(counts.failed, expected.failed);
  EXPECT_EQ(counts.baseline, expected.baseline);
  EXPECT_EQ(counts.baseline_squares, expected.baseline_squares);
  EXPECT_EQ(counts.peak_block, expected.peak_block);
  EXPECT_EQ(counts.peak_triple, expected.peak_triple);
  EXPECT_EQ(counts.least_triple, expected.least_triple);
  EXPECT_EQ(counts.baseline_settled, expected.baseline_settled);
  EXPECT_EQ(counts.baseline_failed, expected.baseline_failed);
}

// A row that is often exactly on an edge, or a microsecond beside one; `groups` of them have different densities.
Row random_row(std::mt19937_64 &random, const Detection &detection, const std::vector<Timestamp> &ends) {
  static const std::vector<Value> statuses = {"delivered",   "delivered", "delivered", "failed",
                                              "dead_letter", "pending",   "nope",      {}};
  Row row;
  const Timestamp begin = kNow - detection.reach() - kMinute;
  const auto span = static_cast<std::size_t>(detection.reach() + 2 * kMinute);
  row.at = below(random, 3) == 0 ? pick(random, ends) + static_cast<Timestamp>(below(random, 3)) - 1
                                 : begin + static_cast<Timestamp>(below(random, span));
  row.tenant = "t";
  row.endpoint = std::to_string(below(random, 20) * below(random, 20) / 19);
  row.status = pick(random, statuses);
  if (below(random, 4) == 0) row.label = "permanent_4xx";
  return row;
}

void expect_counts_as_brute_force(const Detection &detection, std::mt19937_64 &random, int row_count) {
  const auto ends = rate_ends(detection);
  std::vector<Row> rows;
  std::map<std::string, BruteForce> expected;
  for (int i = 0; i < row_count; ++i) {
    rows.push_back(random_row(random, detection, ends));
    expected.try_emplace(*rows.back().endpoint, detection).first->second.add(rows.back());
  }
  const std::string flat = roll_up(shape_of(detection), rows);
  RollupReader reader(flat, heap());
  Poll poll;
  RollupReader::Group group;
  while (reader.next_group(group)) {
    SCOPED_TRACE(std::string(group.endpoint));
    expect_same(read_rate_counts(reader, detection, poll), expected.at(std::string(group.endpoint)).counts());
  }
}

}  // namespace

// The plan

TEST(PlanDetection, Defaults) {
  const Detection detection = rate();
  EXPECT_EQ(detection.method, Method::kRate);
  EXPECT_EQ(detection.as_of, kNow);
  EXPECT_EQ(detection.recent, 5 * kMinute);
  EXPECT_EQ(detection.baseline, 60 * kMinute);
  EXPECT_EQ(detection.blocks(), 12);
  EXPECT_EQ(detection.reach(), 75 * kMinute);
  EXPECT_TRUE(detection.judge_silence);
  EXPECT_FALSE(detection.partial_view);
  EXPECT_EQ(detection.policy.rho, 1.5);
  EXPECT_EQ(reference().reach(), 60 * kMinute);
  EXPECT_STREQ(method_name(Method::kRate), "rate");
  EXPECT_STREQ(method_name(Method::kReference), "reference");
}

TEST(PlanDetection, CutsTheBaselineToAMultipleOfThreeRecents) {
  struct Example {
    Duration recent, baseline, used;
    int blocks;
  };
  const std::vector<Example> examples = {
      {5 * kMinute, 60 * kMinute, 60 * kMinute, 12},
      {5 * kMinute, 60 * kMinute + 1, 60 * kMinute, 12},
      {5 * kMinute, 75 * kMinute - 1, 60 * kMinute, 12},
      {5 * kMinute, 75 * kMinute, 75 * kMinute, 15},
      {5 * kMinute, 60 * kMinute - 1, 45 * kMinute, 9},
      {5 * kMinute, 45 * kMinute - 1, 30 * kMinute, 6},
      {5 * kMinute, 30 * kMinute, 30 * kMinute, 6},
      {kMinute, 6 * kMinute, 6 * kMinute, 6},
      {kMinute, 60 * kMinute, 60 * kMinute, 60},
      {kMinute, kLongest, kLongest, 576000},
      {7 * kMinute, 60 * kMinute, 42 * kMinute, 6},
      {kMinute + 1, 10 * kMinute, 9 * (kMinute + 1), 9},
      {kDay, 8 * kDay, 6 * kDay, 6},
  };
  for (const Example &example : examples) {
    const Detection detection = rate(example.recent, example.baseline);
    EXPECT_EQ(detection.baseline, example.used) << example.recent << " and " << example.baseline;
    EXPECT_EQ(detection.blocks(), example.blocks);
    EXPECT_EQ(detection.reach(), 3 * example.recent + example.used);
    EXPECT_EQ(reference(example.recent, example.baseline).baseline, example.baseline);
  }
}

TEST(PlanDetection, Errors) {
  struct Example {
    Method method;
    Duration recent, baseline;
    Timestamp as_of = kNow;
  };
  const std::vector<Example> examples = {
      {Method::kRate, 0, 60 * kMinute},
      {Method::kRate, -5 * kMinute, 60 * kMinute},
      {Method::kRate, kLeast, 60 * kMinute},
      {Method::kRate, 5 * kMinute, 5 * kMinute},
      {Method::kRate, 5 * kMinute, 0},
      {Method::kRate, 5 * kMinute, kLeast},
      {Method::kRate, 5 * kMinute, kLongest + 1},
      {Method::kRate, 5 * kMinute, kMost},
      {Method::kRate, kMost, kMost},
      {Method::kRate, kMost - 1, kMost},
      {Method::kRate, kMinute - 1, 60 * kMinute},
      {Method::kRate, 1, 60 * kMinute},
      {Method::kRate, 5 * kMinute, 30 * kMinute - 1},
      {Method::kRate, 5 * kMinute, 5 * kMinute + 1},
      {Method::kRate, 5 * kMinute, 60 * kMinute, kLeast},
      {Method::kRate, 5 * kMinute, 60 * kMinute, kMost},
      {Method::kRate, 5 * kMinute, 60 * kMinute, kFirstTime + 4 * kLongest - 1},
      {Method::kRate, 5 * kMinute, 60 * kMinute, kEndOfTime},
      {Method::kReference, 0, 60 * kMinute},
      {Method::kReference, -1, 60 * kMinute},
      {Method::kReference, 5 * kMinute, 5 * kMinute},
      {Method::kReference, 5 * kMinute, 4 * kMinute},
      {Method::kReference, 5 * kMinute, -1},
      {Method::kReference, 5 * kMinute, kLongest + 1},
      {Method::kReference, 5 * kMinute, 60 * kMinute, kLeast},
      {Method::kReference, 5 * kMinute, 60 * kMinute, kMost},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::to_string(example.recent) + " and " + std::to_string(example.baseline));
    try {
      plan_detection(example.method, example.as_of, example.recent, example.baseline);
      ADD_FAILURE() << "no error";
    } catch (const Error &error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_STRNE(error.what(), "");
      EXPECT_NE(error.hint(), "");
    }
  }
}

TEST(PlanDetection, ErrorsSayTheValue) {
  try {
    rate(90 * kSecond, 5 * kMinute);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_NE(std::string(error.what()).find("90 s"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("300 s"), std::string::npos) << error.what();
  }
}

TEST(PlanDetection, WhatTheReferenceAllows) {
  EXPECT_EQ(reference(1, 2).reach(), 2);
  EXPECT_EQ(reference(5 * kMinute, 5 * kMinute + 1).baseline, 5 * kMinute + 1);
  EXPECT_EQ(reference(5 * kMinute, kLongest).baseline, kLongest);
}

TEST(PlanDetection, EdgesAtTheEndsOfTime) {
  for (const Timestamp as_of : {kFirstTime + 4 * kLongest, kEndOfTime - 1}) {
    for (const Detection &detection : {rate(60 * kDay, kLongest, as_of), reference(60 * kDay, kLongest, as_of)}) {
      const auto edges = edges_of(detection);
      EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end()));
      EXPECT_EQ(edges.back(), as_of + 1);
      EXPECT_EQ(edges.front(), as_of + 1 - detection.reach());
    }
  }
}

// The slots

TEST(DetectionEdges, OfTheReference) {
  EXPECT_EQ(edges_of(reference()), (std::vector<Timestamp>{kNow + 1 - 60 * kMinute, kNow + 1 - 5 * kMinute, kNow + 1}));
  EXPECT_EQ(detection_counters(Method::kReference), kReferenceCounters);
  expect_edges_in_the_older_window(reference(), {kNow - 60 * kMinute, kNow - 5 * kMinute, kNow});
  expect_edges_in_the_older_window(reference(1, 2), {kNow - 2, kNow - 1, kNow});
}

TEST(DetectionEdges, OfRate) {
  const Detection detection = rate();
  const auto edges = edges_of(detection);
  ASSERT_EQ(edges.size(), 12U + 5U);
  for (std::size_t i = 0; i < 15; ++i) {
    EXPECT_EQ(edges[i], kNow + 1 - 75 * kMinute + static_cast<Timestamp>(i) * 5 * kMinute) << i;
  }
  EXPECT_EQ(edges[15], kNow + 1 - kMinute);
  EXPECT_EQ(edges[16], kNow + 1);
  EXPECT_EQ(detection_counters(Method::kRate), kRateCounters);
}

TEST(DetectionEdges, ARowOnAnEdgeIsInTheOlderWindow) {
  for (const Detection &detection : {rate(), rate(kMinute, 6 * kMinute), rate(5 * kMinute, 45 * kMinute),
                                     rate(kMinute + 3, 20 * kMinute), rate(kDay, 9 * kDay)}) {
    expect_edges_in_the_older_window(detection, rate_ends(detection));
  }
}

TEST(DetectionEdges, TooManyBlocks) {
  Detection detection = rate();
  detection.recent = 100;  // as no plan allows
  detection.baseline = 100 * std::int64_t{1 << 20};
  EXPECT_EQ(error_kind([&] { edges_of(detection); }), ErrorKind::kInvalidArgument);
}

TEST(DetectionEdges, TheLongestPlanFits) {
  const Detection detection = rate(kMinute, kLongest);
  EXPECT_EQ(slot_of(detection, kNow), 576003U);
  EXPECT_EQ(slot_of(detection, kNow - detection.reach() + 1), 0U);
}

// The counts

TEST(ReadRateCounts, AsBruteForce) {
  std::mt19937_64 random(20251105);
  const std::vector<Detection> detections = {
      rate(),                                 // J = 12
      rate(5 * kMinute, 30 * kMinute),        // J = 6
      rate(5 * kMinute, 45 * kMinute),        // J = 9: 12R would fit, but is not looked at
      rate(5 * kMinute, 75 * kMinute),        // J = 15
      rate(kMinute, 6 * kMinute),             // J = 6
      rate(kMinute + 1, 10 * kMinute),        // J = 9, and R is no multiple of 5
      rate(15 * kMinute, 24 * 60 * kMinute),  // J = 96
      rate(7 * kMinute, 8 * 60 * kMinute),    // J = 66
  };
  for (const Detection &detection : detections) {
    SCOPED_TRACE(detection.blocks());
    expect_counts_as_brute_force(detection, random, 2000);
    expect_counts_as_brute_force(detection, random, 40);
  }
}

TEST(ReadRateCounts, OneRowInEachSlot) {
  for (const Duration baseline : {30 * kMinute, 45 * kMinute, 60 * kMinute}) {
    const Detection detection = rate(5 * kMinute, baseline);
    const auto ends = rate_ends(detection);
    for (std::size_t i = 1; i < ends.size(); ++i) {
      SCOPED_TRACE(i);
      const Row row = {ends[i], "t", "e", "failed", {}};
      BruteForce expected(detection);
      expected.add(row);
      const std::string flat = roll_up(shape_of(detection), {row});
      RollupReader reader(flat, heap());
      Poll poll;
      RollupReader::Group group;
      ASSERT_TRUE(reader.next_group(group));
      expect_same(read_rate_counts(reader, detection, poll), expected.counts());
    }
  }
}

TEST(ReadReferenceCounts, BothWindows) {
  const Detection detection = reference();
  std::vector<Row> rows;
  const auto put = [&](Timestamp at, int count, const char *status, const Value &label) {
    for (int i = 0; i < count; ++i) rows.push_back({at, "t", "e", status, label});
  };
  put(kNow - 60 * kMinute, 100, "failed", {});  // on the edge: too old
  put(kNow - 60 * kMinute + 1, 1, "failed", {});
  put(kNow - 5 * kMinute, 2, "ok", "transient_endpoint_down");
  put(kNow - 5 * kMinute, 4, "ok", {});
  put(kNow - 5 * kMinute + 1, 8, "dead_letter", {});
  put(kNow, 16, "pending", "permanent_4xx");
  put(kNow, 32, "pending", "rate_limited");
  put(kNow + 1, 100, "failed", {});
  const std::string flat = roll_up(shape_of(detection), rows);
  RollupReader reader(flat, heap());
  Poll poll;
  RollupReader::Group group;
  ASSERT_TRUE(reader.next_group(group));
  const ReferenceCounts counts = read_reference_counts(reader, poll);
  EXPECT_EQ(counts.baseline, 7U);
  EXPECT_EQ(counts.baseline_failures, 3U);
  EXPECT_EQ(counts.recent, 56U);
  EXPECT_EQ(counts.recent_failures, 24U);
}
