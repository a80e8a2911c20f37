// The edges of the trends' intervals, for every division of the hours.
#include "trends.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr Timestamp kNow = 815668200 * kSecond + 123456;  // 2025-11-05 14:30

std::vector<Timestamp> edges_of(Timestamp as_of, int hours, int interval_hours) {
  const auto edges = trend_edges(as_of, hours, interval_hours, heap());
  return {edges.begin(), edges.end()};
}

}  // namespace

TEST(TrendEdges, AllIntervalsAreWholeButTheFirst) {
  for (int hours = 1; hours <= 50; ++hours) {
    for (int interval = 1; interval <= 60; ++interval) {
      SCOPED_TRACE(std::to_string(hours) + " hours by " + std::to_string(interval));
      const auto edges = edges_of(kNow, hours, interval);
      const int rest = hours % interval;
      const int whole = hours / interval;
      ASSERT_EQ(edges.size(), static_cast<std::size_t>(whole + (rest > 0 ? 2 : 1)));
      // (as_of - hours, as_of] in microseconds is [as_of - hours + 1, as_of + 1).
      EXPECT_EQ(edges.front(), kNow + 1 - hours * kHour);
      EXPECT_EQ(edges.back(), kNow + 1);
      for (std::size_t i = 1; i < edges.size(); ++i) {
        const int length = i == 1 && rest > 0 ? rest : interval;
        EXPECT_EQ(edges[i] - edges[i - 1], length * kHour) << i;
      }
    }
  }
}

TEST(TrendEdges, OfATime) {
  EXPECT_EQ(edges_of(0, 5, 2), (std::vector<Timestamp>{1 - 5 * kHour, 1 - 4 * kHour, 1 - 2 * kHour, 1}));
  EXPECT_EQ(edges_of(-1, 4, 2), (std::vector<Timestamp>{-4 * kHour, -2 * kHour, 0}));
  EXPECT_EQ(edges_of(7, 1, 1), (std::vector<Timestamp>{8 - kHour, 8}));
}

TEST(TrendEdges, AnIntervalOfAllHoursOrMoreIsOneBucket) {
  for (const int hours : {1, 24, kMostHours}) {
    const std::vector<Timestamp> one = {kNow + 1 - hours * kHour, kNow + 1};
    EXPECT_EQ(edges_of(kNow, hours, hours), one);
    EXPECT_EQ(edges_of(kNow, hours, hours + 1), one);
    EXPECT_EQ(edges_of(kNow, hours, INT_MAX), one);
  }
}

TEST(TrendEdges, OfAYear) {
  const auto edges = edges_of(kNow, kMostHours, 1);
  ASSERT_EQ(edges.size(), 8761U);
  EXPECT_EQ(edges.front(), kNow + 1 - 365 * 24 * kHour);
  // A grid takes them: they increase, and there are not too many.
  EXPECT_EQ(edges_grid(edges).slot_count(), 8760U);
}

TEST(TrendEdges, TheSlotsHoldWhatTheBucketsSay) {
  const auto edges = edges_of(kNow, 7, 3);  // 1, 3 and 3 hours
  const SlotGrid grid = edges_grid(edges);
  const std::vector<std::pair<Duration, std::uint32_t>> examples = {{7 * kHour, SlotGrid::kOutside},
                                                                    {7 * kHour - 1, 0},
                                                                    {6 * kHour, 0},
                                                                    {6 * kHour - 1, 1},
                                                                    {3 * kHour, 1},
                                                                    {3 * kHour - 1, 2},
                                                                    {0, 2},
                                                                    {-1, SlotGrid::kOutside}};
  for (const auto &[back, slot] : examples) EXPECT_EQ(grid.find(kNow - back), slot) << back;
}
