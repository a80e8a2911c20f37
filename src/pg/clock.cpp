#include "clock.hpp"

extern "C" {
#include "portability/instr_time.h"
}

namespace insights::pg {

Duration uptime() {
  instr_time now;
  INSTR_TIME_SET_CURRENT(now);
  return static_cast<Duration>(INSTR_TIME_GET_MICROSEC(now));
}

TimestampTz clock_at(Duration up) { return up == 0 ? 0 : GetCurrentTimestamp() + (up - uptime()); }

TimestampTz not_ahead(TimestampTz time, Duration up) {
  const TimestampTz now = GetCurrentTimestamp();
  if (time <= now) return time;
  return up == 0 ? now : Min(clock_at(up), now);
}

}  // namespace insights::pg
