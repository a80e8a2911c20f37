#include "own_lock.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace insights::pg {

namespace {

// SQL's functions use 1 and 2.
constexpr std::uint16_t kOwnClass = 3;

bool acquire(Oid table, std::uint32_t number, bool only_try) {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, table, number, kOwnClass);
  return LockAcquire(&tag, ExclusiveLock, false, only_try) != LOCKACQUIRE_NOT_AVAIL;
}

}  // namespace

void take_own_lock(Oid table, std::uint32_t number) { acquire(table, number, false); }

bool try_own_lock(Oid table, std::uint32_t number) { return acquire(table, number, true); }

}  // namespace insights::pg
