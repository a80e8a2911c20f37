// Why single deliveries of a plan would be refused.
#pragma once

#include "requeue.hpp"

namespace insights::pg {

struct Refusal {
  const char *id, *why;
};

// In the order of their ids' bytes.
struct Refusals {
  Refusal *list;
  int count;

  const char *find(Text id) const;  // null for none
};

// Of failed deliveries with these ids, the text of an array. Between SPI_connect and SPI_finish, under kPinnedPath.
Refusals find_refusals(const Source &source, const Requeue &requeue, const char *ids);

}  // namespace insights::pg
