#include "json_text.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "error.hpp"

namespace insights {

namespace {

constexpr std::int64_t kUnixSeconds2000 = 946684800;
constexpr std::size_t kLongestJsonb = (std::size_t{1} << 28) - (std::size_t{1} << 20);

}  // namespace

void check_length(std::string_view written, const char *hint) {
  if (written.size() <= kLongestJsonb) return;
  throw Error(ErrorKind::kLimit, "the report is too long for a JSONB", hint);
}

std::string iso_time(Timestamp time) {
  // Division rounds towards zero, and time before 2000 is negative.
  const std::int64_t seconds = time / kSecond - (time % kSecond < 0 ? 1 : 0) + kUnixSeconds2000;
  const std::time_t unix_time = seconds;
  std::tm parts{};
  if (gmtime_r(&unix_time, &parts) == nullptr) return {};
  char text[64];
  const int year = parts.tm_year + 1900;
  std::snprintf(text, sizeof text, "%s%04d-%02d-%02dT%02d:%02d:%02dZ", year < 0 ? "-" : "", std::abs(year),
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

json time_range(const Window &window) {
  return {{"hours", window.hours}, {"start", iso_time(window.start())}, {"end", iso_time(window.as_of)}};
}

}  // namespace insights
