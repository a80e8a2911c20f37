#include <algorithm>
#include <cmath>
#include <optional>

#include "binomial.hpp"
#include "rate.hpp"

namespace insights {

namespace {

constexpr double kThinBaseline = 20;     // a baseline with fewer says little ...
constexpr double kPlainlyMany = 100;     // ... unless this many come now
constexpr double kSeasonalFactor = 1.5;  // over the level that is usual at this time
constexpr double kPeakGuardAlpha = 1e-3;

constexpr double kLevelLeast = 20;  // deliveries in the 30 minutes of the days before
constexpr double kLevelProbability = kSeasonalFactor / (kSeasonalFactor + 1);  // two windows of equal length
constexpr double kLevelAlpha = 1e-6;
constexpr double kLevelBlocks = 6;  // 30 minutes, in blocks of R = 5 minutes
constexpr double kTrimming = 1.5;   // undoes that phi24 leaves the largest block of each hour out

// One evaluation: what all of its tests need.
struct SpikeTest {
  const RateCounts &counts;
  const RateHistory *history;
  double rho;  // the policy's factor times that of the fleet
  double phi;
  double b;

  double recent(RateWindow window) const;
  double reference_peak(RateWindow window) const;
  bool is_news(double x, double peak) const;
  std::optional<Reason> stopped_by(RateWindow window) const;
};

double SpikeTest::recent(RateWindow window) const {
  return static_cast<double>(window == kRecent ? counts.recent : counts.triple);
}

// The largest that this endpoint did in a window of the same length when nothing was wrong.
double SpikeTest::reference_peak(RateWindow window) const {
  const bool single = window == kRecent;
  std::uint64_t peak = single ? counts.peak_block : counts.peak_triple;
  if (history != nullptr) {
    peak = std::max(peak, single ? history->sp5 : history->sp15);
    if (b < kThinBaseline) peak = std::max(peak, single ? history->pk24_5 : history->pk24_15);
  }
  return static_cast<double>(peak);
}

// Whether x is significantly more than the peak. The dispersion counts by its root only: a peak is the largest of
// many blocks and has most of the noise in it already.
bool SpikeTest::is_news(double x, double peak) const {
  const double scale = std::sqrt(phi);
  return x > peak && incomplete_beta_below(0.5, x / scale, peak / scale + 1, std::log(kPeakGuardAlpha));
}

// The first gate that the window does not pass, if any.
std::optional<Reason> SpikeTest::stopped_by(RateWindow window) const {
  const double x = recent(window);
  const double length = kWindowLength[window];
  if (x < kLeastRecent) return Reason::kTooFew;
  if (!(counts.blocks * x > rho * length * b)) return Reason::kNotAbove;
  if (history == nullptr) {
    if (counts.baseline == 0) return Reason::kNoBaseline;
    if (b < kThinBaseline && x < kPlainlyMany) return Reason::kPoorBaseline;
  } else {
    if (!history->seen) return Reason::kNewEndpoint;
    if (!(x > kSeasonalFactor * history->seas5 * length)) return Reason::kSeasonalLevel;
  }
  if (!is_news(x, reference_peak(window))) return Reason::kPeakGuard;
  return std::nullopt;
}

// Whether the last half hour is to be compared with those of the days before, and is above them and the baseline.
bool level_is_tested(const RateCounts &counts, const RateHistory &history) {
  const double x30 = static_cast<double>(history.x30);
  const double sp30 = static_cast<double>(history.sp30);
  return history.both_days && sp30 >= kLevelLeast && x30 > kSeasonalFactor * sp30 &&
         counts.blocks * x30 > kLevelBlocks * static_cast<double>(counts.baseline);
}

// Finds slow ramps, which drag their own baseline along.
double log10_level_test(const RateHistory &history) {
  const double scale = 2 * std::max(1.0, kTrimming * history.phi24);
  return log10_incomplete_beta(kLevelProbability, static_cast<double>(history.x30) / scale,
                               static_cast<double>(history.sp30) / scale + 1);
}

void judge_windows(const SpikeTest &test, double alpha, SpikeVerdict &verdict) {
  for (const RateWindow window : {kRecent, kTriple}) {
    if (const auto reason = test.stopped_by(window)) {
      verdict.reason = std::max(verdict.reason, *reason);  // the reasons are in the order of the gates
      continue;
    }
    const double log10_p =
        log10_rate_test(test.recent(window), kWindowLength[window], test.b, test.counts.blocks, test.rho, test.phi);
    verdict.window_log10_p[window == kRecent ? 0 : 1] = log10_p;
    verdict.reason = Reason::kNotSignificant;
    if (verdict.window == kNoWindow || log10_p < verdict.log10_p) {
      verdict.window = window;
      verdict.log10_p = log10_p;
    }
  }
  verdict.flagged = verdict.window != kNoWindow && verdict.log10_p < std::log10(alpha / 2);
}

void judge_level(const RateHistory &history, SpikeVerdict &verdict) {
  const double log10_p = log10_level_test(history);
  verdict.level = verdict.flagged = log10_p < std::log10(kLevelAlpha);
  verdict.reason = Reason::kNotSignificant;
  if (verdict.level || log10_p < verdict.log10_p) {
    verdict.window = kNoWindow;
    verdict.log10_p = log10_p;
  }
}

}  // namespace

SpikeVerdict judge_spike(const RateCounts &counts, const RateHistory *history, const RatePolicy &policy, double phi,
                         double fleet_factor) {
  const double rho = policy.rho * std::max(1.0, fleet_factor);
  const SpikeTest test{counts, history, rho, phi, static_cast<double>(counts.baseline)};

  SpikeVerdict verdict;
  judge_windows(test, policy.spike_alpha, verdict);
  if (!verdict.flagged && history != nullptr && level_is_tested(counts, *history)) judge_level(*history, verdict);
  if (verdict.flagged) verdict.reason = Reason::kFlagged;
  return verdict;
}

}  // namespace insights
