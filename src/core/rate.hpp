// Method `rate`: is what happens at one (tenant, endpoint) significantly more than the allowed factor over its
// baseline, given how noisy it is? Pure functions of a handful of counts; docs/detector.md tells the method.
//
// R is the recent window, B the baseline, J = B / R its blocks of R. "Triple" is the window 3R, "fifth" R/5, "twelve"
// 12R. The baseline is (t - 3R - B, t - 3R]: the two Rs between it and the recent R are a guard band.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace insights {

// The four failure windows, shortest first. kRecent and kTriple are the two traffic windows too.
enum RateWindow : int { kFifth = 0, kRecent = 1, kTriple = 2, kTwelve = 3, kRateWindows = 4, kNoWindow = -1 };

// Lengths in units of R that a window has: 0.2, 1, 3, 12.
constexpr std::array<double, kRateWindows> kWindowLength = {0.2, 1.0, 3.0, 12.0};

// From how many blocks on the window 12R is judged. It fits from nine on, but its null hypothesis is the ratio of what
// the baseline holds before it, and with nine that is nothing at all: a steady 10 % would alarm for ever.
constexpr int kBlocksForTwelve = 12;

constexpr double kLeastRecent = 10;  // deliveries in a traffic window that are worth a test
constexpr double kLeastOngoing = 2;  // failures in 3R without which 12R tells of the past only
// Deliveries in the baseline of a group that counts for the fleet: fewer would make a median of noise.
constexpr std::uint64_t kBusyBaseline = 50;

// What one scan of the last 3R + B gives for one (tenant, endpoint).
struct RateCounts {
  int blocks = 12;                                    // J, at least 6 and a multiple of 3
  std::uint64_t recent = 0;                           // deliveries in R   (x5)
  std::uint64_t triple = 0;                           // deliveries in 3R  (x15)
  std::uint64_t twelve = 0;                           // deliveries in 12R, as far as the baseline reaches
  std::array<std::uint64_t, kRateWindows> settled{};  // n_W: delivered + failed + dead_letter
  std::array<std::uint64_t, kRateWindows> failed{};   // f_W: failed + dead_letter
  std::uint64_t baseline = 0;                         // b: deliveries in the baseline
  double baseline_squares = 0;                        // q: sum over the blocks of their squared counts
  std::uint64_t peak_block = 0;                       // pk5: the largest block
  std::uint64_t peak_triple = 0;                      // pk15: the largest aligned sum of three blocks
  std::uint64_t least_triple = 0;                     // the smallest aligned sum of three blocks
  std::uint64_t baseline_settled = 0;
  std::uint64_t baseline_failed = 0;  // bf
};

// The endpoint's profile of the last eight days, in counts of five minutes; only with R = 5 minutes, B = 60 minutes.
struct RateHistory {
  bool seen = false;                      // any row older than 65 minutes
  double seas5 = 0;                       // seasonal level of five minutes
  std::uint64_t sp5 = 0, sp15 = 0;        // largest counts at this time yesterday and a week ago
  std::uint64_t pk24_5 = 0, pk24_15 = 0;  // largest sliding sums in the 24 hours up to an hour ago
  double phi24 = 1, phi24u = 1;           // dispersion over those hours, trimmed and untrimmed
  std::uint64_t x30 = 0, sp30 = 0;
  std::uint64_t n24 = 0, f24 = 0;  // settled and failed in those hours
  bool both_days = false;          // history of yesterday and of a week ago
  bool silent_before = false;      // yesterday or a week ago was silent at this time
};

// The policy that `anomaly_insights.sensitivity` chooses.
struct RatePolicy {
  double rho = 1.5;             // a spike is more than this factor over the baseline
  double spike_alpha = 1e-6;    // shared by the two traffic windows
  double failure_floor = 0.05;  // a failure ratio up to here is nobody's cluster
  double failure_alpha = 1e-5;  // shared by the four failure windows
  double silence_alpha = 1e-6;
};

// Why a test gave the verdict that it gave. From kTooFew to kNotSignificant in the order of the gates: the verdict on
// several windows has the reason of the one that came furthest.
enum class Reason {
  kFlagged,         // the verdict is yes
  kTooFew,          // fewer than 10 deliveries, or 3 failures: nothing to test
  kNotAbove,        // not above rho times the baseline, or not above p*
  kNoBaseline,      // no delivery in the baseline
  kPoorBaseline,    // fewer than 20 deliveries in it, and fewer than 100 now
  kNewEndpoint,     // never seen before the baseline
  kSeasonalLevel,   // this level is usual at this time
  kPeakGuard,       // what it did within the hour, or at this time yesterday, is no news
  kNotSignificant,  // above, but chance explains it
  kNotSilent,       // there were deliveries
  kQuietBaseline,   // silent quarters are usual here
  kClockChange,     // the times of the deliveries are not what they seem
};

// "not significant" and so on: a short lower-case phrase.
const char *describe(Reason reason);

struct SpikeVerdict {
  bool flagged = false;
  bool level = false;  // found by the level test, not by a window
  Reason reason = Reason::kTooFew;
  RateWindow window = kNoWindow;  // that of the smallest p; none where no test was reached or the level test decided
  double log10_p = 0;             // of the deciding test; 0 where none was reached
  std::array<double, 2> window_log10_p{};  // for R and 3R; 0 where not reached
};

struct FailureVerdict {
  bool flagged = false;
  Reason reason = Reason::kTooFew;
  RateWindow window = kNoWindow;
  double log10_p = 0;
  double threshold = 0;  // p* of the deciding window, else of R
  std::array<double, kRateWindows> window_log10_p{};
};

struct SilenceVerdict {
  bool judged = false;  // traffic is steady enough that silence would mean something
  bool flagged = false;
  Reason reason = Reason::kNotSilent;
  double log10_p = 0;  // of no delivery in 3R; 0 where silent quarters are usual
};

// phi >= 1: how much noisier than Poisson the baseline's blocks are, shrunk towards a prior of 3 (without history).
double dispersion(const RateCounts &counts, const RateHistory *history);

// log10 of I_pi(x/phi, b/phi + 1) with pi = rho w / (rho w + J): the conditional binomial test of two Poisson rates.
// `window` is its length in units of R, `rho` includes the fleet factor. 0 where J x <= rho w b (not above).
double log10_rate_test(double x, double window, double b, double blocks, double rho, double phi);

// The fewest deliveries in a baseline of so many blocks with which silence could be judged, were they as regular as can
// be.
std::uint64_t least_silence_baseline(const RatePolicy &, int blocks);

// Whether any of the tests below could have something to say, or the fleet looks at the group; told from `baseline`,
// `triple` and failed[kTriple] alone. Of most groups, at most times, it is false. `least_silence_baseline` as above.
bool may_matter(const RateCounts &, std::uint64_t least_silence_baseline);

// `fleet_factor` is g >= 1. `history` may be null (R0).
SpikeVerdict judge_spike(const RateCounts &, const RateHistory *history, const RatePolicy &, double phi,
                         double fleet_factor);
FailureVerdict judge_failures(const RateCounts &, const RateHistory *history, const RatePolicy &);
SilenceVerdict judge_silence(const RateCounts &, const RateHistory *history, const RatePolicy &, double phi);

}  // namespace insights
