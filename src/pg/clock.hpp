// Time: what the clock says, which may be set, and what passes whatever it says.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Microseconds since some start, by a clock that nobody sets and that all processes share: of whatever is waited for.
Duration uptime();

// What the clock shows when uptime() is that; 0 for 0.
TimestampTz clock_at(Duration up);

// A time that the clock showed when uptime() was `up` (0: nobody knows). Where it was ahead then, what it should have
// shown.
TimestampTz not_ahead(TimestampTz time, Duration up);

}  // namespace insights::pg
