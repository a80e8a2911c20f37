// Texts and times as they pass through the core.
#pragma once

#include <cstdint>
#include <string_view>

namespace insights {

// A text that may be missing: data() == nullptr is SQL's NULL, which is not the empty text. The bytes are in whatever
// encoding the caller uses; the core compares and copies them and looks at nothing but ASCII.
using Text = std::string_view;

inline bool is_null(Text text) noexcept { return text.data() == nullptr; }

// The order of keys everywhere: NULL first, then by bytes.
inline int compare(Text a, Text b) noexcept {
  if (is_null(a) || is_null(b)) return static_cast<int>(is_null(b)) - static_cast<int>(is_null(a));
  return a.compare(b);
}

// Names in the order in which reports list them: by bytes, NULL last.
inline bool listed_before(Text a, Text b) noexcept {
  return is_null(a) || is_null(b) ? is_null(b) && !is_null(a) : a < b;
}

// Microseconds since 2000-01-01 00:00:00 UTC, as PostgreSQL's timestamptz; and a length in microseconds.
using Timestamp = std::int64_t;
using Duration = std::int64_t;

// What PostgreSQL takes for a finite timestamp: from the first of these up to, but not including, the second.
constexpr Timestamp kFirstTime = -211813488000000000;
constexpr Timestamp kEndOfTime = 9223371331200000000;

constexpr Duration kSecond = 1000000;
constexpr Duration kMinute = 60 * kSecond;

}  // namespace insights
