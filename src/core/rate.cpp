#include "rate.hpp"

#include <algorithm>
#include <cmath>

#include "binomial.hpp"

namespace insights {

namespace {

// The blocks of a baseline with fewer deliveries tell too little of their dispersion.
constexpr double kThinBaseline = 20;

// The prior of the dispersion weighs as much as ten blocks.
constexpr double kPriorWeight = 10;
constexpr double kPriorDispersion = 3;

// Squared deviations are scaled up by this: the largest block, which is left out of them, carried its share.
constexpr double kTrimming = 1.5;

double prior_dispersion(const RateCounts &counts, const RateHistory *history) {
  if (history == nullptr) return kPriorDispersion;
  const double prior = std::max(1.0, kTrimming * history->phi24);
  const bool thin = static_cast<double>(counts.baseline) < kThinBaseline;
  return thin ? std::max(prior, history->phi24u) : prior;
}

// Pearson's X^2 of the blocks against their mean, without the largest one: a burst is no news to the peak guard, and
// must not hide the next one from the test.
double trimmed_pearson(const RateCounts &counts) {
  const double others = counts.blocks - 1;
  const double peak = static_cast<double>(counts.peak_block);
  const double mean = std::max(0.0, static_cast<double>(counts.baseline) - peak) / others;
  if (mean <= 0) return 0;
  const double deviations = std::max(0.0, counts.baseline_squares - peak * peak - others * mean * mean);
  return kTrimming * deviations / mean;
}

// The lower tail of the rate test at no delivery in 3R: P(0 | b / phi), each with probability 3 / (3 + J).
double log10_silence_test(const RateCounts &counts, double phi) {
  const double deliveries = static_cast<double>(counts.baseline) / phi;
  return std::min(0.0, deliveries * std::log10(counts.blocks / (kWindowLength[kTriple] + counts.blocks)));
}

Reason why_no_silence(const RateCounts &counts, bool usual) {
  if (counts.triple > 0) return Reason::kNotSilent;
  if (counts.baseline == 0) return Reason::kNoBaseline;
  if (counts.least_triple == 0) return Reason::kQuietBaseline;
  return usual ? Reason::kSeasonalLevel : Reason::kNotSignificant;
}

}  // namespace

const char *describe(Reason reason) {
  switch (reason) {
    case Reason::kFlagged:
      return "flagged";
    case Reason::kTooFew:
      return "too few";
    case Reason::kNotAbove:
      return "not above";
    case Reason::kNoBaseline:
      return "no baseline";
    case Reason::kPoorBaseline:
      return "poor baseline";
    case Reason::kNewEndpoint:
      return "new endpoint";
    case Reason::kSeasonalLevel:
      return "seasonal level";
    case Reason::kPeakGuard:
      return "peak guard";
    case Reason::kNotSignificant:
      return "not significant";
    case Reason::kNotSilent:
      return "not silent";
    case Reason::kQuietBaseline:
      return "quiet baseline";
    case Reason::kClockChange:
      return "clock change";
  }
  return "unknown";
}

double dispersion(const RateCounts &counts, const RateHistory *history) {
  const double freedom = counts.blocks - 2;
  const double pooled =
      (kPriorWeight * prior_dispersion(counts, history) + trimmed_pearson(counts)) / (kPriorWeight + freedom);
  return std::max(1.0, pooled);
}

std::uint64_t least_silence_baseline(const RatePolicy &policy, int blocks) {
  // The dispersion is at least 1.
  return 1 + static_cast<std::uint64_t>(std::log10(policy.silence_alpha) /
                                        std::log10(blocks / (kWindowLength[kTriple] + blocks)));
}

bool may_matter(const RateCounts &counts, std::uint64_t least_silence_baseline) {
  return counts.baseline >= std::min(least_silence_baseline, kBusyBaseline) ||
         static_cast<double>(counts.triple) >= kLeastRecent ||
         static_cast<double>(counts.failed[kTriple]) >= kLeastOngoing;
}

double log10_rate_test(double x, double window, double b, double blocks, double rho, double phi) {
  const double weight = rho * window;
  if (!(blocks * x > weight * b)) return 0;
  return log10_incomplete_beta(weight / (weight + blocks), x / phi, b / phi + 1);
}

SilenceVerdict judge_silence(const RateCounts &counts, const RateHistory *history, const RatePolicy &policy,
                             double phi) {
  SilenceVerdict verdict;
  const bool steady = counts.least_triple > 0;
  const bool usual = history != nullptr && history->silent_before;
  if (steady) verdict.log10_p = log10_silence_test(counts, phi);
  const bool telling = verdict.log10_p < std::log10(policy.silence_alpha);
  verdict.judged = telling && !usual;
  verdict.flagged = verdict.judged && counts.triple == 0;

  verdict.reason = verdict.flagged ? Reason::kFlagged : why_no_silence(counts, usual);
  return verdict;
}

}  // namespace insights
