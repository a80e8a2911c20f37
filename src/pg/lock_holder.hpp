// Who holds a lock of our own, whoever asks and whatever he may see in pg_stat_activity.
#pragma once

#include "pg.hpp"

namespace insights::pg {

struct LockHolder {
  const char *who;    // role and process, or role and prepared transaction; null: nobody
  TimestampTz since;  // when its transaction began (was prepared); 0: unknown
  int pid;            // 0 of a prepared transaction
  bool waits;         // for a lock of another one
};

// The holder of a lock of own_lock.hpp, other than this session. Between SPI_connect and SPI_finish.
LockHolder holder_of_own_lock(Oid table, std::uint32_t number);

}  // namespace insights::pg
