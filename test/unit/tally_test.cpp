// What a delivery counts as, for every status and label, against the words of DETECTION.md and REFERENCE.md.
#include "tally.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

TEST(Tally, CountersOfEveryKind) {
  const std::vector<Value> labels = {
      "transient_endpoint_down",     "permanent_4xx",    "rate_limited",      "unknown",     "", {},
      "was transient_endpoint_down", "was rate_limited", "was permanent_4xx", "was unknown",
  };
  for (int status = 0; status < kStatusClasses; ++status) {
    for (const Value &label : labels) {
      for (const std::int64_t attempts : std::vector<std::int64_t>{Delivery::kNoNumber, -1, 0, 1, 2, 4, 5, 6}) {
        const auto status_class = static_cast<StatusClass>(status);
        Row row;
        row.label = label;
        row.attempts = attempts;
        row.max_attempts = 6;
        const Counts expected = counts_of(status_class, row);
        const Delivery delivery = delivery_of(row);
        Text text = delivery.triage_label;
        const bool past = take_past(text);
        const CounterSet raised =
            counters_of({status_class, label_class(text), delivery.is_retried(), delivery.is_last_chance(), past});
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if ((kAmounts >> i & 1U) != 0) continue;
          EXPECT_EQ(raised >> i & 1U, expected[i])
              << status_name(status_class) << " " << label.value_or("NULL") << " " << attempts << ", counter " << i;
        }
        EXPECT_EQ(raised & (~kAllCounters | kAmounts), 0U);
      }
    }
  }
}

TEST(Tally, LastChance) {
  const auto last_chance = [](std::int64_t attempts, std::int64_t max_attempts) {
    Delivery delivery;
    delivery.attempts = attempts;
    delivery.max_attempts = max_attempts;
    return delivery.is_last_chance();
  };
  EXPECT_TRUE(last_chance(4, 5));
  EXPECT_TRUE(last_chance(5, 5));
  EXPECT_TRUE(last_chance(0, 1));
  EXPECT_FALSE(last_chance(3, 5));
  EXPECT_FALSE(last_chance(Delivery::kNoNumber, 5));
  EXPECT_FALSE(last_chance(5, Delivery::kNoNumber));
  EXPECT_FALSE(last_chance(Delivery::kNoNumber, Delivery::kNoNumber));
  EXPECT_TRUE(last_chance(INT32_MAX, INT32_MIN));
}

TEST(Tally, AddsSumsAndMaxima) {
  Tally sum;
  Tally more;
  for (std::size_t i = 0; i < kCounters; ++i) more.counts[i] = i + 1;
  sum.add(more);
  sum.add(more);
  for (std::size_t i = 0; i < kCounters; ++i) EXPECT_EQ(sum.counts[i], (kMaxima >> i & 1U) != 0 ? i + 1 : 2 * (i + 1));
  more.counts[0] = kMaxCount;
  EXPECT_EQ(error_kind([&] { sum.add(more); }), ErrorKind::kLimit);
}

// The same once more, as a table to read.
TEST(Tally, SettledAndFailures) {
  struct Example {
    StatusClass status;
    bool label, settled, failure, reference_failure;
  };
  const std::vector<Example> examples = {
      {StatusClass::kDelivered, false, true, false, false}, {StatusClass::kDelivered, true, true, false, true},
      {StatusClass::kFailed, false, true, true, true},      {StatusClass::kFailed, true, true, true, true},
      {StatusClass::kDeadLetter, false, true, true, true},  {StatusClass::kDeadLetter, true, true, true, true},
      {StatusClass::kPending, false, false, false, false},  {StatusClass::kPending, true, true, true, true},
      {StatusClass::kUnmapped, false, false, false, false}, {StatusClass::kUnmapped, true, true, true, true},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::string(status_name(example.status)) + (example.label ? " with label" : ""));
    const CounterSet raised =
        counters_of({example.status, example.label ? LabelClass::kPermanent : LabelClass::kNone, false, false});
    EXPECT_EQ((raised & bit(Counter::kSettled)) != 0, example.settled);
    EXPECT_EQ((raised & bit(Counter::kFailures)) != 0, example.failure);
    EXPECT_EQ((raised & bit(Counter::kReferenceFailures)) != 0, example.reference_failure);
  }
}

TEST(Tally, TheMethodsKeepWhatTheyLookAt) {
  EXPECT_EQ(kAllCounters, (1U << 26) - 1);
  EXPECT_EQ(kRateCounters, bit(Counter::kTotal) | bit(Counter::kSettled) | bit(Counter::kFailures));
  EXPECT_EQ(kReferenceCounters, bit(Counter::kTotal) | bit(Counter::kReferenceFailures));
}
