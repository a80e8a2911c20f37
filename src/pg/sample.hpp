// The newest deliveries of a source, over which its mapping is tried.
#pragma once

#include "source.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace insights::pg {

// How many of the newest deliveries are looked at.
constexpr int kSampleRows = 100000;

// " FROM (...) s", the sample with all of its columns, and its places where it has them.
void append_sample(StringInfo query, const Source &source);

// A delivery of the sample on which the mapping raises: what is to be said of it, and of which field.
struct RaisingRow {
  const char *detail;
  const char *field;
};

// The newest such delivery; null where there is none, or no sample can be had. Between SPI_connect and SPI_finish, as
// whoever runs the mapping.
const RaisingRow *find_raising_row(const Source &source);

// The same for each evaluation: what is said of such a delivery, or null. Looks only at what may raise, at the newest
// few, and there only where that takes little; `again`: at the whole sample, since one was found in it before.
const char *find_raising_detail(const Source &source, bool again);

}  // namespace insights::pg
