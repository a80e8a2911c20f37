// Method `reference`: the rows of its table, the worked example, and the ends of the integers.
#include "reference.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

using namespace insights;

TEST(Reference, Table) {
  struct Row {
    std::uint64_t recent, baseline, recent_failures, baseline_failures;
    bool spike, cluster;
  };
  const std::vector<Row> rows = {
      {2, 0, 0, 0, true, false},      {1, 0, 0, 0, false, false},    {90, 60, 0, 0, false, false},
      {91, 60, 0, 0, true, false},    {12, 0, 10, 0, true, false},   {12, 0, 11, 0, true, true},
      {40, 300, 20, 2, false, false}, {40, 300, 21, 2, false, true},
  };
  for (const Row &row : rows) {
    const ReferenceVerdict verdict =
        judge_reference(row.recent, row.baseline, row.recent_failures, row.baseline_failures);
    EXPECT_EQ(verdict.spike, row.spike) << row.recent << " after " << row.baseline;
    EXPECT_EQ(verdict.failure_cluster, row.cluster) << row.recent_failures << " after " << row.baseline_failures;
  }
}

TEST(Reference, WorkedExample) {
  const ReferenceVerdict verdict = judge_reference(120, 10, 115, 2);
  EXPECT_TRUE(verdict.spike);
  EXPECT_TRUE(verdict.failure_cluster);
  EXPECT_EQ(verdict.baseline_count, 10U);
  EXPECT_EQ(verdict.baseline_failures, 2U);
  EXPECT_EQ(verdict.spike_multiplier, 12.0);
  EXPECT_EQ(verdict.failure_multiplier, 57.5);
}

TEST(Reference, BaselineIsAtLeastOne) {
  const ReferenceVerdict verdict = judge_reference(7, 0, 0, 0);
  EXPECT_EQ(verdict.baseline_count, 1U);
  EXPECT_EQ(verdict.baseline_failures, 1U);
  EXPECT_EQ(verdict.spike_multiplier, 7.0);
  EXPECT_EQ(verdict.failure_multiplier, 0.0);
}

TEST(Reference, MultipliersAreRounded) {
  EXPECT_EQ(judge_reference(1, 3, 2, 3).spike_multiplier, 0.33);
  EXPECT_EQ(judge_reference(1, 3, 2, 3).failure_multiplier, 0.67);
  EXPECT_EQ(judge_reference(1, 8, 0, 0).spike_multiplier, 0.12);  // 0.125 is exact, so it goes to the even digit
}

TEST(Reference, OddBaselines) {
  EXPECT_FALSE(judge_reference(1, 1, 0, 0).spike);
  EXPECT_TRUE(judge_reference(2, 1, 0, 0).spike);  // 1.5
  EXPECT_FALSE(judge_reference(4, 3, 0, 0).spike);
  EXPECT_TRUE(judge_reference(5, 3, 0, 0).spike);  // 4.5
}

TEST(Reference, LargestCounts) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_FALSE(judge_reference(kMost, kMost, kMost, kMost).spike);
  EXPECT_FALSE(judge_reference(kMost, kMost, kMost, kMost).failure_cluster);
  EXPECT_TRUE(judge_reference(kMost, kMost / 2, kMost, kMost / 10).spike);
  EXPECT_TRUE(judge_reference(kMost, kMost / 2, kMost, kMost / 10).failure_cluster);
  EXPECT_FALSE(judge_reference(kMost, kMost - kMost / 3, kMost, kMost / 10 + 1).spike);
  EXPECT_FALSE(judge_reference(kMost, 0, kMost, kMost / 10 + 1).failure_cluster);
}
