// Calendar buckets in a time zone.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// A series has no more buckets than this.
constexpr int kMostBuckets = 10000;

// Buckets from the one that holds `since` to the one that ends at or after `until`.
struct Buckets {
  Timestamp *edges;  // palloc'd, strictly increasing
  int count;         // of buckets: there is one more edge
};

// Buckets of months are aligned to January 2000, of days (and weeks) to Monday 2000-01-03, both on the wall clock of
// the zone, whatever its changes. Buckets of hours and less are aligned to the same midnight: those that divide a day
// begin with it. They have the same length all but around a change of the clock by no multiple of it, which makes one
// longer or shorter. A null zone is the session's. Raises 22023 for a bucket that is shorter than a minute or mixes
// units, for since >= until, an unknown zone, and more than kMostBuckets.
Buckets make_buckets(Timestamp since, Timestamp until, const Interval *bucket, const char *zone);

}  // namespace insights::pg
