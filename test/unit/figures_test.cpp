// The figures of the reports: rounded as SQL rounds a numeric, and each by its definition, row by row.
#include "figures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "number.hpp"
#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Random = std::mt19937_64;

constexpr std::uint64_t kTwo31 = std::uint64_t{1} << 31;

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
Random printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return Random(seed);
}

std::string digits_of(Wide number) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number > 0);
  return digits;
}

// part / whole as a text with so many decimals, as in school: digit by digit, and then a look at the rest.
std::string long_division(Wide part, Wide whole, int decimals) {
  if (whole == 0) return "0";
  const bool negative = part < 0;
  if (negative) part = -part;
  Wide number = part / whole;
  Wide rest = part % whole;
  for (int i = 0; i < decimals; ++i) {
    number = number * 10 + rest * 10 / whole;
    rest = rest * 10 % whole;
  }
  if (rest >= whole - rest) ++number;  // half of it or more goes away from zero
  std::string digits = digits_of(number);
  const auto least = static_cast<std::size_t>(decimals) + 1;
  if (digits.size() < least) digits.insert(0, least - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - static_cast<std::size_t>(decimals), ".");
  return (negative && number != 0 ? "-" : "") + digits;
}

double by_hand(Wide part, Wide whole, int decimals) {
  return std::strtod(long_division(part, whole, decimals).c_str(), nullptr);
}

Tally tally_of(const std::vector<std::pair<Counter, std::uint64_t>> &counts) {
  Tally tally;
  for (const auto &[counter, number] : counts) tally.counts[static_cast<std::size_t>(counter)] = number;
  return tally;
}

std::vector<Tally> slots_of(const std::string &flat) {
  Poll poll;
  const auto slots = read_slots(flat, poll, heap());
  return {slots.begin(), slots.end()};
}

// The bytes of a rollup of the cells, whose counts may be larger than rows could make them.
std::string write_cells(const std::string &shape, const Cells &cells) {
  RollupWriter writer(kAllCounters, heap());
  for (const auto &[key, slots] : cells) {
    writer.group(text_of(key.first), text_of(key.second));
    for (const auto &[slot, counts] : slots) writer.cell(slot, Tally{counts});
  }
  ByteWriter out(heap());
  writer.finish(std::string_view(shape).substr(0, shape.size() - 1), out);
  return std::string(out.written());
}

Counts only_total(std::uint64_t total) {
  Counts counts{};
  count(counts, Counter::kTotal) = total;
  return counts;
}

// Rows of every kind, of a few tenants and endpoints.
std::vector<Row> random_rows(Random &random, std::size_t count, Timestamp begin, Timestamp end) {
  static const std::vector<Value> names = {std::nullopt, "", "a", "b"};
  static const std::vector<Value> statuses = {std::nullopt, "nope",   "ok",          "delivered",
                                              "failed",     "failed", "dead_letter", "pending"};
  static const std::vector<Value> labels = {
      std::nullopt, std::nullopt, "", "permanent_4xx", "transient_endpoint_down", "rate_limited", "unknown", "custom"};
  static const std::vector<std::int64_t> numbers = {Delivery::kNoNumber, -3, 0, 1, 2, 3, 5};
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const Timestamp at = begin + static_cast<Timestamp>(below(random, static_cast<std::size_t>(end - begin)));
    rows.push_back({at, pick(random, names), pick(random, names), pick(random, statuses), pick(random, labels),
                    pick(random, numbers), pick(random, numbers)});
  }
  return rows;
}

// What the definitions of the figures speak of, of one row.
struct Facts {
  explicit Facts(const Row &row)
      : delivered(row.status == "delivered" || row.status == "ok"),
        failed(row.status == "failed" || row.status == "dead_letter"),
        pending(row.status == "pending"),
        retried(row.attempts > 1),
        transient(row.label == "transient_endpoint_down"),
        attempts(std::max<std::int64_t>(row.attempts, 1)) {}

  bool ended() const { return delivered || failed; }

  bool delivered, failed, pending, retried, transient;
  std::int64_t attempts;
};

template <typename Condition>
std::uint64_t count_rows(const std::vector<Row> &rows, Condition condition) {
  return static_cast<std::uint64_t>(
      std::count_if(rows.begin(), rows.end(), [&](const Row &row) { return condition(Facts(row)); }));
}

// The percentage of the rows of `whole` that are of `part` too.
template <typename Part, typename Whole>
double share(const std::vector<Row> &rows, Part part, Whole whole) {
  const std::uint64_t parts = count_rows(rows, [&](const Facts &row) { return whole(row) && part(row); });
  return by_hand(Wide{100} * parts, count_rows(rows, whole), 1);
}

bool any(const Facts &) { return true; }
bool is_delivered(const Facts &row) { return row.delivered; }
bool has_failed(const Facts &row) { return row.failed; }
bool has_settled(const Facts &row) { return row.ended(); }
bool is_retried(const Facts &row) { return row.retried; }

void expect_figures(const Tally &tally, const std::vector<Row> &rows) {
  EXPECT_EQ(tally[Counter::kTotal], rows.size());
  EXPECT_EQ(failures_of(tally), count_rows(rows, has_failed));
  EXPECT_EQ(settled_of(tally), count_rows(rows, has_settled));
  EXPECT_EQ(success_rate(tally).has_value(), count_rows(rows, has_settled) > 0);
  EXPECT_EQ(success_rate(tally).value_or(0), share(rows, is_delivered, has_settled));
  EXPECT_EQ(reference_success_rate(tally), share(rows, is_delivered, any));
  EXPECT_EQ(failure_rate(tally), share(rows, has_failed, any));
  EXPECT_EQ(retry_success_rate(tally), share(rows, is_delivered, is_retried));
  EXPECT_EQ(transient_retry_success_rate(tally),
            share(
                rows, [](const Facts &row) { return row.retried && row.delivered; },
                [](const Facts &row) { return row.transient; }));
  EXPECT_EQ(first_attempt_success_rate(tally), share(
                                                   rows, [](const Facts &row) { return row.delivered && !row.retried; },
                                                   [](const Facts &row) { return row.ended() || row.retried; }));
  std::uint64_t attempts = 0;
  for (const Row &row : rows) attempts += Facts(row).delivered ? static_cast<std::uint64_t>(Facts(row).attempts) : 0;
  EXPECT_EQ(mean_attempts(tally), by_hand(attempts, count_rows(rows, is_delivered), 2));
}

}  // namespace

// Rounding

TEST(Percent, HalvesGoAwayFromZeroOnTheExactDecimal) {
  struct Example {
    std::uint64_t part, whole;
    double expected;
  };
  const std::vector<Example> examples = {
      {1, 16, 6.3},        // 6.25, of which the original makes 6.2
      {3, 16, 18.8},       // 18.75
      {5, 16, 31.3},       // 31.25
      {1, 2000, 0.1},      // 0.05, which no double is
      {3, 2000, 0.2},      // 0.15, whose double is below it
      {7, 2000, 0.4},      // 0.35
      {1999, 2000, 100},   // 99.95
      {1, 2001, 0},        // just below 0.05
      {1999, 2001, 99.9},  // 99.9000...
      {1, 400, 0.3},       // 0.25
      {9, 80, 11.3},       // 11.25
      {1, 3, 33.3},       {2, 3, 66.7}, {1, 8, 12.5}, {0, 7, 0}, {7, 7, 100}, {12345, 12345, 100},
  };
  for (const Example &example : examples) {
    EXPECT_EQ(percent(example.part, example.whole), example.expected) << example.part << " of " << example.whole;
  }
}

TEST(Percent, OfNothingIsZero) {
  EXPECT_EQ(percent(0, 0), 0);
  EXPECT_FALSE(std::signbit(percent(0, 0)));
  EXPECT_EQ(percent(5, 0), 0);
}

TEST(Percent, AllSmallCounts) {
  for (std::uint64_t whole = 1; whole <= 420; ++whole) {
    for (std::uint64_t part = 0; part <= whole; ++part) {
      EXPECT_EQ(percent(part, whole), by_hand(Wide{100} * part, whole, 1)) << part << " of " << whole;
    }
  }
}

TEST(Percent, LargeCounts) {
  EXPECT_EQ(percent(kMaxCount, kMaxCount), 100);
  EXPECT_EQ(percent(kMaxCount - 1, kMaxCount), 100);
  EXPECT_EQ(percent(1, kMaxCount), 0);
  EXPECT_EQ(percent(kMaxCount / 16, kMaxCount), 6.3);  // exactly 6.25
  EXPECT_EQ(percent(kMaxCount / 16 - 1, kMaxCount), 6.2);
  EXPECT_EQ(percent(kMaxCount, 1), 100.0 * static_cast<double>(kMaxCount));
  EXPECT_EQ(percent(kTwo31, 3 * kTwo31), 33.3);
  // A hair below a tie and on it: 0.05 % of 2000 n is n.
  const std::uint64_t n = kMaxCount / 2000;
  EXPECT_EQ(percent(n, 2000 * n), 0.1);
  EXPECT_EQ(percent(n - 1, 2000 * n), 0);

  Random random = printed_random();
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t whole = 1 + below(random, kMaxCount >> below(random, 53));
    const std::uint64_t part = below(random, whole + 1);
    EXPECT_EQ(percent(part, whole), by_hand(Wide{100} * part, whole, 1)) << part << " of " << whole;
    const std::uint64_t tie = whole / 2000;  // (2k + 1) / 2000 of it is a tie
    const std::uint64_t odd = 2 * below(random, 1000) + 1;
    EXPECT_EQ(percent(odd * tie, 2000 * tie), by_hand(Wide{100} * odd * tie, Wide{2000} * tie, 1)) << odd << " " << tie;
  }
}

TEST(RoundedRatio, HalvesGoAwayFromZero) {
  struct Example {
    std::int64_t part, whole;
    int decimals;
    double expected;
  };
  const std::vector<Example> examples = {
      {107, 40, 2, 2.68},   // 2.675, whose double is below it
      {201, 200, 2, 1.01},  // 1.005
      {1, 8, 2, 0.13},      // 0.125
      {3, 8, 2, 0.38},      // 0.375
      {1, 200, 2, 0.01},    // 0.005
      {1, 201, 2, 0},      {5, 2, 0, 3}, {1, 2, 0, 1}, {7, 3, 3, 2.333}, {0, 9, 2, 0}, {100, 7, 1, 14.3},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::to_string(example.part) + " / " + std::to_string(example.whole));
    EXPECT_EQ(rounded_ratio(example.part, example.whole, example.decimals), example.expected);
    EXPECT_EQ(rounded_ratio(-example.part, example.whole, example.decimals), -example.expected);
    // No zero is negative.
    if (example.expected == 0) {
      EXPECT_FALSE(std::signbit(rounded_ratio(-example.part, example.whole, example.decimals)));
    }
  }
  EXPECT_EQ(rounded_ratio(5, 0, 2), 0);
  EXPECT_EQ(rounded_ratio(-5, 0, 2), 0);
  EXPECT_FALSE(std::signbit(rounded_ratio(-5, 0, 2)));
}

TEST(RoundedRatio, AllSmallParts) {
  for (int decimals = 0; decimals <= 3; ++decimals) {
    for (std::int64_t whole = 0; whole <= 130; ++whole) {
      for (std::int64_t part = -150; part <= 150; ++part) {
        EXPECT_EQ(rounded_ratio(part, whole, decimals), by_hand(part, whole, decimals))
            << part << " / " << whole << ", " << decimals << " decimals";
      }
    }
  }
}

// Products of two counts, of which the report on impact divides one.
TEST(RoundedRatio, ProductsOfLargeCounts) {
  Random random = printed_random();
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t whole = 1 + below(random, kMaxCount >> below(random, 53));
    const Wide part = Wide{below(random, kMaxCount >> below(random, 53)) + 1} * (1 + below(random, whole));
    // With more digits than a double has, the last one is free.
    EXPECT_DOUBLE_EQ(rounded_ratio(part, whole, 2), by_hand(part, whole, 2));
    EXPECT_EQ(rounded_ratio(-part, whole, 2), -rounded_ratio(part, whole, 2));
  }
  EXPECT_EQ(rounded_ratio(Wide{kMaxCount} * kMaxCount, kMaxCount, 2), static_cast<double>(kMaxCount));
  EXPECT_EQ(rounded_ratio(-Wide{kMaxCount} * kMaxCount, kMaxCount, 2), -static_cast<double>(kMaxCount));
}

// Figures

TEST(Figures, OfNothing) {
  const Tally none;
  for (const auto figure : {reference_success_rate, failure_rate, retry_success_rate, transient_retry_success_rate,
                            first_attempt_success_rate, mean_attempts}) {
    EXPECT_EQ(figure(none), 0);
  }
  EXPECT_EQ(success_rate(none), std::nullopt);
  EXPECT_EQ(failures_of(none), 0U);
  EXPECT_EQ(settled_of(none), 0U);
}

TEST(Figures, ByTheirDefinitions) {
  const Tally tally = tally_of({{Counter::kTotal, 1000},
                                {Counter::kDelivered, 400},
                                {Counter::kFailed, 150},
                                {Counter::kDeadLetter, 50},
                                {Counter::kPending, 300},
                                {Counter::kTransient, 90},
                                {Counter::kRetried, 130},
                                {Counter::kRetriedEnded, 110},
                                {Counter::kRetriedDelivered, 70},
                                {Counter::kTransientRetriedDelivered, 40},
                                {Counter::kDeliveredAttempts, 533}});
  EXPECT_EQ(failures_of(tally), 200U);
  EXPECT_EQ(settled_of(tally), 600U);
  EXPECT_EQ(success_rate(tally), 66.7);                  // 400 / 600
  EXPECT_EQ(reference_success_rate(tally), 40.0);        // 400 / 1000
  EXPECT_EQ(failure_rate(tally), 20.0);                  // 200 / 1000
  EXPECT_EQ(retry_success_rate(tally), 53.8);            // 70 / 130
  EXPECT_EQ(transient_retry_success_rate(tally), 44.4);  // 40 / 90
  EXPECT_EQ(first_attempt_success_rate(tally), 53.2);    // (400 - 70) / (600 + 130 - 110)
  EXPECT_EQ(mean_attempts(tally), 1.33);                 // 533 / 400 = 1.3325
  Tally before = tally;
  before.counts[static_cast<std::size_t>(Counter::kTransientBefore)] = 10;
  EXPECT_EQ(transient_retry_success_rate(before), 40.0);  // 40 / (90 + 10)
}

// Where nothing has settled there is no rate, neither 0 nor 100.
TEST(Figures, OfNothingSettled) {
  const Tally waiting = tally_of({{Counter::kTotal, 7}, {Counter::kPending, 5}});
  EXPECT_EQ(success_rate(waiting), std::nullopt);
  EXPECT_EQ(reference_success_rate(waiting), 0);
  EXPECT_EQ(success_rate(tally_of({{Counter::kTotal, 7}, {Counter::kPending, 5}, {Counter::kFailed, 1}})), 0.0);
  EXPECT_EQ(success_rate(tally_of({{Counter::kTotal, 7}, {Counter::kPending, 5}, {Counter::kDelivered, 1}})), 100.0);
}

TEST(Figures, ARetryThatIsUnderWayHasAFirstAttempt) {
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 1, heap()));
  const std::vector<Row> rows = {
      {1, "t", "e", "ok", {}, 1},      {1, "t", "e", "ok", {}, 3},      {1, "t", "e", "pending", {}, 1},
      {1, "t", "e", "pending", {}, 2}, {1, "t", "e", "nope", {}, 2},    {1, "t", "e", "failed", {}},
      {1, "t", "e", "nope", {}, 1},    {1, "t", "e", std::nullopt, {}},
  };
  // One of: two delivered, one failed, two that were attempted again.
  EXPECT_EQ(first_attempt_success_rate(slots_of(roll_up(shape, rows)).front()), 20.0);
}

TEST(Figures, OfRandomRows) {
  Random random = printed_random();
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 1, heap()));
  for (std::size_t size = 1; size < 300; size += size < 40 ? 1 : 13) {
    SCOPED_TRACE(size);
    const auto rows = random_rows(random, size, 0, 10);
    expect_figures(slots_of(roll_up(shape, rows)).front(), rows);
  }
}

TEST(Figures, OfLargeCounts) {
  const Tally tally = tally_of({{Counter::kTotal, kMaxCount},
                                {Counter::kDelivered, kMaxCount / 2},
                                {Counter::kFailed, kMaxCount / 4},
                                {Counter::kDeadLetter, kMaxCount / 4},
                                {Counter::kTransient, kMaxCount / 2},
                                {Counter::kRetried, kMaxCount / 2},
                                {Counter::kRetriedEnded, kMaxCount / 2},
                                {Counter::kRetriedDelivered, kMaxCount / 32},
                                {Counter::kTransientRetriedDelivered, kMaxCount / 32},
                                {Counter::kDeliveredAttempts, kMaxCount}});
  EXPECT_EQ(failures_of(tally), kMaxCount / 2);
  EXPECT_EQ(settled_of(tally), kMaxCount);
  EXPECT_EQ(success_rate(tally), 50.0);
  EXPECT_EQ(reference_success_rate(tally), 50.0);
  EXPECT_EQ(failure_rate(tally), 50.0);
  EXPECT_EQ(retry_success_rate(tally), 6.3);
  EXPECT_EQ(transient_retry_success_rate(tally), 6.3);
  EXPECT_EQ(first_attempt_success_rate(tally), 46.9);  // 15 / 32 = 46.875 %
  EXPECT_EQ(mean_attempts(tally), 2.0);
}

// Labels

TEST(Labelled, EveryDeliveryHasOneClass) {
  Random random = printed_random();
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 1, heap()));
  const auto rows = random_rows(random, 500, 0, 10);
  const Tally tally = slots_of(roll_up(shape, rows)).front();
  const auto count_label = [&](auto has) {
    return static_cast<std::uint64_t>(
        std::count_if(rows.begin(), rows.end(), [&](const Row &row) { return has(row.label); }));
  };
  EXPECT_EQ(labelled(tally, LabelClass::kTransient),
            count_label([](const Value &label) { return label == "transient_endpoint_down"; }));
  EXPECT_EQ(labelled(tally, LabelClass::kPermanent),
            count_label([](const Value &label) { return label == "permanent_4xx"; }));
  EXPECT_EQ(labelled(tally, LabelClass::kRateLimited),
            count_label([](const Value &label) { return label == "rate_limited"; }));
  EXPECT_EQ(labelled(tally, LabelClass::kOther),
            count_label([](const Value &label) { return label == "" || label == "unknown" || label == "custom"; }));
  EXPECT_EQ(labelled(tally, LabelClass::kNone), count_label([](const Value &label) { return !label; }));

  std::uint64_t sum = 0;
  for (int label = 0; label < kLabelClasses; ++label) sum += labelled(tally, static_cast<LabelClass>(label));
  EXPECT_EQ(sum, rows.size());
}

TEST(Labelled, OfNothingAndOfLargeCounts) {
  EXPECT_EQ(labelled(Tally(), LabelClass::kNone), 0U);
  const Tally tally = tally_of({{Counter::kTotal, kMaxCount}, {Counter::kOtherLabel, kMaxCount - 1}});
  EXPECT_EQ(labelled(tally, LabelClass::kNone), 1U);
  EXPECT_EQ(labelled(tally, LabelClass::kOther), kMaxCount - 1);
}

// Slots

TEST(ReadSlots, AddsUpAllGroups) {
  Random random = printed_random();
  const std::vector<Timestamp> edges = {-40, -39, 0, 10, 500};
  const std::string shape = empty_rollup(edges_grid(edges));
  const auto rows = random_rows(random, 2000, -60, 520);
  const auto slots = slots_of(roll_up(shape, rows));
  ASSERT_EQ(slots.size(), 4U);
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    SCOPED_TRACE(slot);
    std::vector<Row> inside;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(inside),
                 [&](const Row &row) { return row.at >= edges[slot] && row.at < edges[slot + 1]; });
    expect_figures(slots[slot], inside);
    EXPECT_EQ(slots[slot][Counter::kPending], count_rows(inside, [](const Facts &row) { return row.pending; }));
  }
}

// The age of the oldest pending delivery is the largest of all groups, not their sum.
TEST(ReadSlots, TheOldestOfAllGroups) {
  const std::string shape = empty_rollup(SlotGrid::uniform(1, 100 * kSecond, 2, heap()));
  const std::vector<Row> rows = {
      {100 * kSecond - 20 * kSecond, "t", "a", "pending", {}},
      {100 * kSecond - 70 * kSecond, "t", "b", "pending", {}},
      {100 * kSecond - 90 * kSecond, "t", "c", "failed", {}},
      {100 * kSecond - 30 * kSecond - 1, "u", "a", "pending", {}},
      {200 * kSecond, "u", "a", "pending", {}},
  };
  const auto slots = slots_of(roll_up(shape, rows));
  EXPECT_EQ(slots[0][Counter::kPendingSeconds], 70U);
  EXPECT_EQ(slots[0][Counter::kPending], 3U);
  EXPECT_EQ(slots[1][Counter::kPendingSeconds], 0U);
  EXPECT_EQ(slots[1][Counter::kPending], 1U);
}

TEST(ReadSlots, OfAnEmptyRollup) {
  const auto slots = slots_of(empty_rollup(SlotGrid::uniform(0, 10, 3, heap()), kStatusCounters));
  ASSERT_EQ(slots.size(), 3U);
  for (const Tally &slot : slots) EXPECT_EQ(slot.counts, Counts{});
}

TEST(ReadSlots, LargeCountsAddUp) {
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 10, 2, heap()));
  const std::string most = write_cells(shape, {{{"t", "a"}, {{1, only_total(kMaxCount - kTwo31)}}},
                                               {{"t", "b"}, {{0, only_total(3 * kTwo31)}, {1, only_total(kTwo31)}}}});
  const auto slots = slots_of(most);
  EXPECT_EQ(slots[0][Counter::kTotal], 3 * kTwo31);
  EXPECT_EQ(slots[1][Counter::kTotal], kMaxCount);

  const std::string beyond =
      write_cells(shape, {{{"t", "a"}, {{1, only_total(kMaxCount)}}}, {{"t", "b"}, {{1, only_total(1)}}}});
  EXPECT_EQ(error_kind([&] { slots_of(beyond); }), ErrorKind::kLimit);
}
