#include "lock_holder.hpp"

#include "own_lock.hpp"
#include "statement.hpp"

extern "C" {
#include "access/twophase.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/backend_status.h"
}

namespace insights::pg {

namespace {

const char *role_name(Oid role) {
  const char *name = GetUserNameFromId(role, true);
  return name != nullptr ? name : psprintf("role %u", role);
}

TimestampTz transaction_start(int pid) {
  pgstat_clear_backend_activity_snapshot();
  const int count = pgstat_fetch_stat_numbackends();
  for (int i = 1; i <= count; ++i) {
    const PgBackendStatus *status = AI_BACKEND_STATUS(i);
    if (status->st_procpid == pid) return status->st_xact_start_timestamp;
  }
  return 0;
}

LockHolder holding_process(const PGPROC *process) {
  LockHolder holder = {};
  holder.pid = process->pid;
  holder.waits = process->waitStatus == PROC_WAIT_STATUS_WAITING;
  holder.who = psprintf("%s, process %d", role_name(process->roleId), holder.pid);
  holder.since = transaction_start(holder.pid);
  return holder;
}

LockHolder holding_prepared_transaction(TransactionId number) {
  Parameters parameters;
  parameters.put(XIDOID, TransactionIdGetDatum(number));
  LockHolder holder = {};
  if (parameters.run(
          "SELECT gid::text, prepared::timestamptz, ownerid::oid FROM pg_prepared_xact() WHERE transaction = $1",
          SPI_OK_SELECT) == 0) {
    return holder;  // it is over
  }
  Columns columns(0);
  const Text name = columns.text();
  holder.since = columns.time();
  const char *role = role_name(columns.oid());
  holder.who = psprintf("%s, prepared transaction \"%.*s\"", role, static_cast<int>(name.size()), name.data());
  return holder;
}

}  // namespace

LockHolder holder_of_own_lock(Oid table, std::uint32_t number) {
  const LOCKTAG tag = own_lock_tag(table, number);
  int count = 0;
  // One at most holds it.
  const VirtualTransactionId *holders = GetLockConflicts(&tag, ExclusiveLock, &count);
  if (count == 0) return LockHolder();
  const VirtualTransactionId holder = holders[0];
  const PGPROC *process = AI_PROCESS_OF(holder);
  if (process != nullptr && AI_TRANSACTION_OF(process) == holder.localTransactionId) return holding_process(process);
  // A prepared transaction goes by the number that it had in its session, which is at another one by now.
  bool more = false;
  return holding_prepared_transaction(TwoPhaseGetXidByVirtualXID(holder, &more));
}

}  // namespace insights::pg
