// Whether the deliveries of a source can be put back in line at all, said before anybody tries.
#pragma once

#include "requeue.hpp"

namespace insights::pg {

struct Possibility {
  const char *obstacle;  // what is in the way of it, or of the current user; null for nothing
  const char *hint;      // what to do; may be null
  Requeue requeue;       // where nothing is in the way
};

// Between SPI_connect and SPI_finish, under kPinnedPath.
Possibility find_possibility(const Source &source);

}  // namespace insights::pg
