#include "local_time.hpp"

#include "statement.hpp"

extern "C" {
#include "pgtime.h"
}

namespace insights::pg {

namespace {

// AT TIME ZONE looks for the offset of a wall clock time within a day of it; no zone is further from UTC, or jumps
// further, than that.
constexpr Duration kMargin = 2 * USECS_PER_DAY;

// The least and the greatest offset from UTC, in seconds, that the zone has between two times.
void offsets_between(const pg_tz *zone, pg_time_t from, pg_time_t to, long int *least, long int *greatest) {
  long int before = 0;
  long int after = 0;
  int before_dst = 0;
  int after_dst = 0;
  pg_time_t boundary = 0;
  for (bool first = true;; first = false) {
    const int found = pg_next_dst_boundary(&from, &before, &before_dst, &boundary, &after, &after_dst, zone);
    if (found < 0) elog(ERROR, "could not determine the offsets of a time zone");
    if (first) *least = *greatest = before;
    if (found == 0 || boundary > to) return;
    *least = Min(*least, after);
    *greatest = Max(*greatest, after);
    from = boundary;
  }
}

// 'EET' is an abbreviation of a fixed offset to AT TIME ZONE, and a zone with summer time by its name: the times that
// the two give could differ, so names that are both are refused. Not every system knows such names as zones.
void refuse_abbreviation(const char *zone) {
  Parameters parameters;
  parameters.text(zone);
  if (parameters.read("SELECT FROM pg_timezone_abbrevs WHERE lower(abbrev) = lower($1) AND "
                      "lower($1) NOT IN ('utc', 'gmt')") == 0) {
    return;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("time zone \"%s\" is an abbreviation, which knows no change of the clock", zone),
                  errhint("Give a name from pg_timezone_names, such as Europe/Berlin.")));
}

}  // namespace

pg_tz *find_time_zone(const char *zone) {
  pg_tz *found = pg_tzset(zone);
  if (found == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time zone \"%s\" not recognized", zone),
                    errhint("Give a name from pg_timezone_names, such as Europe/Berlin.")));
  }
  return found;
}

void require_time_zone(const char *zone) {
  // First, since not every system has a zone of such a name, and the error shall be the same.
  refuse_abbreviation(zone);
  find_time_zone(zone);
}

RepeatedTimes repeated_times(const char *zone, Timestamp from, Timestamp until) {
  const pg_tz *clock = find_time_zone(zone);
  pg_time_t next = timestamptz_to_time_t(from - USECS_PER_DAY);
  const pg_time_t end = timestamptz_to_time_t(until + USECS_PER_DAY);
  RepeatedTimes times = {nullptr, 0};
  for (;;) {
    long int before = 0;
    long int after = 0;
    int before_dst = 0;
    int after_dst = 0;
    pg_time_t boundary = 0;
    const int found = pg_next_dst_boundary(&next, &before, &before_dst, &boundary, &after, &after_dst, clock);
    if (found < 0) elog(ERROR, "could not determine the offsets of a time zone");
    if (found == 0 || boundary > end) return times;
    next = boundary;
    if (after >= before) continue;
    const Size size = static_cast<Size>(times.count + 1) * sizeof(RepeatedTime);
    times.list = static_cast<RepeatedTime *>(times.list == nullptr ? palloc(size) : repalloc(times.list, size));
    const Timestamp change = time_t_to_timestamptz(boundary);
    const Duration back = (before - after) * USECS_PER_SEC;
    times.list[times.count++] = {change - back, change + back};
  }
}

void widen_to_local(const char *zone, Timestamp *after, Timestamp *until) {
  long int least = 0;
  long int greatest = 0;
  const Timestamp from = TIMESTAMP_IS_NOBEGIN(*after) ? *until : *after;
  offsets_between(find_time_zone(zone), timestamptz_to_time_t(from - kMargin), timestamptz_to_time_t(*until + kMargin),
                  &least, &greatest);
  if (!TIMESTAMP_IS_NOBEGIN(*after)) *after += least * USECS_PER_SEC;
  *until += greatest * USECS_PER_SEC;
}

}  // namespace insights::pg
