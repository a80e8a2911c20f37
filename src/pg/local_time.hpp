// Windows on a `timestamp` column, whose wall clock is that of a declared zone.
#pragma once

#include "../core/detection.hpp"
#include "pg.hpp"

namespace insights::pg {

// Raises 22023 where PostgreSQL knows no such zone. By its name: an abbreviation that is no name is none, and of one
// that is both (EET), the zone with its changes is meant.
pg_tz *find_time_zone(const char *zone);

// Raises 22023 where there is no such zone, or it is an abbreviation to AT TIME ZONE. Between SPI_connect and
// SPI_finish.
void require_time_zone(const char *zone);

// When between two times, or within a day of them, the clock of the zone shows what it shows twice; in the current
// context.
struct RepeatedTimes {
  RepeatedTime *list;
  int count;
};
RepeatedTimes repeated_times(const char *zone, Timestamp from, Timestamp until);

// Turns the bounds of (after, until] into wall clock times between which every row lies whose converted time is in the
// window. While the clock does not change they are exact; around a change the window is wider by the change, and the
// rollup's grid drops what is converted to a time outside. `after` may be -infinity. Raises 22023 for an unknown zone.
void widen_to_local(const char *zone, Timestamp *after, Timestamp *until);

}  // namespace insights::pg
