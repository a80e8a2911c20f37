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

}  // namespace insights::pg
