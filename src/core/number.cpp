#include "number.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace insights {

namespace {

// Python writes an exponent below and from these on.
constexpr double kLeastFixed = 1e-4;
constexpr double kLeastScientific = 1e16;

// The longest double in fixed notation has a sign, 309 digits before the point and 2 after it.
using Buffer = std::array<char, 320>;

}  // namespace

double round2(double value) {
  if (!std::isfinite(value)) return value;
  Buffer text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 2);
  double rounded = value;
  std::from_chars(text.data(), written.ptr, rounded);
  return rounded;
}

std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";  // without the sign that to_chars would write
  const double size = std::fabs(value);
  const bool fixed = value == 0 || (size >= kLeastFixed && size < kLeastScientific);
  Buffer buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), written.ptr);
  if (fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string short_number(double value) {
  std::string text = python_repr(round2(value));
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.erase(text.size() - 2);
  return text;
}

}  // namespace insights
