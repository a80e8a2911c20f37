#include "own_lock.hpp"

#include "subtransaction.hpp"

namespace insights::pg {

namespace {

// SQL's functions use 1 and 2.
constexpr std::uint16_t kOwnClass = 3;

bool acquire(Oid table, std::uint32_t number, bool only_try) {
  const LOCKTAG tag = own_lock_tag(table, number);
  return LockAcquire(&tag, ExclusiveLock, false, only_try) != LOCKACQUIRE_NOT_AVAIL;
}

}  // namespace

LOCKTAG own_lock_tag(Oid table, std::uint32_t number) {
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, table, number, kOwnClass);
  return tag;
}

void take_own_lock(Oid table, std::uint32_t number) { acquire(table, number, false); }

bool try_own_lock(Oid table, std::uint32_t number) { return acquire(table, number, true); }

void keep_own_lock(const LOCKTAG &tag) { (void)LockAcquire(&tag, ExclusiveLock, true, false); }

void let_go_own_lock(const LOCKTAG &tag) { LockRelease(&tag, ExclusiveLock, true); }

bool wait_for_own_lock(Oid table, std::uint32_t number) {
  if (try_own_lock(table, number)) return true;
  ErrorData *error = in_subtransaction([&] { take_own_lock(table, number); });
  if (error != nullptr && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) ReThrowError(error);
  return error == nullptr;
}

}  // namespace insights::pg
