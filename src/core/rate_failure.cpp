#include <algorithm>
#include <cmath>

#include "binomial.hpp"
#include "rate.hpp"

namespace insights {

namespace {

constexpr double kLeastFailures = 3;         // in a window that is worth a test
constexpr double kFailureDispersion = 1.25;  // failures come in small clumps: one cause, several deliveries
constexpr double kTolerance = 2;             // a cluster is more than this factor over the usual ratio
constexpr double kLargestThreshold = 0.95;
constexpr double kPriorFailures = 0.5;  // shrinks the ratio of a thin baseline towards 1 %
constexpr double kPriorSettled = 50;
constexpr double kHistoryWeight = 2000;  // history counts as at most this many deliveries

struct Ratio {
  double failed = 0;
  double settled = 0;
};

Ratio in_window(const RateCounts &counts, RateWindow window) {
  return {static_cast<double>(counts.failed[window]), static_cast<double>(counts.settled[window])};
}

// The difference of two parts of a count, which forged counts cannot turn negative.
double without(double whole, double part) { return std::max(0.0, whole - part); }

// The baseline against which a window is tested. 12R overlaps the whole one, by all but its last 3R.
Ratio baseline_of(const RateCounts &counts, RateWindow window) {
  const Ratio whole = {static_cast<double>(counts.baseline_failed), static_cast<double>(counts.baseline_settled)};
  if (window != kTwelve) return whole;
  const Ratio twelve = in_window(counts, kTwelve);
  const Ratio triple = in_window(counts, kTriple);
  return {without(whole.failed, without(twelve.failed, triple.failed)),
          without(whole.settled, without(twelve.settled, triple.settled))};
}

// p*: the largest failure ratio that is nobody's cluster.
double failure_threshold(Ratio baseline, const RateHistory *history, double floor) {
  double failed = baseline.failed + kPriorFailures;
  double settled = baseline.settled + kPriorSettled;
  if (history != nullptr) {
    const double n24 = static_cast<double>(history->n24);
    const double weight = std::min(1.0, kHistoryWeight / std::max(n24, 1.0));
    failed += weight * static_cast<double>(history->f24);
    settled += weight * n24;
  }
  return std::min(kLargestThreshold, std::max(floor, kTolerance * failed / settled));
}

// 12R remembers an outage for long after its end, so it counts only while the last quarter of it fails too.
bool still_fails(const RateCounts &counts, double threshold) {
  const Ratio last = in_window(counts, kTriple);
  return last.failed >= kLeastOngoing && last.failed > threshold * last.settled;
}

bool is_above(const RateCounts &counts, RateWindow window, double threshold) {
  const Ratio now = in_window(counts, window);
  return now.failed > threshold * now.settled && (window != kTwelve || still_fails(counts, threshold));
}

double log10_failure_test(Ratio now, double threshold) {
  return log10_incomplete_beta(threshold, now.failed / kFailureDispersion,
                               without(now.settled, now.failed) / kFailureDispersion + 1);
}

}  // namespace

FailureVerdict judge_failures(const RateCounts &counts, const RateHistory *history, const RatePolicy &policy) {
  FailureVerdict verdict;
  verdict.threshold = failure_threshold(baseline_of(counts, kRecent), history, policy.failure_floor);
  const double usual_threshold = verdict.threshold;

  for (const RateWindow window : {kFifth, kRecent, kTriple, kTwelve}) {
    if (window == kTwelve && counts.blocks < kBlocksForTwelve) break;
    const Ratio now = in_window(counts, window);
    if (now.failed < kLeastFailures) continue;
    const double threshold = window == kTwelve
                                 ? failure_threshold(baseline_of(counts, window), history, policy.failure_floor)
                                 : usual_threshold;
    if (!is_above(counts, window, threshold)) {
      verdict.reason = std::max(verdict.reason, Reason::kNotAbove);
      continue;
    }
    const double log10_p = log10_failure_test(now, threshold);
    verdict.window_log10_p[window] = log10_p;
    verdict.reason = Reason::kNotSignificant;
    if (verdict.window == kNoWindow || log10_p < verdict.log10_p) {
      verdict.window = window;
      verdict.log10_p = log10_p;
      verdict.threshold = threshold;
    }
  }
  verdict.flagged = verdict.window != kNoWindow && verdict.log10_p < std::log10(policy.failure_alpha / kRateWindows);
  if (verdict.flagged) verdict.reason = Reason::kFlagged;
  return verdict;
}

}  // namespace insights
