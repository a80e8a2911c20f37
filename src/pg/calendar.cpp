#include "calendar.hpp"

#include "local_time.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/datetime.h"
}

namespace insights::pg {

namespace {

constexpr Duration kDay = 24 * 60 * kMinute;
constexpr Duration kLongestDays = 365000;  // of a bucket: far beyond any that makes sense, and far from overflow
constexpr Timestamp kMonday = 2 * kDay;    // 2000-01-03: the epoch is a Saturday

[[noreturn]] void bad_bucket(const Interval *bucket, const char *problem) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("bucket %s: \"%s\"", problem,
                         DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(bucket)))),
                  errhint("For instance '1 hour', '1 day', '7 days' or '1 month'.")));
  pg_unreachable();
}

void check_bucket(const Interval *bucket) {
  const int units = (bucket->month != 0 ? 1 : 0) + (bucket->day != 0 ? 1 : 0) + (bucket->time != 0 ? 1 : 0);
  if (units > 1) bad_bucket(bucket, "must be of months, of days or of hours and minutes, not of several");
  if (units == 0 || bucket->month < 0 || bucket->day < 0 || bucket->time < 0) bad_bucket(bucket, "must be positive");
  if (bucket->time != 0 && bucket->time < kMinute) bad_bucket(bucket, "must be at least a minute");
  if (bucket->month > kLongestDays / 30 || bucket->day > kLongestDays || bucket->time > kLongestDays * kDay) {
    bad_bucket(bucket, "is too long");
  }
}

[[noreturn]] void out_of_range() {
  ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("a bucket reaches beyond the last timestamp"),
                  errhint("Give since and until of deliveries.")));
  pg_unreachable();
}

// What the clock of the zone shows. By the zone's own rules, not by SQL's AT TIME ZONE, to which the name of a zone
// that is also an abbreviation (CET) means a fixed offset.
Timestamp to_wall(Timestamp time, pg_tz *zone) {
  struct pg_tm parts;
  fsec_t fraction = 0;
  int offset = 0;
  Timestamp wall = 0;
  if (timestamp2tm(time, &offset, &parts, &fraction, nullptr, zone) != 0 ||
      tm2timestamp(&parts, fraction, nullptr, &wall) != 0) {
    out_of_range();
  }
  return wall;
}

// An instant at which the clock of the zone shows `wall`, or would have, where it leaps over it.
Timestamp any_from_wall(Timestamp wall, pg_tz *zone) {
  struct pg_tm parts;
  fsec_t fraction = 0;
  Timestamp time = 0;
  if (timestamp2tm(wall, nullptr, &parts, &fraction, nullptr, nullptr) != 0) out_of_range();
  int offset = DetermineTimeZoneOffset(&parts, zone);
  if (tm2timestamp(&parts, fraction, &offset, &time) != 0) out_of_range();
  return time;
}

// The first instant at which the clock of the zone shows `wall`. Where it goes back over that, any_from_wall() gives
// the second; the first one is seen with the offset of the day before.
Timestamp from_wall(Timestamp wall, pg_tz *zone) {
  const Timestamp usual = any_from_wall(wall, zone);
  const Timestamp day_before = usual - kDay;
  if (!IS_VALID_TIMESTAMP(day_before)) return usual;
  const Timestamp first = wall - (to_wall(day_before, zone) - day_before);
  return first < usual && to_wall(first, zone) == wall ? first : usual;
}

int64 floor_divide(int64 value, int64 divisor) { return value / divisor - (value % divisor < 0 ? 1 : 0); }

// The first instant of the month, counted from January 2000.
Timestamp month_start(int64 month) {
  const int64 year = floor_divide(month, 12);
  const int days =
      date2j(static_cast<int>(2000 + year), static_cast<int>(month - year * 12) + 1, 1) - POSTGRES_EPOCH_JDATE;
  return days * kDay;
}

int64 month_of(Timestamp wall) {
  int year = 0, month = 0, day = 0;
  j2date(static_cast<int>(floor_divide(wall, kDay)) + POSTGRES_EPOCH_JDATE, &year, &month, &day);
  return (static_cast<int64>(year) - 2000) * 12 + month - 1;
}

// How the edges follow each other: edge(i) for i from first on.
struct Steps {
  const Interval *bucket;
  pg_tz *zone;
  int64 first;
  Timestamp origin;  // of buckets of equal length

  Timestamp edge(int64 step) const {
    Timestamp time = 0;
    if (bucket->month != 0) {
      time = from_wall(month_start(step * bucket->month), zone);
    } else if (__builtin_mul_overflow(step, bucket->day != 0 ? bucket->day * kDay : bucket->time, &time) ||
               __builtin_add_overflow(time, bucket->day != 0 ? kMonday : origin, &time)) {
      out_of_range();
    } else if (bucket->day != 0) {
      time = from_wall(time, zone);
    }
    if (!IS_VALID_TIMESTAMP(time)) out_of_range();
    return time;
  }
};

Steps plan_steps(Timestamp since, const Interval *bucket, pg_tz *zone) {
  const Timestamp wall = to_wall(since, zone);
  Steps steps = {bucket, zone, 0, 0};
  if (bucket->month != 0) {
    steps.first = floor_divide(month_of(wall), bucket->month);
  } else if (bucket->day != 0) {
    steps.first = floor_divide(floor_divide(wall - kMonday, kDay), bucket->day);
  } else {
    steps.origin = kMonday - (wall - since);
    steps.first = floor_divide(since - steps.origin, bucket->time);
  }
  return steps;
}

}  // namespace

Buckets make_buckets(Timestamp since, Timestamp until, const Interval *bucket, const char *zone) {
  check_bucket(bucket);
  if (since >= until) {
    const char *since_text = pstrdup(timestamptz_to_str(since));  // which reuses its buffer
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("since must be before until, not \"%s\" against \"%s\"", since_text, timestamptz_to_str(until)),
             errhint("Deliveries are counted from since up to, but not including, until.")));
  }
  Steps steps = plan_steps(since, bucket, zone != nullptr ? find_time_zone(zone) : session_timezone);
  // Where the clock goes back over midnight, `since` may be a time of the day before that is behind the first midnight.
  while (steps.edge(steps.first + 1) <= since) ++steps.first;
  Buckets buckets = {static_cast<Timestamp *>(palloc((kMostBuckets + 1) * sizeof(Timestamp))), 0};
  buckets.edges[0] = steps.edge(steps.first);
  for (int64 step = steps.first + 1; buckets.edges[buckets.count] < until; ++step) {
    CHECK_FOR_INTERRUPTS();
    if (buckets.count == kMostBuckets) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("more than %d buckets of \"%s\"", kMostBuckets,
                             DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(bucket)))),
                      errhint("Take a longer bucket or a shorter period.")));
    }
    const Timestamp edge = steps.edge(step);
    // A change of the clock at midnight may leave nothing of a bucket.
    if (edge > buckets.edges[buckets.count]) buckets.edges[++buckets.count] = edge;
  }
  return buckets;
}

}  // namespace insights::pg
