// What a delivery counts as, for every status and label, against the words of DETECTION.md and REFERENCE.md.
#include "tally.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

TEST(Tally, CountersOfEveryStatusAndLabel) {
  for (int status = 0; status < kStatusClasses; ++status) {
    for (const bool label : {false, true}) {
      const auto status_class = static_cast<StatusClass>(status);
      const Counts expected = counts_of(status_class, label);
      const CounterSet raised = counters_of(status_class, label);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(raised >> i & 1U, expected[i]) << status_name(status_class) << " " << label << ", counter " << i;
      }
      EXPECT_EQ(raised & ~kAllCounters, 0U);
    }
  }
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
    const CounterSet raised = counters_of(example.status, example.label);
    EXPECT_EQ((raised & bit(Counter::kSettled)) != 0, example.settled);
    EXPECT_EQ((raised & bit(Counter::kFailures)) != 0, example.failure);
    EXPECT_EQ((raised & bit(Counter::kReferenceFailures)) != 0, example.reference_failure);
  }
}

TEST(Tally, TheMethodsKeepWhatTheyLookAt) {
  EXPECT_EQ(kAllCounters, 255U);
  EXPECT_EQ(kRateCounters, bit(Counter::kTotal) | bit(Counter::kSettled) | bit(Counter::kFailures));
  EXPECT_EQ(kReferenceCounters, bit(Counter::kTotal) | bit(Counter::kReferenceFailures));
}
