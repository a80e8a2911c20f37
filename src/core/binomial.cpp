#include "binomial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace insights {

namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kTiny = 1e-300;     // stands for a zero denominator, so that Lentz's method can go on
constexpr double kAccuracy = 1e-15;  // of the continued fraction

// A few dozen terms do, but at the mean it takes half the square root of the counts. The limit is met only beyond 1e9
// events, and there only within a few hundredths of a standard deviation of the mean.
constexpr int kMostTerms = 5000;

double away_from_zero(double value) { return std::fabs(value) < kTiny ? kTiny : value; }

// What Stirling's formula lacks: ln gamma(z) - ((z - 1/2) ln z - z + ln(2 pi) / 2).
double stirling_error(double z) {
  if (z < 16) {
    int sign = 0;  // lgamma writes it into a global; its reentrant form does not
    return lgamma_r(z, &sign) - ((z - 0.5) * std::log(z) - z + 0.5 * std::log(kTwoPi));
  }
  const double s = 1 / (z * z);
  return (1. / 12 - s * (1. / 360 - s * (1. / 1260 - s * (1. / 1680 - s / 1188)))) / z;
}

// k ln(expected / k), where difference = expected - k is known better than the two.
double log_ratio_power(double k, double expected, double difference) {
  return k * (std::fabs(difference) < k / 2 ? std::log1p(difference / k) : std::log(expected / k));
}

// a ln(n x / a) + b ln(n y / b) with n = a + b, x = 1 - y: minus the deviance. It is Chernoff's bound of ln I_x(a, b)
// below the mean a / n, for any a and b: with G_a, G_b gamma variables, I_x(a, b) = P(y G_a < x G_b).
double minus_deviance(double x, double y, double a, double b) {
  const double n = a + b;
  const double difference = b * x - a * y;  // n x - a, and a - n x = n y - b
  return log_ratio_power(a, n * x, difference) + log_ratio_power(b, n * y, -difference);
}

// The continued fraction of the incomplete beta function: the even part of 1 / (1 + d1 / (1 + d2 / (1 + ..., that is
// two of its steps in one, by the modified Lentz method. 0 if it has not converged.
double beta_fraction(double x, double a, double b) {
  double odd = -(a + b) * x / (a + 1);  // d1, d3, ...
  double c = away_from_zero(1 + odd);
  double d = 0;
  double fraction = c;
  for (int m = 1; m <= kMostTerms; ++m) {
    const double a_2m = a + 2 * m;
    const double even = m * (b - m) * x / ((a_2m - 1) * a_2m);  // d2, d4, ...
    const double numerator = -odd * even;
    odd = -(a + m) * (a + b + m) * x / (a_2m * (a_2m + 1));
    const double denominator = 1 + even + odd;
    d = 1 / away_from_zero(denominator + numerator * d);
    c = away_from_zero(denominator + numerator / c);
    const double factor = c * d;
    fraction *= factor;
    if (std::fabs(factor - 1) < kAccuracy) return 1 / fraction;
  }
  return 0;
}

// ln I_x(a, b) where x = 1 - y is not above the bulk: the binomial term by Stirling's formula, times the fraction.
// Differences of lgamma would lose the digits of a vast number of events.
double log_lower_tail(double x, double y, double a, double b) {
  const double fraction = beta_fraction(x, a, b);
  if (fraction <= 0) return std::log(0.5);  // at the mean of a vast number of events: see kMostTerms
  const double n = a + b;
  const double log_tail = minus_deviance(x, y, a, b) + stirling_error(n) - stirling_error(a) - stirling_error(b) +
                          std::log(fraction * std::sqrt(b / (kTwoPi * a * n)));
  return std::min(0.0, log_tail);
}

}  // namespace

double log_incomplete_beta(double x, double a, double b) {
  if (x <= 0) return -std::numeric_limits<double>::infinity();
  if (!(x < 1 && a > 0 && b > 0)) return 0;  // x = 1, and what is out of range proves nothing

  const double y = 1 - x;
  // The fraction converges fast up to here, which is near the mean a / (a + b).
  if (x <= (a + 1) / (a + b + 2)) return log_lower_tail(x, y, a, b);
  return std::min(0.0, std::log1p(-std::exp(log_lower_tail(y, x, b, a))));
}

double log10_incomplete_beta(double x, double a, double b) { return log_incomplete_beta(x, a, b) / std::log(10.0); }

bool incomplete_beta_below(double x, double a, double b, double log_limit) {
  const bool below_mean = x * (a + b) < a;
  if (x > 0 && below_mean && minus_deviance(x, 1 - x, a, b) < log_limit) return true;
  return log_incomplete_beta(x, a, b) < log_limit;
}

}  // namespace insights
