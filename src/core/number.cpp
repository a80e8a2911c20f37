#include "number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

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

double rounded_ratio(Wide part, Wide whole, int decimals) {
  if (whole == 0) return 0;
  std::int64_t scale = 1;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  const Wide size = part < 0 ? -part : part;
  const Wide rounded = (2 * size * scale + whole) / (2 * whole);
  const double result = static_cast<double>(rounded) / static_cast<double>(scale);
  return part < 0 && rounded != 0 ? -result : result;
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
