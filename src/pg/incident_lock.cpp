#include "incident_lock.hpp"

#include "catalog.hpp"
#include "runs.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "tcop/utility.h"
}

namespace insights::pg {

namespace {

// The number of a source's lock.
std::uint32_t number_of(const char *source) {
  return ::hash_bytes(reinterpret_cast<const unsigned char *>(source), static_cast<int>(std::strlen(source)));
}

}  // namespace

void require_fresh_snapshots(const char *what) {
  PreventCommandDuringRecovery(what);
  PreventCommandIfReadOnly(what);
  if (!IsolationUsesXactSnapshot()) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_STATE),
                  errmsg("%s cannot run in a transaction that is REPEATABLE READ or SERIALIZABLE", what),
                  errdetail("It must see what other sessions did a moment ago."),
                  errhint("Call it in a transaction that is READ COMMITTED, best in one of its own.")));
}

bool try_lock_source(Oid schema, const char *source) {
  wake_turned_away_at_end();
  return try_own_lock(own_table(schema, "delivery_sources"), number_of(source));
}

LOCKTAG source_lock(Oid schema, const char *source) {
  return own_lock_tag(own_table(schema, "delivery_sources"), number_of(source));
}

LockHolder source_holder(Oid schema, const char *source) {
  return holder_of_own_lock(own_table(schema, "delivery_sources"), number_of(source));
}

void lock_incidents(Oid schema) {
  wake_turned_away_at_end();
  take_own_lock(own_table(schema, "anomalies"), 0);
}

bool wait_for_incidents(Oid schema) {
  wake_turned_away_at_end();
  return wait_for_own_lock(own_table(schema, "anomalies"), 0);
}

LockHolder incidents_holder(Oid schema) { return holder_of_own_lock(own_table(schema, "anomalies"), 0); }

}  // namespace insights::pg
