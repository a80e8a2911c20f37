// The window of a report over hours.
#pragma once

#include "text.hpp"

namespace insights {

constexpr Duration kHour = 60 * kMinute;

// The longest window of a report: a year of 365 days.
constexpr int kMostHours = 8760;

// (as_of - hours, as_of], and when the report was made.
struct Window {
  Timestamp as_of = 0;
  int hours = 0;
  Timestamp generated_at = 0;

  Timestamp start() const { return as_of - hours * kHour; }
};

}  // namespace insights
