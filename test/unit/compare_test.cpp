// Now against the period before: each figure, and who got worse or better, against exact arithmetic.
#include "compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory_resource>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "figures.hpp"
#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Random = std::mt19937_64;
__extension__ typedef __int128 Exact;  // holds every product of two counts

constexpr std::uint64_t kTwo31 = std::uint64_t{1} << 31;
constexpr std::uint32_t kBefore = 0;
constexpr std::uint32_t kNow = 1;

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
Random printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return Random(seed);
}

// Memory as PostgreSQL has it: nothing that needs more than eight bytes of alignment.
class EightByteMemory : public std::pmr::memory_resource {
 private:
  void *do_allocate(std::size_t size, std::size_t alignment) override {
    if (alignment > 8) throw std::bad_alloc();
    return heap()->allocate(size, alignment);
  }
  void do_deallocate(void *block, std::size_t size, std::size_t alignment) override {
    heap()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
};

// Nothing may come from the default resource.
class NoDefaultMemory {
 public:
  NoDefaultMemory() : before_(std::pmr::set_default_resource(std::pmr::null_memory_resource())) {}
  ~NoDefaultMemory() { std::pmr::set_default_resource(before_); }
  NoDefaultMemory(const NoDefaultMemory &) = delete;
  NoDefaultMemory &operator=(const NoDefaultMemory &) = delete;

 private:
  std::pmr::memory_resource *before_;
};

const std::string &shape() {
  static const std::string bytes = empty_rollup(SlotGrid::uniform(0, 10, 2, heap()), kSummaryCounters);
  return bytes;
}

struct Sum {
  std::uint64_t total = 0;
  std::uint64_t failures = 0;
};

struct Periods {
  Sum before, now;
};

using Sums = std::map<Key, Periods>;  // of tenant and endpoint

// The bytes of a rollup of two slots with these counts, which may be larger than rows could make them.
std::string write_sums(const Sums &sums) {
  RollupWriter writer(kSummaryCounters, heap());
  for (const auto &[key, periods] : sums) {
    if (periods.before.total + periods.now.total == 0) continue;
    writer.group(text_of(key.first), text_of(key.second));
    for (const auto &[slot, sum] : {std::pair(kBefore, periods.before), std::pair(kNow, periods.now)}) {
      if (sum.total == 0) continue;
      Counts counts{};
      count(counts, Counter::kTotal) = sum.total;
      count(counts, Counter::kFailed) = sum.failures / 3;
      count(counts, Counter::kDeadLetter) = sum.failures - sum.failures / 3;
      writer.cell(slot, Tally{counts});
    }
  }
  ByteWriter out(heap());
  writer.finish(std::string_view(shape()).substr(0, shape().size() - 1), out);
  std::string flat(out.written());
  validate(flat);
  return flat;
}

// Endpoints of one tenant.
Sums endpoints(const std::vector<std::pair<Value, Periods>> &all) {
  Sums sums;
  for (const auto &[name, periods] : all) sums[{"t", name}] = periods;
  return sums;
}

struct Listed {
  Value endpoint;
  double current, previous, change, impact;
  bool worse;
};

std::vector<Listed> list(const std::string &flat, std::uint64_t min_total, std::pmr::memory_resource *memory = heap()) {
  Poll poll;
  std::vector<Listed> all;
  for (const EndpointComparison &comparison : compare_endpoints(flat, min_total, poll, memory)) {
    EXPECT_STREQ(comparison.rate.figure, "failure_rate");
    all.push_back({value_of(comparison.endpoint), *comparison.rate.current, *comparison.rate.previous,
                   *comparison.rate.change, comparison.impact, comparison.worse});
  }
  return all;
}

std::vector<Listed> list(const Sums &sums, std::uint64_t min_total = 1) { return list(write_sums(sums), min_total); }

using Names = std::vector<Value>;

Names names_of(const std::vector<Listed> &all) {
  Names names;
  for (const Listed &listed : all) names.push_back(listed.endpoint);
  return names;
}

// part / whole with so many decimals: the whole part, then a look at the rest, as in school.
double by_hand(Exact part, Exact whole, int decimals) {
  const Exact size = part < 0 ? -part : part;
  Exact number = size / whole;
  Exact rest = size % whole;
  double scale = 1;
  for (int i = 0; i < decimals; ++i, scale *= 10) {
    number = number * 10 + rest * 10 / whole;
    rest = rest * 10 % whole;
  }
  if (rest >= whole - rest) ++number;
  return (part < 0 && number != 0 ? -1 : 1) * static_cast<double>(number) / scale;
}

// The difference of two figures with at most 2 decimals, by whole hundredths.
double difference(double current, double previous) {
  return static_cast<double>(std::llround(current * 100) - std::llround(previous * 100)) / 100;
}

struct Named {
  Value endpoint;
  Periods periods;

  // Of the deliveries now: the failures less those at the rate before, times the deliveries before.
  Exact impact() const {
    return Exact{periods.now.failures} * periods.before.total - Exact{periods.before.failures} * periods.now.total;
  }
  Exact size() const { return impact() < 0 ? -impact() : impact(); }
};

// Whether a / b is above c / d, of products of counts: by the digits of their continued fractions.
int compare_fractions(Exact a, Exact b, Exact c, Exact d) {
  for (int sign = 1;; sign = -sign) {
    if (a / b != c / d) return (a / b > c / d ? 1 : -1) * sign;
    a %= b;
    c %= d;
    if (a == 0 || c == 0) return a == c ? 0 : (a == 0 ? -1 : 1) * sign;
    std::swap(a, b);
    std::swap(c, d);
  }
}

std::vector<Listed> list_by_hand(const Sums &sums, std::uint64_t min_total) {
  std::map<Value, Periods> by_endpoint;
  for (const auto &[key, periods] : sums) {
    Periods &all = by_endpoint[key.second];
    for (const auto &[sum, more] : {std::pair(&all.before, &periods.before), std::pair(&all.now, &periods.now)}) {
      sum->total += more->total;
      sum->failures += more->failures;
    }
  }
  std::vector<Named> named;
  for (const auto &[endpoint, periods] : by_endpoint) {
    const Named candidate = {endpoint, periods};
    if (periods.before.total == 0 || periods.now.total == 0) continue;
    if (periods.before.total < min_total || periods.now.total < min_total || candidate.impact() == 0) continue;
    named.push_back(candidate);
  }
  std::sort(named.begin(), named.end(), [](const Named &a, const Named &b) {
    const int order = compare_fractions(a.size(), a.periods.before.total, b.size(), b.periods.before.total);
    if (order != 0) return order > 0;
    if (!a.endpoint || !b.endpoint) return a.endpoint.has_value() && !b.endpoint;
    return *a.endpoint < *b.endpoint;
  });
  std::vector<Listed> listed;
  for (const Named &of : named) {
    const auto &[before, now] = of.periods;
    const double current = by_hand(Exact{100} * now.failures, now.total, 1);
    const double previous = by_hand(Exact{100} * before.failures, before.total, 1);
    listed.push_back({of.endpoint, current, previous, difference(current, previous),
                      by_hand(of.impact(), before.total, 2), of.impact() > 0});
  }
  return listed;
}

void expect_by_hand(const Sums &sums, std::uint64_t min_total) {
  const auto listed = list(sums, min_total);
  const auto expected = list_by_hand(sums, min_total);
  ASSERT_EQ(names_of(listed), names_of(expected));
  for (std::size_t i = 0; i < listed.size(); ++i) {
    SCOPED_TRACE(expected[i].endpoint.value_or("NULL"));
    EXPECT_EQ(listed[i].current, expected[i].current);
    EXPECT_EQ(listed[i].previous, expected[i].previous);
    EXPECT_EQ(listed[i].change, expected[i].change);
    EXPECT_EQ(listed[i].impact, expected[i].impact);
    EXPECT_EQ(listed[i].worse, expected[i].worse);
  }
}

Sum random_sum(Random &random, std::uint64_t most) {
  if (below(random, 6) == 0) return {};
  const std::uint64_t total = 1 + below(random, 1 + below(random, most));
  return {total, below(random, 4) == 0 ? 0 : below(random, total + 1)};
}

Sums random_sums(Random &random, std::uint64_t most) {
  static const Names names = {std::nullopt, "", "a", "b", "B", "ab", "\x7f", "\xc3\xa9", "\xff", "c", "d"};
  Sums sums;
  for (std::size_t groups = 1 + below(random, 30); groups > 0; --groups) {
    sums[{pick(random, names), pick(random, names)}] = {random_sum(random, most), random_sum(random, most)};
  }
  return sums;
}

using Totals = std::map<std::string, Comparison>;

Totals totals_of(const std::string &flat, std::pmr::memory_resource *memory = heap()) {
  Poll poll;
  Totals totals;
  for (const Comparison &comparison : compare_totals(flat, poll, memory)) totals[comparison.figure] = comparison;
  return totals;
}

void expect_total(const Totals &totals, const char *figure, std::optional<double> current,
                  std::optional<double> previous, std::optional<double> change) {
  SCOPED_TRACE(figure);
  ASSERT_EQ(totals.count(figure), 1U);
  EXPECT_EQ(totals.at(figure).current, current);
  EXPECT_EQ(totals.at(figure).previous, previous);
  EXPECT_EQ(totals.at(figure).change, change);
}

}  // namespace

// Totals

TEST(CompareTotals, EveryFigureInItsOrder) {
  Poll poll;
  std::vector<std::string> figures;
  for (const Comparison &comparison : compare_totals(shape(), poll, heap())) {
    figures.push_back(comparison.figure);
    const bool of_settled = figures.back() == "success_rate" || figures.back() == "settled_success_rate";
    const std::optional<double> nothing = of_settled ? std::nullopt : std::optional<double>(0);
    EXPECT_EQ(comparison.current, nothing) << comparison.figure;
    EXPECT_EQ(comparison.previous, nothing) << comparison.figure;
    EXPECT_EQ(comparison.change, nothing) << comparison.figure;
  }
  EXPECT_EQ(figures,
            (std::vector<std::string>{"total", "delivered", "failed", "dead_letter", "pending", "success_rate",
                                      "settled_success_rate", "failure_rate", "retried", "retry_success_rate",
                                      "first_attempt_success_rate", "mean_attempts", "reference_success_rate"}));
}

TEST(CompareTotals, FromRows) {
  constexpr Timestamp kThen = 5;
  constexpr Timestamp kLater = 15;
  const std::vector<Row> rows = {
      // before: 3, of which 2 delivered
      {kThen, "t", "a", "ok", {}, 1},
      {kThen, "t", "b", "ok", {}, 2},
      {kThen, "u", "a", "failed", {}},
      // now: 7
      {kLater, "t", "a", "ok", {}, 1},
      {kLater, "t", "a", "ok", {}, 3},
      {kLater, "t", "b", "ok", {}, 3},
      {kLater, "u", "b", "dead_letter", {}, 5},
      {kLater, "u", "c", "pending", {}, 1},
      {kLater, "u", "c", "pending", {}, 2},
      {kLater, std::nullopt, std::nullopt, "nope", {}},
      // neither
      {-1, "t", "a", "failed", {}},
      {20, "t", "a", "failed", {}},
  };
  const Totals totals = totals_of(roll_up(shape(), rows));
  expect_total(totals, "total", 7, 3, 4);
  expect_total(totals, "delivered", 3, 2, 1);
  expect_total(totals, "failed", 0, 1, -1);
  expect_total(totals, "dead_letter", 1, 0, 1);
  expect_total(totals, "pending", 2, 0, 2);
  expect_total(totals, "success_rate", 75, 66.7, 8.3);
  expect_total(totals, "settled_success_rate", 75, 66.7, 8.3);
  expect_total(totals, "failure_rate", 14.3, 33.3, -19);
  expect_total(totals, "retried", 4, 1, 3);
  expect_total(totals, "retry_success_rate", 50, 100, -50);
  // Now: one of the three delivered, the dead letter and the one that was attempted again.
  expect_total(totals, "first_attempt_success_rate", 20, 33.3, -13.3);
  expect_total(totals, "mean_attempts", 2.33, 1.5, 0.83);
  expect_total(totals, "reference_success_rate", 42.9, 66.7, -23.8);
}

TEST(CompareTotals, APeriodInWhichNothingSettled) {
  const Totals totals = totals_of(roll_up(shape(), {{5, "t", "a", "ok", {}, 1}, {15, "t", "a", "pending", {}, 1}}));
  expect_total(totals, "success_rate", std::nullopt, 100, std::nullopt);
  expect_total(totals, "settled_success_rate", std::nullopt, 100, std::nullopt);
  expect_total(totals, "reference_success_rate", 0, 100, -100);
}

// The change is that of what is shown, so that it adds up: 0.05 and 0.15 are 0.1 and 0.2.
TEST(CompareTotals, ChangeIsOfTheRoundedFigures) {
  const Totals totals = totals_of(write_sums(endpoints({{"a", {{2000, 1}, {2000, 3}}}})));
  expect_total(totals, "failure_rate", 0.2, 0.1, 0.1);
  const Totals same = totals_of(write_sums(endpoints({{"a", {{30000, 10000}, {30001, 10001}}}})));
  expect_total(same, "failure_rate", 33.3, 33.3, 0);
}

TEST(CompareTotals, AnEmptyPeriod) {
  const Totals only_now = totals_of(write_sums(endpoints({{"a", {{0, 0}, {8, 2}}}})));
  expect_total(only_now, "total", 8, 0, 8);
  expect_total(only_now, "failure_rate", 25, 0, 25);
  const Totals only_before = totals_of(write_sums(endpoints({{"a", {{8, 2}, {0, 0}}}})));
  expect_total(only_before, "total", 0, 8, -8);
  expect_total(only_before, "failure_rate", 0, 25, -25);
}

TEST(CompareTotals, LargeCounts) {
  const Totals totals = totals_of(write_sums(endpoints({{"a", {{kMaxCount, 0}, {kMaxCount - 1, 3 * kTwo31}}}})));
  expect_total(totals, "total", static_cast<double>(kMaxCount - 1), static_cast<double>(kMaxCount), -1);
  expect_total(totals, "failed", static_cast<double>(kTwo31), 0, static_cast<double>(kTwo31));
  expect_total(totals, "dead_letter", static_cast<double>(2 * kTwo31), 0, static_cast<double>(2 * kTwo31));
}

// Each figure is what the other reports say of its period.
TEST(CompareTotals, AsTheOtherReportsSay) {
  Random random = printed_random();
  static const Names statuses = {std::nullopt, "ok", "ok", "failed", "dead_letter", "pending", "nope"};
  static const Names labels = {std::nullopt, "transient_endpoint_down", "permanent_4xx"};
  static const std::vector<std::int64_t> attempts = {Delivery::kNoNumber, 0, 1, 2, 7};
  for (int round = 0; round < 50; ++round) {
    std::vector<Row> rows;
    for (std::size_t i = below(random, 200); i > 0; --i) {
      rows.push_back({static_cast<Timestamp>(below(random, 20)), "t", "e", pick(random, statuses), pick(random, labels),
                      pick(random, attempts)});
    }
    const std::string flat = roll_up(shape(), rows);
    Poll poll;
    const auto slots = read_slots(flat, poll, heap());
    const Totals totals = totals_of(flat);
    const auto expect_figure = [&](const char *figure, auto of) {
      const std::optional<double> current = of(slots[kNow]);
      const std::optional<double> previous = of(slots[kBefore]);
      const bool both = current && previous;
      expect_total(totals, figure, current, previous,
                   both ? std::optional<double>(difference(*current, *previous)) : std::nullopt);
    };
    const auto expect_count = [&](const char *figure, Counter counter) {
      expect_figure(figure, [counter](const Tally &tally) { return static_cast<double>(tally[counter]); });
    };
    expect_count("total", Counter::kTotal);
    expect_count("delivered", Counter::kDelivered);
    expect_count("failed", Counter::kFailed);
    expect_count("dead_letter", Counter::kDeadLetter);
    expect_count("pending", Counter::kPending);
    expect_count("retried", Counter::kRetried);
    expect_figure("success_rate", success_rate);
    expect_figure("settled_success_rate", success_rate);
    expect_figure("failure_rate", failure_rate);
    expect_figure("retry_success_rate", retry_success_rate);
    expect_figure("first_attempt_success_rate", first_attempt_success_rate);
    expect_figure("mean_attempts", mean_attempts);
    expect_figure("reference_success_rate", reference_success_rate);
  }
}

// Endpoints

TEST(CompareEndpoints, WhoGotWorseAndWhoGotBetter) {
  const auto listed = list(endpoints({
      {"better", {{100, 50}, {200, 20}}},  // 20 - 200 x 0.5
      {"same", {{10, 1}, {100, 10}}},
      {"worse", {{100, 1}, {50, 30}}},  // 30 - 50 x 0.01
  }));
  ASSERT_EQ(names_of(listed), (Names{"better", "worse"}));
  EXPECT_EQ(listed[0].current, 10);
  EXPECT_EQ(listed[0].previous, 50);
  EXPECT_EQ(listed[0].change, -40);
  EXPECT_EQ(listed[0].impact, -80);
  EXPECT_FALSE(listed[0].worse);
  EXPECT_EQ(listed[1].current, 60);
  EXPECT_EQ(listed[1].previous, 1);
  EXPECT_EQ(listed[1].change, 59);
  EXPECT_EQ(listed[1].impact, 29.5);
  EXPECT_TRUE(listed[1].worse);
}

TEST(CompareEndpoints, OverAllTenants) {
  const Sums sums = {{{"t", "a"}, {{10, 1}, {10, 5}}},
                     {{"u", "a"}, {{30, 3}, {0, 0}}},
                     {{std::nullopt, "a"}, {{0, 0}, {40, 6}}},
                     {{"u", "b"}, {{5, 0}, {5, 5}}}};
  const auto listed = list(sums);
  ASSERT_EQ(names_of(listed), (Names{"a", "b"}));
  EXPECT_EQ(listed[0].current, 22);  // 11 of 50
  EXPECT_EQ(listed[0].previous, 10);
  EXPECT_EQ(listed[0].impact, 6);
}

TEST(CompareEndpoints, OnlyThoseWithDeliveriesInBothPeriods) {
  const Sums sums = endpoints({{"both", {{1, 0}, {1, 1}}}, {"gone", {{9, 9}, {0, 0}}}, {"new", {{0, 0}, {9, 9}}}});
  for (const std::uint64_t min_total : {0U, 1U}) EXPECT_EQ(names_of(list(sums, min_total)), Names{"both"});
}

TEST(CompareEndpoints, AtLeastSoManyDeliveriesInBothPeriods) {
  const Sums sums = {{{"t", "a"}, {{20, 0}, {20, 1}}},
                     {{"t", "b"}, {{19, 0}, {1000, 1000}}},
                     {{"t", "c"}, {{1000, 0}, {19, 19}}},
                     {{"t", "d"}, {{10, 0}, {19, 10}}},
                     {{"u", "d"}, {{10, 0}, {1, 0}}}};
  EXPECT_EQ(names_of(list(sums, 20)), (Names{"d", "a"}));  // of both tenants
  EXPECT_EQ(names_of(list(sums, 21)), Names());
  EXPECT_EQ(list(sums, 19).size(), 4U);
}

TEST(CompareEndpoints, OnlyWhereTheExactRateHasChanged) {
  EXPECT_EQ(names_of(list(endpoints({{"a", {{3, 1}, {300, 100}}}, {"b", {{7, 0}, {9, 0}}}, {"c", {{7, 7}, {9, 9}}}}))),
            Names());
  const auto listed = list(endpoints({{"a", {{30000, 10000}, {30001, 10001}}}}));
  ASSERT_EQ(names_of(listed), Names{"a"});
  EXPECT_EQ(listed[0].current, 33.3);
  EXPECT_EQ(listed[0].change, 0);
  EXPECT_EQ(listed[0].impact, 0.67);
  EXPECT_TRUE(listed[0].worse);
}

TEST(CompareEndpoints, TiesByNameByBytesAndNullLast) {
  const Names in_order = {"", "B", "a", "a b", "ab", "\xc3\xa9", "\xff", std::nullopt};
  std::vector<std::pair<Value, Periods>> all;
  // Better by so much or worse by so much, it is all the same.
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    all.push_back({in_order[i], i % 2 == 0 ? Periods{{10, 2}, {20, 8}} : Periods{{100, 50}, {20, 6}}});
  }
  const auto listed = list(endpoints(all));
  EXPECT_EQ(names_of(listed), in_order);
  for (std::size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i].impact, i % 2 == 0 ? 4 : -4);
  all.back().second = {{10, 0}, {20, 20}};
  EXPECT_EQ(names_of(list(endpoints(all))).front(), std::nullopt);
}

// 1 / 3 and 333 / 1000 are as good as equal when they are rounded.
TEST(CompareEndpoints, OrdersByTheExactImpact) {
  const auto listed = list(endpoints({{"a", {{1000, 667}, {1, 1}}}, {"b", {{3, 2}, {1, 1}}}}));
  EXPECT_EQ(names_of(listed), (Names{"b", "a"}));
  EXPECT_EQ(listed[0].impact, 0.33);
  EXPECT_EQ(listed[1].impact, 0.33);
}

TEST(CompareEndpoints, LargeCounts) {
  const std::uint64_t half = kMaxCount / 2;
  const auto all_fail = list(endpoints({{"a", {{kMaxCount, 0}, {kMaxCount, kMaxCount}}}}));
  EXPECT_EQ(all_fail[0].impact, static_cast<double>(kMaxCount));
  EXPECT_EQ(all_fail[0].change, 100);
  const auto none_does = list(endpoints({{"a", {{kMaxCount, kMaxCount}, {kMaxCount, 0}}}}));
  EXPECT_EQ(none_does[0].impact, -static_cast<double>(kMaxCount));

  // One failure more or less among so many, and the smaller one by a hair.
  const auto close = list(endpoints({{"a", {{half, half - 1}, {half - 1, half - 1}}},
                                     {"b", {{half, half - 1}, {half, half}}},
                                     {"c", {{4 * kTwo31, 0}, {4 * kTwo31, kTwo31}}}}));
  EXPECT_EQ(names_of(close), (Names{"c", "b", "a"}));
  EXPECT_EQ(close[0].impact, static_cast<double>(kTwo31));
  EXPECT_EQ(close[1].impact, 1);
  EXPECT_EQ(close[2].impact, 1);
  EXPECT_EQ(close[2].change, 0);
}

TEST(CompareEndpoints, RandomCountsByHand) {
  Random random = printed_random();
  for (int round = 0; round < 600; ++round) {
    // Up to 30 groups of up to 2^47 stay below 2^53.
    const std::uint64_t most = std::uint64_t{1} << below(random, 48);
    const Sums sums = random_sums(random, most);
    SCOPED_TRACE("round " + std::to_string(round));
    expect_by_hand(sums, 0);
    expect_by_hand(sums, 1 + below(random, most));
  }
}

// Memory

TEST(Compare, InMemoryThatIsAlignedAsPostgresqls) {
  EightByteMemory memory;
  const std::string flat = write_sums(endpoints({{"a", {{10, 0}, {10, 9}}}, {"b", {{10, 9}, {10, 1}}}}));
  EXPECT_EQ(names_of(list(flat, 1, &memory)), (Names{"a", "b"}));
  EXPECT_EQ(totals_of(flat, &memory).size(), 13U);
}

TEST(Compare, InItsOwnMemoryOnly) {
  const std::string flat = write_sums(endpoints({{"a", {{10, 0}, {10, 9}}}, {"b", {{10, 9}, {10, 1}}}}));
  const NoDefaultMemory none;
  EXPECT_EQ(names_of(list(flat, 1)), (Names{"a", "b"}));
  EXPECT_EQ(totals_of(flat).size(), 13U);
}
