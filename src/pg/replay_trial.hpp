// Which deliveries a CHECK constraint keeps from being put back in line, found out before anybody tries.
#pragma once

#include "requeue.hpp"

namespace insights::pg {

struct Forbidden {
  const char *id;
  const char *why;
  bool uncertain;  // a trigger before the update may yet see to it
};

// A list of Forbidden pointers, of each constraint as many as `most`. `rows` says of which deliveries: FROM and WHERE,
// to which a condition can be added. A constraint that cannot be tried is left out, and so are other relations than
// tables. Between SPI_connect and SPI_finish, under kPinnedPath, as whoever runs the mapping.
List *find_forbidden(const Source &source, const Requeue &requeue, const char *rows, int most);

}  // namespace insights::pg
