// Method `rate`: the worked examples of docs/detector.md to the digit, its gates from both sides, and counts that no
// scan can give.
#include "rate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "binomial.hpp"

using namespace insights;

namespace {

constexpr double kSixDecimals = 5.1e-7;
const RatePolicy kNormal;

using Blocks = std::vector<std::uint64_t>;

const Blocks kFiveInEach(12, 5);
const Blocks kTenInEach(12, 10);
const Blocks kNothing(12, 0);

// The traffic of an endpoint: the blocks of the baseline, and the deliveries in R and 3R.
RateCounts traffic(const Blocks &blocks, std::uint64_t recent, std::uint64_t triple) {
  RateCounts counts;
  counts.blocks = static_cast<int>(blocks.size());
  counts.recent = recent;
  counts.triple = triple;
  counts.least_triple = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    counts.baseline += blocks[i];
    counts.baseline_squares += static_cast<double>(blocks[i] * blocks[i]);
    counts.peak_block = std::max(counts.peak_block, blocks[i]);
    if (i % 3 != 2) continue;
    const std::uint64_t sum = blocks[i - 2] + blocks[i - 1] + blocks[i];
    counts.peak_triple = std::max(counts.peak_triple, sum);
    counts.least_triple = std::min(counts.least_triple, sum);
  }
  return counts;
}

SpikeVerdict spike(const RateCounts &counts, const RateHistory *history = nullptr, double fleet_factor = 1,
                   const RatePolicy &policy = kNormal) {
  return judge_spike(counts, history, policy, dispersion(counts, history), fleet_factor);
}

struct Settled {
  std::uint64_t failed, settled;
};

// The settled deliveries of an endpoint in R/5, R, 3R, 12R and the baseline.
RateCounts settled(Settled fifth, Settled recent, Settled triple, Settled twelve, Settled baseline) {
  RateCounts counts;
  counts.failed = {fifth.failed, recent.failed, triple.failed, twelve.failed};
  counts.settled = {fifth.settled, recent.settled, triple.settled, twelve.settled};
  counts.baseline_failed = baseline.failed;
  counts.baseline_settled = baseline.settled;
  return counts;
}

// The history of the worked examples.
RateHistory usual_history() {
  RateHistory history;
  history.seen = true;
  history.seas5 = 5;
  history.sp5 = 12;
  history.sp15 = 25;
  history.pk24_5 = 30;
  history.pk24_15 = 60;
  history.phi24 = 1;
  history.phi24u = 1.1;
  history.x30 = 70;
  history.sp30 = 50;
  history.both_days = true;
  return history;
}

}  // namespace

// Spikes: the worked examples

TEST(RateSpike, WorkedExamplesWithoutHistory) {
  const Blocks bursty = {0, 12, 3, 9, 1, 14, 0, 2, 8, 7, 1, 3};
  const Blocks one_burst = {120, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
  const Blocks thin = {1, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0};
  const Blocks busy = {2500, 2480, 2530, 2510, 2470, 2500, 2520, 2490, 2500, 2510, 2480, 2510};
  const Blocks calm = {9, 11, 10, 8, 12, 10, 9, 11, 10, 10, 9, 11};
  struct Example {
    Blocks blocks;
    std::uint64_t recent, triple, baseline, squares, peak_block, peak_triple;
    double phi, log10_p;
    Reason reason;
  };
  const std::vector<Example> examples = {
      {kFiveInEach, 50, 55, 60, 300, 5, 15, 1.500000, -12.873133, Reason::kFlagged},
      {kFiveInEach, 16, 26, 60, 300, 5, 15, 1.500000, 0, Reason::kPeakGuard},
      {bursty, 50, 60, 60, 558, 14, 24, 4.542391, 0, Reason::kPeakGuard},
      {one_burst, 120, 130, 175, 14675, 120, 130, 1.500000, 0, Reason::kPeakGuard},
      {one_burst, 360, 370, 175, 14675, 120, 130, 1.500000, -138.393332, Reason::kFlagged},
      {thin, 40, 40, 4, 6, 2, 2, 2.175000, 0, Reason::kPoorBaseline},
      {thin, 150, 150, 4, 6, 2, 2, 2.175000, -62.743634, Reason::kFlagged},
      {kNothing, 500, 500, 0, 0, 0, 0, 1.500000, 0, Reason::kNoBaseline},
      {busy, 5000, 15000, 30000, 75003400, 2530, 7510, 1.572625, -112.085508, Reason::kFlagged},
      {calm, 30, 90, 120, 1214, 12, 30, 1.573611, -4.113874, Reason::kNotSignificant},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::to_string(example.recent) + " / " + std::to_string(example.triple));
    const RateCounts counts = traffic(example.blocks, example.recent, example.triple);
    EXPECT_EQ(counts.baseline, example.baseline);
    EXPECT_EQ(counts.baseline_squares, static_cast<double>(example.squares));
    EXPECT_EQ(counts.peak_block, example.peak_block);
    EXPECT_EQ(counts.peak_triple, example.peak_triple);
    EXPECT_NEAR(dispersion(counts, nullptr), example.phi, kSixDecimals);

    const SpikeVerdict verdict = spike(counts);
    EXPECT_NEAR(verdict.log10_p, example.log10_p, kSixDecimals);
    EXPECT_STREQ(describe(verdict.reason), describe(example.reason));
    EXPECT_EQ(verdict.flagged, example.reason == Reason::kFlagged);
    EXPECT_FALSE(verdict.level);
    EXPECT_EQ(verdict.window == kNoWindow, example.log10_p == 0);
  }
}

TEST(RateSpike, WorkedExamplesWithHistory) {
  struct Example {
    Blocks blocks;
    bool seen;
    double seas5;
    std::uint64_t sp5, recent;
    double phi, log10_p;
    Reason reason;
  };
  const std::vector<Example> examples = {
      {kFiveInEach, true, 5, 12, 50, 1, -18.914978, Reason::kFlagged},
      {kFiveInEach, true, 5, 48, 50, 1, -5.673711, Reason::kNotSignificant},
      {kFiveInEach, true, 40, 48, 50, 1, 0, Reason::kSeasonalLevel},
      {kNothing, false, 5, 12, 500, 1, 0, Reason::kNewEndpoint},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(describe(example.reason));
    RateHistory history = usual_history();
    history.seen = example.seen;
    history.seas5 = example.seas5;
    history.sp5 = example.sp5;
    const std::uint64_t triple = example.recent == 50 ? 55 : example.recent;
    const RateCounts counts = traffic(example.blocks, example.recent, triple);
    EXPECT_NEAR(dispersion(counts, &history), example.phi, kSixDecimals);
    const SpikeVerdict verdict = spike(counts, &history);
    EXPECT_NEAR(verdict.log10_p, example.log10_p, kSixDecimals);
    EXPECT_STREQ(describe(verdict.reason), describe(example.reason));
    EXPECT_EQ(verdict.flagged, example.reason == Reason::kFlagged);
  }
}

TEST(RateSpike, WorkedExampleOfARamp) {
  RateHistory history = usual_history();
  history.seas5 = 10;
  history.sp5 = 15;
  history.sp15 = 40;
  history.x30 = 344;
  history.sp30 = 70;
  const RateCounts ramp = traffic({30, 32, 35, 38, 40, 42, 45, 47, 50, 52, 55, 57}, 60, 180);
  EXPECT_NEAR(dispersion(ramp, &history), 1.951288, kSixDecimals);

  const SpikeVerdict verdict = spike(ramp, &history);
  EXPECT_TRUE(verdict.flagged);
  EXPECT_TRUE(verdict.level);
  EXPECT_EQ(verdict.reason, Reason::kFlagged);
  EXPECT_EQ(verdict.window, kNoWindow);
  EXPECT_NEAR(verdict.log10_p, -8.380708, kSixDecimals);
  EXPECT_EQ(verdict.window_log10_p[0], 0);
  EXPECT_EQ(verdict.window_log10_p[1], 0);

  EXPECT_EQ(spike(ramp).reason, Reason::kNotAbove);
  history.both_days = false;
  EXPECT_EQ(spike(ramp, &history).reason, Reason::kNotAbove);
}

TEST(RateTest, RawProbabilities) {
  struct Example {
    double x, minutes, b, baseline_minutes, rho, phi, log10_p;
  };
  const std::vector<Example> examples = {
      {30, 5, 60, 60, 1.5, 1, -7.750013},
      {30, 5, 60, 60, 1.5, 2.5, -3.470989},
      {10, 5, 0, 60, 1.5, 1, -9.542425},
      {12, 5, 1, 60, 1.5, 3, -3.558060},
      {2500, 5, 9000, 60, 2, 4, -26.417309},
      {45, 15, 20, 60, 1.5, 1.2, -9.802059},
      {7, 5, 0, 60, 1.5, 1, -6.679698},
      {5, 5, 60, 60, 1.5, 1, 0},
      {1000000, 5, 3000000, 60, 2, 1, -69065.243345},
  };
  for (const Example &e : examples) {
    SCOPED_TRACE(e.x);
    const double log10_p = log10_rate_test(e.x, e.minutes / 5, e.b, e.baseline_minutes / 5, e.rho, e.phi);
    EXPECT_NEAR(log10_p, e.log10_p, kSixDecimals);
  }
}

TEST(RateTest, DependsOnTheRatioOfTheWindowsOnly) {
  EXPECT_NEAR(log10_rate_test(30, 1, 60, 12, 1.5, 2.5), log10_rate_test(30, 2, 60, 24, 1.5, 2.5), 1e-12);
  EXPECT_NEAR(log10_rate_test(30, 1, 60, 12, 3, 2.5), log10_rate_test(30, 2, 60, 12, 1.5, 2.5), 1e-12);
}

// Spikes: the gates

TEST(RateSpike, TenFoldSurgeOverASteadyTenAMinuteAlarms) {
  const SpikeVerdict verdict = spike(traffic(Blocks(12, 50), 500, 600));
  EXPECT_TRUE(verdict.flagged);
  EXPECT_EQ(verdict.window, kRecent);
}

TEST(RateSpike, TwoRowsOnANewEndpointDoNot) {
  const RateCounts counts = traffic(kNothing, 2, 2);
  EXPECT_EQ(spike(counts).reason, Reason::kTooFew);
  EXPECT_FALSE(spike(counts).flagged);
  EXPECT_EQ(spike(traffic(kNothing, 10, 10)).reason, Reason::kNoBaseline);
}

TEST(RateSpike, MostAdvancedReasonIsReported) {
  EXPECT_EQ(spike(traffic(kFiveInEach, 9, 9)).reason, Reason::kTooFew);
  EXPECT_EQ(spike(traffic(kFiveInEach, 9, 19)).reason, Reason::kNotAbove);
  EXPECT_EQ(spike(traffic(kFiveInEach, 9, 23)).reason, Reason::kPeakGuard);  // 22.5 is 1.5 times as many as expected
  EXPECT_EQ(spike(traffic({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 9, 10)).reason, Reason::kPoorBaseline);
}

TEST(RateSpike, ThinBaselineNeedsAHundred) {
  Blocks nineteen(12, 2);
  nineteen[0] = nineteen[1] = 0;
  nineteen[2] = 1;
  EXPECT_EQ(spike(traffic(nineteen, 99, 99)).reason, Reason::kPoorBaseline);
  EXPECT_TRUE(spike(traffic(nineteen, 99, 100)).flagged);
  Blocks twenty = nineteen;
  twenty[2] = 2;
  EXPECT_TRUE(spike(traffic(twenty, 99, 99)).flagged);
}

TEST(RateSpike, HistoryStandsForAnEmptyBaseline) {
  const RateHistory history = usual_history();
  const SpikeVerdict verdict = spike(traffic(kNothing, 200, 200), &history);
  EXPECT_TRUE(verdict.flagged);
  // But an endpoint that is often idle is measured by its busiest time of the day.
  RateHistory bursty = history;
  bursty.pk24_5 = bursty.pk24_15 = 200;
  EXPECT_EQ(spike(traffic(kNothing, 200, 200), &bursty).reason, Reason::kPeakGuard);
  EXPECT_TRUE(spike(traffic(kFiveInEach, 200, 200), &bursty).flagged);
  bursty.pk24_15 = 30;
  EXPECT_EQ(spike(traffic(kNothing, 200, 200), &bursty).window, kTriple);
}

TEST(RateSpike, SeasonalLevelGrowsWithTheWindow) {
  RateHistory history = usual_history();
  history.seas5 = 20;  // 30 in R and 90 in 3R are no news
  EXPECT_EQ(spike(traffic(kFiveInEach, 30, 90), &history).reason, Reason::kSeasonalLevel);
  EXPECT_EQ(spike(traffic(kFiveInEach, 30, 91), &history).window, kTriple);
  EXPECT_EQ(spike(traffic(kFiveInEach, 70, 90), &history).window, kRecent);
}

TEST(RateSpike, DecidingWindowHasTheSmallestProbability) {
  const SpikeVerdict verdict = spike(traffic(kTenInEach, 40, 160));
  EXPECT_EQ(verdict.window, kTriple);
  EXPECT_LT(verdict.window_log10_p[1], verdict.window_log10_p[0]);
  EXPECT_LT(verdict.window_log10_p[0], 0);
  EXPECT_EQ(verdict.log10_p, verdict.window_log10_p[1]);
}

TEST(RateSpike, FleetFactorRaisesTheBaseline) {
  const RateCounts doubled = traffic(Blocks(12, 100), 250, 650);
  EXPECT_TRUE(spike(doubled, nullptr, 1).flagged);
  EXPECT_EQ(spike(doubled, nullptr, 2).reason, Reason::kNotAbove);
  EXPECT_EQ(spike(doubled, nullptr, 0.1).log10_p, spike(doubled, nullptr, 1).log10_p);  // g is at least 1
}

TEST(RateSpike, SensitivityMovesTheThreshold) {
  RatePolicy strict, sensitive;
  strict.rho = 2;
  strict.spike_alpha = 1e-7;
  sensitive.spike_alpha = 1e-5;
  const RateCounts counts = traffic(Blocks(12, 100), 232, 232);  // p lies between the two levels of alpha / 2
  EXPECT_TRUE(spike(counts, nullptr, 1, sensitive).flagged);
  EXPECT_EQ(spike(counts).reason, Reason::kNotSignificant);
  EXPECT_EQ(spike(counts, nullptr, 1, strict).reason, Reason::kNotSignificant);
  EXPECT_GT(spike(counts, nullptr, 1, strict).log10_p, spike(counts).log10_p);
  // The two windows share alpha.
  const SpikeVerdict close = spike(traffic(Blocks(12, 100), 234, 234));
  EXPECT_LT(close.log10_p, -6);
  EXPECT_FALSE(close.flagged);
}

TEST(RateSpike, LevelTestIsForAnEstablishedHalfHour) {
  const RateCounts steady = traffic(kTenInEach, 10, 30);
  RateHistory history = usual_history();
  history.x30 = 300;
  history.sp30 = 20;
  EXPECT_TRUE(spike(steady, &history).level);
  history.sp30 = 19;
  EXPECT_EQ(spike(steady, &history).reason, Reason::kNotAbove);
  history.sp30 = 20;
  history.x30 = 60;  // half of the baseline
  EXPECT_EQ(spike(steady, &history).reason, Reason::kNotAbove);
  history.x30 = 61;
  const SpikeVerdict tested = spike(steady, &history);
  EXPECT_EQ(tested.reason, Reason::kNotSignificant);
  EXPECT_EQ(tested.window, kNoWindow);
  EXPECT_LT(tested.log10_p, 0);
  EXPECT_FALSE(tested.level);
}

TEST(RateSpike, LevelTestHasItsOwnAlphaAndDispersion) {
  const RateCounts steady = traffic(kTenInEach, 10, 30);
  RateHistory history = usual_history();
  history.sp30 = 50;
  history.x30 = 220;
  history.phi24 = 0.5;  // stands for h = 2 all the same
  const SpikeVerdict close = spike(steady, &history);
  EXPECT_NEAR(close.log10_p, log10_incomplete_beta(0.6, 220 / 2., 50 / 2. + 1), 1e-12);
  EXPECT_LT(close.log10_p, -6);
  EXPECT_TRUE(close.level);
  history.phi24 = 1;  // h = 3
  const SpikeVerdict noisy = spike(steady, &history);
  EXPECT_NEAR(noisy.log10_p, log10_incomplete_beta(0.6, 220 / 3., 50 / 3. + 1), 1e-12);
  EXPECT_LT(noisy.log10_p, -3);
  EXPECT_FALSE(noisy.flagged);
}

TEST(RateSpike, LevelTestIsNotNeededWhereAWindowAlarms) {
  RateHistory history = usual_history();
  history.x30 = 300;
  history.sp30 = 20;
  const SpikeVerdict verdict = spike(traffic(kTenInEach, 100, 120), &history);
  EXPECT_TRUE(verdict.flagged);
  EXPECT_FALSE(verdict.level);
  EXPECT_EQ(verdict.window, kRecent);
  EXPECT_EQ(verdict.log10_p, verdict.window_log10_p[0]);
}

TEST(RateSpike, OtherLengths) {
  // Six blocks: an expected 1.5 x 10, so 15 is not above and 16 is.
  const Blocks six(6, 10);
  EXPECT_EQ(spike(traffic(six, 15, 40)).reason, Reason::kNotAbove);
  EXPECT_EQ(spike(traffic(six, 16, 40)).reason, Reason::kPeakGuard);
  EXPECT_TRUE(spike(traffic(six, 100, 120)).flagged);
  // The weight of the prior: 10 of 10 + (J - 2).
  EXPECT_NEAR(dispersion(traffic(six, 0, 0), nullptr), 30.0 / 14, 1e-12);
  EXPECT_NEAR(dispersion(traffic(Blocks(24, 10), 0, 0), nullptr), 1, 1e-12);
}

TEST(RateDispersion, UntrimmedHistoryCountsForAThinBaselineOnly) {
  RateHistory history = usual_history();
  history.phi24u = 8;
  EXPECT_NEAR(dispersion(traffic(kNothing, 0, 0), &history), 10 * 8 / 20.0, 1e-12);
  EXPECT_NEAR(dispersion(traffic(kFiveInEach, 0, 0), &history), 1, 1e-12);
  history.phi24 = 4;
  EXPECT_NEAR(dispersion(traffic(kFiveInEach, 0, 0), &history), 10 * 6 / 20.0, 1e-12);
  // Less than Poisson's dispersion in the past counts as Poisson's.
  const RateCounts uneven = traffic({0, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10}, 0, 0);
  history.phi24 = 0.1;
  const double mean = 50 / 11.0;
  EXPECT_NEAR(dispersion(uneven, &history), (10 + 1.5 * (500 - 11 * mean * mean) / mean) / 20, 1e-12);
}

// Failure clusters

TEST(RateFailure, WorkedExamples) {
  struct Example {
    Settled fifth, recent, triple, twelve, baseline, history;
    double threshold, log10_p;
    RateWindow window;
    bool flagged;
  };
  const std::vector<Example> examples = {
      {{1, 1}, {5, 5}, {5, 15}, {5, 60}, {0, 60}, {}, .05, -5.204120, kRecent, false},
      {{}, {3, 3}, {3, 3}, {3, 3}, {0, 3}, {}, .05, -3.122472, kRecent, false},
      {{}, {1, 1}, {2, 2}, {6, 6}, {4, 4}, {}, .05, -6.244944, kTwelve, true},
      {{4, 20}, {20, 100}, {21, 300}, {30, 1200}, {10, 1200}, {}, .05, -5.717324, kRecent, true},
      {{2, 20}, {12, 100}, {14, 300}, {24, 1200}, {10, 1200}, {}, .05, -1.999558, kRecent, false},
      {{11, 100}, {55, 500}, {105, 1500}, {330, 6000}, {300, 6000}, {}, .099339, -0.584693, kRecent, false},
      {{30, 100}, {150, 500}, {200, 1500}, {425, 6000}, {300, 6000}, {}, .099339, -28.184690, kRecent, true},
      {{5, 10}, {25, 50}, {27, 150}, {36, 600}, {12, 600}, {40, 2000}, .05, -15.304509, kRecent, true},
      {{10, 100}, {50, 500}, {150, 1500}, {600, 6000}, {600, 6000}, {}, .198512, 0, kNoWindow, false},
      {{0, 20}, {0, 100}, {0, 300}, {200, 1200}, {200, 1200}, {}, .3208, 0, kNoWindow, false},
      {{}, {}, {}, {}, {0, 600}, {}, .05, 0, kNoWindow, false},
  };
  for (const Example &e : examples) {
    SCOPED_TRACE(std::to_string(e.recent.failed) + " of " + std::to_string(e.recent.settled) + " after " +
                 std::to_string(e.baseline.failed) + " of " + std::to_string(e.baseline.settled));
    RateHistory history;
    history.f24 = e.history.failed;
    history.n24 = e.history.settled;
    const FailureVerdict verdict = judge_failures(settled(e.fifth, e.recent, e.triple, e.twelve, e.baseline),
                                                  e.history.settled > 0 ? &history : nullptr, kNormal);
    EXPECT_NEAR(verdict.threshold, e.threshold, kSixDecimals);
    EXPECT_NEAR(verdict.log10_p, e.log10_p, kSixDecimals);
    EXPECT_EQ(verdict.window, e.window);
    EXPECT_EQ(verdict.flagged, e.flagged);
    if (e.window != kNoWindow) {
      EXPECT_EQ(verdict.window_log10_p[e.window], verdict.log10_p);
      EXPECT_EQ(verdict.reason, e.flagged ? Reason::kFlagged : Reason::kNotSignificant);
    } else {
      EXPECT_EQ(verdict.reason, e.twelve.failed >= 3 ? Reason::kNotAbove : Reason::kTooFew);
    }
  }
}

TEST(RateFailure, FiftyOfFiftyAfterElevenOfFiveHundredAndFiftyAlarms) {
  const FailureVerdict verdict =
      judge_failures(settled({10, 10}, {50, 50}, {52, 150}, {60, 600}, {11, 550}), nullptr, kNormal);
  EXPECT_TRUE(verdict.flagged);
  EXPECT_EQ(verdict.window, kRecent);
}

TEST(RateFailure, ElevenOfTenThousandWithNoneBeforeDoNot) {
  const FailureVerdict verdict =
      judge_failures(settled({2, 2000}, {11, 10000}, {11, 30000}, {11, 120000}, {0, 120000}), nullptr, kNormal);
  EXPECT_FALSE(verdict.flagged);
  EXPECT_EQ(verdict.reason, Reason::kNotAbove);
}

TEST(RateFailure, TwoFailuresOnANewEndpointDoNot) {
  const FailureVerdict verdict = judge_failures(settled({2, 2}, {2, 2}, {2, 2}, {2, 2}, {0, 0}), nullptr, kNormal);
  EXPECT_FALSE(verdict.flagged);
  EXPECT_EQ(verdict.reason, Reason::kTooFew);
}

TEST(RateFailure, SixStraightFailuresAlarmAndFiveDoNot) {
  EXPECT_FALSE(judge_failures(settled({}, {5, 5}, {5, 5}, {5, 5}, {}), nullptr, kNormal).flagged);
  EXPECT_TRUE(judge_failures(settled({}, {6, 6}, {6, 6}, {6, 6}, {}), nullptr, kNormal).flagged);
}

TEST(RateFailure, TwelveCountsOnlyWhileItsLastQuarterFails) {
  const Settled twelve = {40, 100}, baseline = {39, 100};
  EXPECT_TRUE(judge_failures(settled({}, {}, {2, 4}, twelve, baseline), nullptr, kNormal).flagged);
  EXPECT_FALSE(judge_failures(settled({}, {}, {1, 4}, twelve, baseline), nullptr, kNormal).flagged);
  EXPECT_FALSE(judge_failures(settled({}, {}, {2, 100}, twelve, baseline), nullptr, kNormal).flagged);
}

TEST(RateFailure, TwelveNeedsTwelveBlocks) {
  RateCounts counts = settled({}, {1, 1}, {2, 2}, {6, 6}, {4, 4});
  counts.blocks = 12;
  EXPECT_EQ(judge_failures(counts, nullptr, kNormal).window, kTwelve);
  counts.blocks = 9;
  EXPECT_EQ(judge_failures(counts, nullptr, kNormal).reason, Reason::kTooFew);
}

TEST(RateFailure, ThresholdIsThatOfTheDecidingWindow) {
  // Everything failed an hour ago already, so the part of the baseline before the hour tells 12R what is usual.
  const FailureVerdict verdict = judge_failures(settled({}, {}, {2, 5}, {62, 100}, {70, 110}), nullptr, kNormal);
  EXPECT_EQ(verdict.window, kTwelve);
  EXPECT_NEAR(verdict.threshold, 2 * (10 + 0.5) / (15 + 50), 1e-12);
  // Nothing is tested: that of R.
  EXPECT_NEAR(judge_failures(settled({}, {}, {}, {60, 95}, {70, 110}), nullptr, kNormal).threshold,
              2 * (70 + 0.5) / (110 + 50), 1e-12);
}

TEST(RateFailure, HistoryWeighsAtMostTwoThousand) {
  RateHistory history;
  history.n24 = 1000000;
  history.f24 = 200000;
  const RateCounts none = settled({}, {}, {}, {}, {0, 0});
  EXPECT_NEAR(judge_failures(none, &history, kNormal).threshold, 2 * (400 + 0.5) / (2000 + 50), 1e-12);
  history.f24 = 900000;
  EXPECT_EQ(judge_failures(none, &history, kNormal).threshold, 0.95);
}

// Silence

TEST(RateSilence, ThresholdFromBothSides) {
  RateCounts counts = traffic(Blocks(12, 8), 0, 0);
  counts.baseline = 92;  // 0.8 ^ (92 / 1.5) is 1.1e-6
  SilenceVerdict verdict = judge_silence(counts, nullptr, kNormal, 1.5);
  EXPECT_NEAR(verdict.log10_p, 92 / 1.5 * std::log10(0.8), 1e-9);
  EXPECT_FALSE(verdict.flagged);
  EXPECT_FALSE(verdict.judged);
  EXPECT_EQ(verdict.reason, Reason::kNotSignificant);

  counts.baseline = 93;
  verdict = judge_silence(counts, nullptr, kNormal, 1.5);
  EXPECT_TRUE(verdict.flagged);
  EXPECT_TRUE(verdict.judged);
  EXPECT_EQ(verdict.reason, Reason::kFlagged);

  counts.blocks = 24;  // the window is a ninth
  verdict = judge_silence(counts, nullptr, kNormal, 1.5);
  EXPECT_NEAR(verdict.log10_p, 93 / 1.5 * std::log10(8 / 9.0), 1e-9);
  EXPECT_FALSE(verdict.flagged);
}

TEST(RateSilence, OneDeliveryIsNoSilenceButJudged) {
  const SilenceVerdict verdict = judge_silence(traffic(Blocks(12, 20), 0, 1), nullptr, kNormal, 1.5);
  EXPECT_FALSE(verdict.flagged);
  EXPECT_TRUE(verdict.judged);
  EXPECT_EQ(verdict.reason, Reason::kNotSilent);
}

TEST(RateSilence, QuietQuartersAreUsualHere) {
  const Blocks aligned = {90, 90, 90, 0, 0, 0, 90, 90, 90, 90, 90, 90};
  const Blocks unaligned = {90, 90, 0, 0, 0, 90, 90, 90, 90, 90, 90, 90};
  const SilenceVerdict quiet = judge_silence(traffic(aligned, 0, 0), nullptr, kNormal, 3);
  EXPECT_FALSE(quiet.flagged);
  EXPECT_FALSE(quiet.judged);
  EXPECT_EQ(quiet.log10_p, 0);
  EXPECT_EQ(quiet.reason, Reason::kQuietBaseline);
  EXPECT_TRUE(judge_silence(traffic(unaligned, 0, 0), nullptr, kNormal, 3).flagged);
  EXPECT_EQ(judge_silence(traffic(kNothing, 0, 0), nullptr, kNormal, 3).reason, Reason::kNoBaseline);
}

TEST(RateSilence, SilentDaysBefore) {
  RateHistory history = usual_history();
  const RateCounts counts = traffic(Blocks(12, 20), 0, 0);
  EXPECT_TRUE(judge_silence(counts, &history, kNormal, 1).flagged);
  history.silent_before = true;
  const SilenceVerdict verdict = judge_silence(counts, &history, kNormal, 1);
  EXPECT_FALSE(verdict.flagged);
  EXPECT_FALSE(verdict.judged);
  EXPECT_EQ(verdict.reason, Reason::kSeasonalLevel);
}

// Counts that no scan can give

TEST(RateForged, DifferencesStopAtZero) {
  // More settled in 12R than there can be, and more failed than settled in 3R.
  const FailureVerdict verdict = judge_failures(settled({}, {}, {6, 3}, {6, 50}, {2, 10}), nullptr, kNormal);
  EXPECT_NEAR(verdict.window_log10_p[kTriple], 4.8 * std::log10(2 * 2.5 / 60), 1e-9);
  EXPECT_NEAR(verdict.window_log10_p[kTwelve], log10_incomplete_beta(2 * 2.5 / 50, 4.8, 44 / 1.25 + 1), 1e-9);
}

TEST(RateForged, VerdictsStayFinite) {
  std::mt19937_64 random(20251105);
  const auto count = [&random]() -> std::uint64_t {
    constexpr std::array<std::uint64_t, 6> kEdges = {
        0, 1, 3, 100, std::uint64_t{1} << 53, std::numeric_limits<std::uint64_t>::max()};
    const std::uint64_t draw = random();
    return draw % 2 == 0 ? kEdges[draw / 2 % kEdges.size()] : random() >> draw / 2 % 64;
  };
  const auto real = [&random, &count]() -> double {
    constexpr std::array<double, 5> kEdges = {0, -1, 1e308, std::numeric_limits<double>::infinity(),
                                              std::numeric_limits<double>::quiet_NaN()};
    return random() % 4 == 0 ? kEdges[random() % kEdges.size()] : static_cast<double>(count());
  };
  for (int turn = 0; turn < 20000; ++turn) {
    RateCounts counts;
    counts.blocks = 3 * static_cast<int>(2 + random() % 100);
    for (std::uint64_t *field :
         {&counts.recent, &counts.triple, &counts.baseline, &counts.peak_block, &counts.peak_triple,
          &counts.least_triple, &counts.baseline_settled, &counts.baseline_failed}) {
      *field = count();
    }
    for (int window = 0; window < kRateWindows; ++window) {
      counts.settled[window] = count();
      counts.failed[window] = count();
    }
    counts.baseline_squares = real();
    RateHistory forged;
    forged.seen = forged.both_days = random() % 4 != 0;
    forged.seas5 = real();
    forged.phi24 = real();
    forged.phi24u = real();
    for (std::uint64_t *field : {&forged.sp5, &forged.sp15, &forged.pk24_5, &forged.pk24_15, &forged.x30, &forged.sp30,
                                 &forged.n24, &forged.f24}) {
      *field = count();
    }
    const RateHistory *history = turn % 2 == 0 ? &forged : nullptr;

    const double phi = dispersion(counts, history);
    const SpikeVerdict by_traffic = judge_spike(counts, history, kNormal, phi, real());
    const FailureVerdict by_failures = judge_failures(counts, history, kNormal);
    const SilenceVerdict by_silence = judge_silence(counts, history, kNormal, phi);
    ASSERT_GE(phi, 1) << turn;
    for (const double log10_p : {by_traffic.log10_p, by_failures.log10_p, by_silence.log10_p}) {
      ASSERT_TRUE(std::isfinite(log10_p)) << turn;
      ASSERT_LE(log10_p, 0) << turn;
      ASSERT_FALSE(std::signbit(log10_p) && log10_p == 0) << turn;
    }
    ASSERT_GT(by_failures.threshold, 0) << turn;
    ASSERT_LE(by_failures.threshold, 0.95) << turn;
  }
}

TEST(RateReason, IsAShortPhrase) {
  EXPECT_STREQ(describe(Reason::kNoBaseline), "no baseline");
  EXPECT_STREQ(describe(Reason::kPoorBaseline), "poor baseline");
  EXPECT_STREQ(describe(Reason::kNewEndpoint), "new endpoint");
  EXPECT_STREQ(describe(Reason::kSeasonalLevel), "seasonal level");
  EXPECT_STREQ(describe(Reason::kPeakGuard), "peak guard");
  EXPECT_STREQ(describe(Reason::kNotSignificant), "not significant");
}
