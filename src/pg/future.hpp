// What was stored while the clock was ahead: times that are yet to come count as now.
#pragma once

#include "../core/lifecycle.hpp"
#include "pg.hpp"

namespace insights::pg {

// Whether any time of it, but the end of an acknowledgement, is yet to come.
bool is_of_future(const Incident &incident);
bool is_of_future(const Candidate &candidate);

// The same of all that is stored, as far as anything waits for it: unresolved incidents, the end of resolved ones, and
// the oldest `events`. Between SPI_connect and SPI_finish.
bool holds_future(Oid schema, int events);

// Makes all times that are yet to come those of now. With the incidents locked; between SPI_connect and SPI_finish.
void settle_future(Oid schema);

}  // namespace insights::pg
