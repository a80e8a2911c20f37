// Which endpoints and tenants fail most: every order, its ties, and its figures, against exact arithmetic.
#include "top_failing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Random = std::mt19937_64;
__extension__ typedef __int128 Exact;  // holds every product of two counts

constexpr std::uint64_t kAllRows = 1000000;
constexpr RankBy kOrders[] = {RankBy::kFailures, RankBy::kFailureRate, RankBy::kImpact};

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
Random printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return Random(seed);
}

struct Sum {
  std::uint64_t total = 0;
  std::uint64_t failures = 0;
};

using Sums = std::map<Key, Sum>;  // of tenant and endpoint

const std::string &shape() {
  static const std::string bytes = empty_rollup(SlotGrid::uniform(0, 10, 1, heap()), kStatusCounters);
  return bytes;
}

// The bytes of a rollup of one slot with these counts, which may be larger than rows could make them.
std::string write_sums(const Sums &sums) {
  RollupWriter writer(kStatusCounters, heap());
  for (const auto &[key, sum] : sums) {
    writer.group(text_of(key.first), text_of(key.second));
    Counts counts{};
    count(counts, Counter::kTotal) = sum.total;
    count(counts, Counter::kFailed) = sum.failures / 3;
    count(counts, Counter::kDeadLetter) = sum.failures - sum.failures / 3;
    writer.cell(0, Tally{counts});
  }
  ByteWriter out(heap());
  writer.finish(std::string_view(shape()).substr(0, shape().size() - 1), out);
  std::string flat(out.written());
  validate(flat);
  return flat;
}

struct Listed {
  Value name;
  std::uint64_t failures;
  std::uint64_t total;
  double failure_rate;
  double impact;
};

std::vector<Listed> list(const std::string &flat, const TopRequest &request) {
  Poll poll;
  std::vector<Listed> all;
  for (const FailingGroup &group : top_failing(flat, request, poll, heap())) {
    all.push_back({value_of(group.name), group.failures, group.total, group.failure_rate, group.impact});
  }
  return all;
}

std::vector<Listed> list(const Sums &sums, RankBy rank_by = RankBy::kFailures, std::uint64_t max_rows = kAllRows,
                         std::uint64_t min_total = 1, GroupBy group_by = GroupBy::kEndpoint) {
  return list(write_sums(sums), {group_by, rank_by, max_rows, min_total});
}

std::vector<Value> names_of(const std::vector<Listed> &all) {
  std::vector<Value> names;
  for (const Listed &listed : all) names.push_back(listed.name);
  return names;
}

using Names = std::vector<Value>;

// Endpoints of one tenant.
Sums endpoints(const std::vector<std::pair<Value, Sum>> &all) {
  Sums sums;
  for (const auto &[name, sum] : all) sums[{"t", name}] = sum;
  return sums;
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

struct Named {
  Value name;
  Sum sum;
};

// What REFERENCE.md and the header say, in exact fractions.
std::vector<Listed> list_by_hand(const Sums &sums, const TopRequest &request) {
  std::map<Value, Sum> by_name;
  Sum all;
  for (const auto &[key, sum] : sums) {
    Sum &named = by_name[request.group_by == GroupBy::kTenant ? key.first : key.second];
    named.total += sum.total;
    named.failures += sum.failures;
    all.total += sum.total;
    all.failures += sum.failures;
  }
  // failures - total x overall rate, times the total of all
  const auto impact = [&](const Sum &sum) {
    return Exact{sum.failures} * Exact{all.total} - Exact{sum.total} * Exact{all.failures};
  };
  std::vector<Named> named;
  for (const auto &[name, sum] : by_name) {
    if (sum.failures > 0 && sum.total >= request.min_total) named.push_back({name, sum});
  }
  std::sort(named.begin(), named.end(), [&](const Named &a, const Named &b) {
    Exact of_a = a.sum.failures;
    Exact of_b = b.sum.failures;
    if (request.rank_by == RankBy::kFailureRate) {
      of_a *= b.sum.total;
      of_b *= a.sum.total;
    } else if (request.rank_by == RankBy::kImpact) {
      of_a = impact(a.sum);
      of_b = impact(b.sum);
    }
    if (of_a != of_b) return of_a > of_b;
    if (!a.name || !b.name) return a.name.has_value() && !b.name;
    return *a.name < *b.name;
  });
  if (named.size() > request.max_rows) named.resize(request.max_rows);
  std::vector<Listed> listed;
  for (const auto &[name, sum] : named) {
    listed.push_back({name, sum.failures, sum.total, by_hand(Exact{100} * sum.failures, sum.total, 1),
                      by_hand(impact(sum), all.total, 2)});
  }
  return listed;
}

void expect_by_hand(const Sums &sums, const std::string &flat, const TopRequest &request) {
  const auto listed = list(flat, request);
  const auto expected = list_by_hand(sums, request);
  ASSERT_EQ(names_of(listed), names_of(expected));
  for (std::size_t i = 0; i < listed.size(); ++i) {
    SCOPED_TRACE(expected[i].name.value_or("NULL"));
    EXPECT_EQ(listed[i].failures, expected[i].failures);
    EXPECT_EQ(listed[i].total, expected[i].total);
    EXPECT_EQ(listed[i].failure_rate, expected[i].failure_rate);
    EXPECT_EQ(listed[i].impact, expected[i].impact);
  }
}

// Few names, so that many of them tie.
Sums random_sums(Random &random, std::uint64_t most) {
  static const std::vector<Value> names = {std::nullopt, "", "a", "b", "B", "ab", "\x7f", "\xc3\xa9", "\xff", "c", "d"};
  Sums sums;
  for (std::size_t groups = 1 + below(random, 40); groups > 0; --groups) {
    const std::uint64_t total = 1 + below(random, 1 + below(random, most));
    const std::uint64_t failures = below(random, 3) == 0 ? 0 : below(random, total + 1);
    sums[{pick(random, names), pick(random, names)}] = {total, failures};
  }
  return sums;
}

}  // namespace

// Orders

TEST(TopFailing, ByFailures) {
  const Sums sums = endpoints({{"few", {10, 2}}, {"most", {1000, 30}}, {"none", {500, 0}}, {"half", {40, 20}}});
  const auto listed = list(sums);
  EXPECT_EQ(names_of(listed), (Names{"most", "half", "few"}));
  EXPECT_EQ(listed[0].failures, 30U);
  EXPECT_EQ(listed[0].total, 1000U);
  EXPECT_EQ(listed[0].failure_rate, 3.0);
  EXPECT_EQ(listed[1].failure_rate, 50.0);
  EXPECT_EQ(listed[2].failure_rate, 20.0);
}

TEST(TopFailing, ByFailureRate) {
  const Sums sums = endpoints({{"few", {10, 2}}, {"most", {1000, 30}}, {"none", {500, 0}}, {"half", {40, 20}}});
  EXPECT_EQ(names_of(list(sums, RankBy::kFailureRate)), (Names{"half", "few", "most"}));
}

TEST(TopFailing, ByImpact) {
  // 60 of 1000 fail.
  const Sums sums = endpoints({{"a", {100, 16}}, {"b", {600, 40}}, {"c", {299, 3}}, {"d", {1, 1}}});
  const auto listed = list(sums, RankBy::kImpact);
  EXPECT_EQ(names_of(listed), (Names{"a", "b", "d", "c"}));
  EXPECT_EQ(listed[0].impact, 10.0);    // 16 - 100 x 0.06
  EXPECT_EQ(listed[1].impact, 4.0);     // 40 - 36
  EXPECT_EQ(listed[2].impact, 0.94);    // 1 - 0.06
  EXPECT_EQ(listed[3].impact, -14.94);  // 3 - 17.94
}

TEST(TopFailing, WhatNeverFailsCountsForTheOverallRate) {
  // 10 of 400 fail; those of b are 10 - 100 x 0.025.
  const auto listed = list(endpoints({{"a", {300, 0}}, {"b", {100, 10}}}), RankBy::kImpact);
  ASSERT_EQ(names_of(listed), Names{"b"});
  EXPECT_EQ(listed[0].impact, 7.5);
}

TEST(TopFailing, WhatMinTotalHidesCountsToo) {
  const auto listed = list(endpoints({{"a", {3, 3}}, {"b", {97, 7}}}), RankBy::kImpact, kAllRows, 4);
  ASSERT_EQ(names_of(listed), Names{"b"});
  EXPECT_EQ(listed[0].impact, -2.7);  // 7 - 97 x 0.1
}

TEST(TopFailing, OrdersByTheExactFigure) {
  const auto by_rate = list(endpoints({{"a", {30000, 10000}}, {"b", {30001, 10001}}}), RankBy::kFailureRate);
  EXPECT_EQ(names_of(by_rate), (Names{"b", "a"}));
  EXPECT_EQ(by_rate[0].failure_rate, 33.3);
  EXPECT_EQ(by_rate[1].failure_rate, 33.3);
  // 2 - 3 x 0.4999 and 1 - 0.4999
  const auto by_impact = list(endpoints({{"a", {1, 1}}, {"b", {3, 2}}, {"c", {9996, 4996}}}), RankBy::kImpact);
  EXPECT_EQ(names_of(by_impact), (Names{"b", "a", "c"}));
  EXPECT_EQ(by_impact[0].impact, 0.5);
  EXPECT_EQ(by_impact[1].impact, 0.5);
}

// Ties

TEST(TopFailing, TiesByNameByBytesAndNullLast) {
  const std::vector<Value> in_order = {"", "B", "a", "a b", "ab", "\xc3\xa9", "\xff", std::nullopt};
  std::vector<std::pair<Value, Sum>> all;
  for (const Value &name : in_order) all.push_back({name, {10, 5}});
  for (const RankBy order : kOrders) EXPECT_EQ(names_of(list(endpoints(all), order)), in_order);
  // But a missing name comes first where it fails most.
  all.back().second = {20, 15};
  for (const RankBy order : kOrders) EXPECT_EQ(names_of(list(endpoints(all), order)).front(), std::nullopt);
}

TEST(TopFailing, EqualFractionsTie) {
  const Sums sums = endpoints({{"c", {3, 1}}, {"b", {6, 2}}, {"a", {3000000000U, 1000000000U}}});
  EXPECT_EQ(names_of(list(sums, RankBy::kFailureRate)), (Names{"a", "b", "c"}));
  const auto by_impact = list(sums, RankBy::kImpact);
  EXPECT_EQ(names_of(by_impact), (Names{"a", "b", "c"}));
  for (const Listed &listed : by_impact) EXPECT_EQ(listed.impact, 0);
}

// Groups

TEST(TopFailing, OfEndpointsOverAllTenantsAndOfTenantsOverAllEndpoints) {
  const Sums sums = {{{"t", "a"}, {10, 1}},        {{"u", "a"}, {30, 5}},  {{std::nullopt, "a"}, {2, 2}},
                     {{"t", "b"}, {7, 7}},         {{"u", "c"}, {100, 0}}, {{"t", std::nullopt}, {5, 3}},
                     {{"u", std::nullopt}, {5, 4}}};
  const auto by_endpoint = list(sums);
  ASSERT_EQ(names_of(by_endpoint), (Names{"a", "b", std::nullopt}));
  EXPECT_EQ(by_endpoint[0].failures, 8U);
  EXPECT_EQ(by_endpoint[0].total, 42U);
  EXPECT_EQ(by_endpoint[2].total, 10U);
  const auto by_tenant = list(sums, RankBy::kFailures, kAllRows, 1, GroupBy::kTenant);
  ASSERT_EQ(names_of(by_tenant), (Names{"t", "u", std::nullopt}));
  EXPECT_EQ(by_tenant[0].failures, 11U);
  EXPECT_EQ(by_tenant[1].failures, 9U);
  EXPECT_EQ(by_tenant[1].total, 135U);
  EXPECT_EQ(by_tenant[2].failure_rate, 100.0);
}

// A failure is one by its status, whatever its label says.
TEST(TopFailing, FromRows) {
  const std::vector<Row> rows = {
      {1, "t", "a", "failed", {}},          {1, "t", "a", "dead_letter", {}},
      {1, "t", "a", "ok", "permanent_4xx"}, {1, "t", "a", "error", {}},
      {1, "t", "b", "pending", {}},         {1, "t", "b", "pending", "transient_endpoint_down"},
      {1, "u", "a", std::nullopt, {}},      {1, "u", "a", "nope", {}},
      {-1, "u", "a", "failed", {}},
  };
  const auto listed = list(roll_up(shape(), rows), TopRequest());
  ASSERT_EQ(names_of(listed), Names{"a"});
  EXPECT_EQ(listed[0].failures, 3U);
  EXPECT_EQ(listed[0].total, 6U);
  EXPECT_EQ(listed[0].failure_rate, 50.0);
  EXPECT_EQ(listed[0].impact, 0.75);  // 3 - 6 x 3 / 8
}

// Limits

TEST(TopFailing, AtMostSoManyRows) {
  std::vector<std::pair<Value, Sum>> all;
  for (std::uint64_t i = 0; i < 25; ++i) all.push_back({"e" + std::to_string(i), {100, i}});
  for (const std::uint64_t rows : {1U, 2U, 10U, 23U, 24U, 25U, 1000U}) {
    const auto listed = list(endpoints(all), RankBy::kFailures, rows);
    ASSERT_EQ(listed.size(), std::min<std::uint64_t>(rows, 24)) << rows;  // the first one does not fail
    for (std::size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i].failures, 24 - i);
  }
  EXPECT_EQ(list(write_sums(endpoints(all)), TopRequest()).size(), 10U);
}

TEST(TopFailing, WithAtLeastSoManyDeliveries) {
  const Sums sums = {{{"t", "a"}, {9, 9}}, {{"t", "b"}, {10, 1}}, {{"t", "c"}, {6, 1}}, {{"u", "c"}, {5, 0}}};
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, 0)), (Names{"a", "b", "c"}));
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, 9)), (Names{"a", "b", "c"}));
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, 10)), (Names{"b", "c"}));
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, 11)), (Names{"c"}));  // of both tenants
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, 12)), Names());
  EXPECT_EQ(names_of(list(sums, RankBy::kFailures, kAllRows, UINT64_MAX)), Names());
}

TEST(TopFailing, OfNothing) {
  for (const RankBy order : kOrders) {
    EXPECT_EQ(names_of(list(Sums(), order)), Names());
    EXPECT_EQ(names_of(list(endpoints({{"a", {10, 0}}}), order)), Names());
  }
}

// Exactness

TEST(TopFailing, LargeCounts) {
  constexpr std::uint64_t kTwo31 = std::uint64_t{1} << 31;
  constexpr std::uint64_t kHalf = kMaxCount / 2;
  // All of one half fails and all but one of the other.
  const Sums sums = endpoints({{"a", {kHalf, kHalf - 1}}, {"b", {kHalf, kHalf}}});
  for (const RankBy order : kOrders) EXPECT_EQ(names_of(list(sums, order)), (Names{"b", "a"}));
  const auto listed = list(sums, RankBy::kImpact);
  EXPECT_EQ(listed[0].impact, 0.5);  // the overall rate lacks half a delivery of a half
  EXPECT_EQ(listed[1].impact, -0.5);
  EXPECT_EQ(listed[0].failure_rate, 100.0);

  const Sums beyond = endpoints({{"a", {4 * kTwo31, 3 * kTwo31}}, {"b", {4 * kTwo31, kTwo31}}});
  const auto impacts = list(beyond, RankBy::kImpact);
  EXPECT_EQ(impacts[0].impact, static_cast<double>(kTwo31));
  EXPECT_EQ(impacts[1].impact, -static_cast<double>(kTwo31));
  EXPECT_EQ(impacts[0].failure_rate, 75.0);

  const auto alone = list(endpoints({{"a", {kMaxCount, kMaxCount}}}), RankBy::kImpact);
  EXPECT_EQ(alone[0].failures, kMaxCount);
  EXPECT_EQ(alone[0].failure_rate, 100.0);
  EXPECT_EQ(alone[0].impact, 0);
}

TEST(TopFailing, RandomCountsByHand) {
  Random random = printed_random();
  for (int round = 0; round < 400; ++round) {
    // Up to 40 groups of up to 2^47 stay below 2^53.
    const std::uint64_t most = std::uint64_t{1} << below(random, 48);
    const Sums sums = random_sums(random, most);
    const std::string flat = write_sums(sums);
    SCOPED_TRACE("round " + std::to_string(round));
    for (const RankBy order : kOrders) {
      for (const GroupBy group_by : {GroupBy::kEndpoint, GroupBy::kTenant}) {
        expect_by_hand(sums, flat, {group_by, order, kAllRows, 1});
        expect_by_hand(sums, flat, {group_by, order, below(random, 6), below(random, 1 + most)});
      }
    }
  }
}

// Arguments

TEST(RankByName, TheThreeOrders) {
  EXPECT_EQ(rank_by_name("failures"), RankBy::kFailures);
  EXPECT_EQ(rank_by_name("failure_rate"), RankBy::kFailureRate);
  EXPECT_EQ(rank_by_name("impact"), RankBy::kImpact);
  for (const char *name : {"", "Failures", "total", "impact "}) {
    try {
      rank_by_name(name);
      ADD_FAILURE() << name << " is an order";
    } catch (const Error &error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(std::string("\"") + name + "\""), std::string::npos);
      for (const char *known : {"failures", "failure_rate", "impact"}) {
        EXPECT_NE(error.hint().find(known), std::string::npos) << error.hint();
      }
    }
  }
}
