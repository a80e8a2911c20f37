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

Timestamp checked(Timestamp time) {
  if (!IS_VALID_TIMESTAMP(time)) out_of_range();
  return time;
}

// Edges of buckets of months or days: the clock of the zone shows midnight.
class DateEdges {
 public:
  DateEdges(Timestamp since, const Interval *bucket, pg_tz *zone) : bucket_(bucket), zone_(zone) {
    const Timestamp wall = to_wall(since, zone);
    step_ = bucket->month != 0 ? floor_divide(month_of(wall), bucket->month)
                               : floor_divide(floor_divide(wall - kMonday, kDay), bucket->day);
  }

  Timestamp first() const { return edge(step_); }
  Timestamp next(Timestamp) { return edge(++step_); }

 private:
  Timestamp edge(int64 step) const {
    if (bucket_->month != 0) return checked(from_wall(month_start(step * bucket_->month), zone_));
    Timestamp wall = 0;
    if (__builtin_mul_overflow(step, bucket_->day * kDay, &wall) || __builtin_add_overflow(wall, kMonday, &wall)) {
      out_of_range();
    }
    return checked(from_wall(wall, zone_));
  }

  const Interval *bucket_;
  pg_tz *zone_;
  int64 step_ = 0;
};

// Edges of buckets of hours and minutes: the clock shows a multiple of the length since midnight. Each is one length
// behind the one before it, unless the clock is changed in between, and by no multiple of that.
class ClockEdges {
 public:
  ClockEdges(Timestamp since, const Interval *bucket, pg_tz *zone)
      : since_(since), length_(bucket->time), zone_(zone) {}

  Timestamp first() const {
    const Timestamp wall = to_wall(since_, zone_);
    const Timestamp edge = checked(since_ - (wall - floor_wall(wall)));
    if (is_edge(edge)) return edge;
    const Timestamp before_change = from_wall(floor_wall(wall), zone_);
    return before_change <= since_ ? checked(before_change) : edge;
  }

  Timestamp next(Timestamp edge) const {
    Timestamp next = 0;
    if (__builtin_add_overflow(edge, length_, &next)) out_of_range();
    checked(next);
    if (is_edge(next)) return next;
    // What the clock shows again in the hour that it repeats is behind us already.
    Timestamp wall = floor_wall(to_wall(next, zone_));
    while ((next = from_wall(wall, zone_)) <= edge) wall += length_;
    return checked(next);
  }

 private:
  Timestamp floor_wall(Timestamp wall) const { return floor_divide(wall - kMonday, length_) * length_ + kMonday; }
  bool is_edge(Timestamp time) const {
    const Timestamp wall = to_wall(time, zone_);
    return floor_wall(wall) == wall;
  }

  Timestamp since_;
  Duration length_;
  pg_tz *zone_;
};

template <typename Edges>
Buckets collect(Edges edges, Timestamp since, Timestamp until, const Interval *bucket) {
  Buckets buckets = {static_cast<Timestamp *>(palloc((kMostBuckets + 1) * sizeof(Timestamp))), 0};
  buckets.edges[0] = edges.first();
  while (buckets.edges[buckets.count] < until) {
    CHECK_FOR_INTERRUPTS();
    const Timestamp edge = edges.next(buckets.edges[buckets.count]);
    // Where the clock goes back over midnight, `since` may be a time of the day before that is behind the first
    // midnight.
    if (buckets.count == 0 && edge <= since) {
      buckets.edges[0] = edge;
      continue;
    }
    // A change of the clock at midnight may leave nothing of a bucket.
    if (edge == buckets.edges[buckets.count]) continue;
    if (buckets.count == kMostBuckets) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("more than %d buckets of \"%s\"", kMostBuckets,
                             DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(bucket)))),
                      errhint("Take a longer bucket or a shorter period.")));
    }
    buckets.edges[++buckets.count] = edge;
  }
  return buckets;
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
  pg_tz *clock = zone != nullptr ? find_time_zone(zone) : session_timezone;
  return bucket->time != 0 ? collect(ClockEdges(since, bucket, clock), since, until, bucket)
                           : collect(DateEdges(since, bucket, clock), since, until, bucket);
}

}  // namespace insights::pg
