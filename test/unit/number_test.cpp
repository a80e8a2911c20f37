// Numbers as Python rounds and prints them; the expectations are what Python 3 gives.
#include "number.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace insights;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = std::numeric_limits<double>::max();

}  // namespace

TEST(Round2, AsPython) {
  const std::vector<std::pair<double, double>> examples = {
      {12, 12},
      {57.5, 57.5},
      {0, 0},
      {1.0 / 3, 0.33},
      {2.0 / 3, 0.67},
      {0.125, 0.12},
      {0.375, 0.38},
      {0.625, 0.62},
      {2.675, 2.67},
      {1.005, 1.0},
      {1.115, 1.11},
      {2.5, 2.5},
      {0.005, 0.01},
      {0.015, 0.01},
      {0.004999, 0},
      {-0.125, -0.12},
      {-2.675, -2.67},
      {1e22, 1e22},
      {123456789.125, 123456789.12},
      {9007199254740993.0, 9007199254740992.0},
      {5e-324, 0},
      {kLargest, kLargest},
  };
  for (const auto &[value, rounded] : examples) EXPECT_EQ(round2(value), rounded) << value;
}

TEST(Round2, KeepsTheSignOfZeroAndWhatIsNotFinite) {
  EXPECT_TRUE(std::signbit(round2(-0.001)));
  EXPECT_EQ(round2(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(round2(kNaN)));
}

TEST(PythonRepr, AsPython) {
  const std::vector<std::pair<double, std::string>> examples = {
      {12, "12.0"},
      {57.5, "57.5"},
      {0, "0.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {0.1 + 0.2, "0.30000000000000004"},
      {100, "100.0"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {0.000012345, "1.2345e-05"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1e15, "1000000000000000.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e16, "1e+16"},
      {-2.5e16, "-2.5e+16"},
      {1e100, "1e+100"},
      {5e-324, "5e-324"},
      {kLargest, "1.7976931348623157e+308"},
      {-kLargest, "-1.7976931348623157e+308"},
      {kInfinity, "inf"},
      {-kInfinity, "-inf"},
      {kNaN, "nan"},
      {-kNaN, "nan"},
  };
  for (const auto &[value, text] : examples) EXPECT_EQ(python_repr(value), text);
}
