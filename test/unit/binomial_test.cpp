// The incomplete beta function in logarithms, against Boost.Math where that does not underflow.
#include "binomial.hpp"

#include <gtest/gtest.h>

#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>
#include <random>

using namespace insights;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Arguments {
  double x, a, b;
};

// Shapes from 1/10 to 10^5, and x about the mean as often as anywhere.
class RandomArguments {
 public:
  explicit RandomArguments(unsigned seed) : random_(seed) {}

  Arguments next() {
    const double a = std::pow(10, exponent_(random_));
    const double b = std::pow(10, exponent_(random_));
    const double mean = a / (a + b);
    const double part = unit_(random_);
    const bool anywhere = unit_(random_) < 0.5;
    return {anywhere ? part : mean * std::pow(part, 0.2), a, b};
  }

 private:
  std::mt19937 random_;
  std::uniform_real_distribution<double> exponent_{-1, 5};
  std::uniform_real_distribution<double> unit_{0, 1};
};

}  // namespace

TEST(LogIncompleteBeta, AgreesWithBoost) {
  constexpr unsigned kSeed = 1940;
  constexpr double kUnderflow = 1e-290;
  RandomArguments arguments(kSeed);
  int compared = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto [x, a, b] = arguments.next();
    const double expected = boost::math::ibeta(a, b, x);
    if (expected < kUnderflow) continue;
    ++compared;
    const double log_expected = expected < 0.5 ? std::log(expected) : std::log1p(-boost::math::ibetac(a, b, x));
    ASSERT_NEAR(log_incomplete_beta(x, a, b), log_expected, 1e-9 + 1e-11 * std::fabs(log_expected))
        << "seed " << kSeed << ", x " << x << ", a " << a << ", b " << b;
  }
  EXPECT_GT(compared, 3000);
}

TEST(LogIncompleteBeta, IsABinomialTail) {
  EXPECT_NEAR(std::exp(log_incomplete_beta(0.5, 3, 1)), 1. / 8, 1e-15);         // three heads of three
  EXPECT_NEAR(std::exp(log_incomplete_beta(0.5, 2, 2)), 4. / 8, 1e-15);         // at least two
  EXPECT_NEAR(std::exp(log_incomplete_beta(0.5, 1, 3)), 7. / 8, 1e-15);         // at least one
  EXPECT_NEAR(log_incomplete_beta(0.05, 4.8, 1), 4.8 * std::log(0.05), 1e-13);  // x ^ a
  EXPECT_NEAR(log_incomplete_beta(0.05, 1, 7.5), std::log(1 - std::pow(0.95, 7.5)), 1e-13);
}

TEST(LogIncompleteBeta, DoesNotUnderflow) {
  EXPECT_NEAR(log10_incomplete_beta(1. / 7, 1e6, 3e6 + 1), -69065.243345, 5.1e-7);
  EXPECT_EQ(boost::math::ibeta(1e6, 3e6 + 1, 1. / 7), 0);
  EXPECT_NEAR(log_incomplete_beta(1e-300, 1000, 1), 1000 * std::log(1e-300), 1e-6);
}

TEST(LogIncompleteBeta, BothSidesAddUpToOne) {
  for (const double z : {-3., -1., -0.1, 0., 0.1, 1., 3.}) {
    const double a = 3000, b = 7000;
    const double x = 0.3 + z * std::sqrt(0.3 * 0.7 / (a + b));
    EXPECT_NEAR(std::exp(log_incomplete_beta(x, a, b)) + std::exp(log_incomplete_beta(1 - x, b, a)), 1, 1e-12) << z;
  }
}

TEST(LogIncompleteBeta, KeepsItsDigitsForVastCounts) {
  // Four standard deviations below the mean; computed with 40 digits.
  EXPECT_NEAR(log_incomplete_beta(0.49998585786437627, 1e10, 1e10), -10.360101489694445, 1e-9);
  EXPECT_NEAR(log_incomplete_beta(0.49999858578643763, 1e12, 1e12), -10.360101486490587, 1e-8);
}

TEST(LogIncompleteBeta, IsAHalfAtTheMeanOfVastCounts) {
  for (const double size : {1e8, 1e10, 1e14, 1e19}) {
    EXPECT_NEAR(log_incomplete_beta(0.5, size, size), std::log(0.5), 1e-6) << size;
    EXPECT_NEAR(log_incomplete_beta(0.25, size, 3 * size), std::log(0.5), 1e-4) << size;
  }
}

TEST(LogIncompleteBeta, EdgesOfItsArguments) {
  EXPECT_EQ(log_incomplete_beta(0, 2, 3), -kInfinity);
  EXPECT_EQ(log_incomplete_beta(1, 2, 3), 0);
  EXPECT_EQ(log_incomplete_beta(kNaN, 2, 3), 0);
  EXPECT_EQ(log_incomplete_beta(0.5, 0, 3), 0);
  EXPECT_EQ(log_incomplete_beta(0.5, kNaN, 3), 0);
  EXPECT_EQ(log_incomplete_beta(0.5, 2, kNaN), 0);
  const double certain = log_incomplete_beta(1 - 1e-16, 5, 500);
  EXPECT_EQ(certain, 0);
  EXPECT_FALSE(std::signbit(certain));
}

TEST(LogIncompleteBeta, IsMonotonic) {
  double before = -kInfinity;
  for (int i = 1; i < 1000; ++i) {
    const double value = log_incomplete_beta(i / 1000., 40, 60);
    ASSERT_GE(value, before) << i;
    before = value;
  }
}

TEST(IncompleteBetaBelow, IsTheComparisonItStandsFor) {
  RandomArguments arguments(2003);
  int below = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto [x, a, b] = arguments.next();
    const double exact = log_incomplete_beta(x, a, b);
    for (const double log_limit : {std::log(1e-3), exact - 1e-6, exact + 1e-6 + 1e-6 * std::fabs(exact)}) {
      ASSERT_EQ(incomplete_beta_below(x, a, b, log_limit), exact < log_limit) << x << ' ' << a << ' ' << b;
    }
    below += exact < std::log(1e-3) ? 1 : 0;
  }
  EXPECT_GT(below, 1000);
  EXPECT_TRUE(incomplete_beta_below(0, 2, 3, -1));
  EXPECT_FALSE(incomplete_beta_below(kNaN, 2, 3, -1));
  EXPECT_FALSE(incomplete_beta_below(1, 2, 3, -1));
}
