// Who may evaluate a source, and who may write incidents.
#pragma once

#include "lock_holder.hpp"
#include "own_lock.hpp"

namespace insights::pg {

// Raises 25000 in REPEATABLE READ and SERIALIZABLE, which do not see what the others did; 25006 on a
// standby and in a READ ONLY transaction.
void require_fresh_snapshots(const char *what);

// One tick at a time of a source; until the end of the transaction. False where another session is at it.
bool try_lock_source(Oid schema, const char *source);

// The lock of a source.
LOCKTAG source_lock(Oid schema, const char *source);

// Who else has locked it. Between SPI_connect and SPI_finish.
LockHolder source_holder(Oid schema, const char *source);

// One writer of incidents at a time, until the end of the transaction: that makes the order of events the order of
// commits. Taken before anything is stored, and before anything that a decision to store depends on is read.
void lock_incidents(Oid schema);

// The same; false where another session has it for longer than lock_timeout.
bool wait_for_incidents(Oid schema);

// Who else has it. Between SPI_connect and SPI_finish.
LockHolder incidents_holder(Oid schema);

}  // namespace insights::pg
