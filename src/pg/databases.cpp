#include "databases.hpp"

#include "../core/backoff.hpp"
#include "clock.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "worker.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "storage/lwlock.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

// Databases without the extension are looked at so many times less often.
constexpr int kAbsentFactor = 10;

struct DatabaseName {
  Oid oid;
  char name[NAMEDATALEN];
};

// The databases in which a worker may run; in the current context.
List *eligible_databases() {
  List *databases = NIL;
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    const auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (!database->datallowconn || database->datistemplate || !is_listed(NameStr(database->datname))) continue;
    auto *name = static_cast<DatabaseName *>(palloc(sizeof(DatabaseName)));
    name->oid = database->oid;
    strlcpy(name->name, NameStr(database->datname), sizeof name->name);
    databases = lappend(databases, name);
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
  return databases;
}

bool contains(const List *databases, Oid database) {
  const ListCell *cell = nullptr;
  foreach (cell, databases) {
    if (static_cast<DatabaseName *>(lfirst(cell))->oid == database) return true;
  }
  return false;
}

}  // namespace

void update_records(Duration first_start) {
  const List *databases = eligible_databases();
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  for (DatabaseRecord &record : shared->databases) {
    if (OidIsValid(record.database) && record.worker_pid == 0 && !contains(databases, record.database)) {
      std::memset(static_cast<void *>(&record), 0, sizeof record);
    }
  }
  const ListCell *cell = nullptr;
  foreach (cell, databases) {
    const Oid oid = static_cast<DatabaseName *>(lfirst(cell))->oid;
    if (find_database(oid) != nullptr) continue;
    DatabaseRecord *free_record = find_database(InvalidOid);
    if (free_record == nullptr) break;  // more than the launcher can look after
    free_record->database = oid;
    free_record->next_start = first_start;
  }
  LWLockRelease(shared->lock);
}

Oid due_database(Duration now, bool (*is_running)(Oid), Duration *next) {
  Oid due = InvalidOid;
  Duration due_since = now;
  LWLockAcquire(shared->lock, LW_SHARED);
  for (const DatabaseRecord &record : shared->databases) {
    if (!OidIsValid(record.database) || is_running(record.database)) continue;
    if (record.next_start > now) {
      *next = Min(*next, record.next_start);
    } else if (!OidIsValid(due) || record.next_start < due_since) {
      due = record.database;
      due_since = record.next_start;
    }
  }
  LWLockRelease(shared->lock);
  return due;
}

void mark_started(Oid database) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) {
    record->last_start = uptime();
    record->step = WorkerStep();
    record->step.since = record->last_start;
    strlcpy(record->step.name, "connecting", sizeof record->step.name);
    record->reported = false;
    record->told = false;
    record->woken = false;
    record->waits = false;
  }
  LWLockRelease(shared->lock);
}

void note_failure(Oid database, const char *problem) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  DatabaseRecord *record = find_database(database);
  bool news = false;
  if (record != nullptr) {
    news = problem != nullptr && std::strcmp(record->error, problem) != 0;
    if (news) strlcpy(record->error, problem, sizeof record->error);
    record->failures++;
    record->next_start = uptime() + wait_after(record->failures, naptime * kSecond);
  }
  LWLockRelease(shared->lock);
  if (news) ereport(LOG, (errmsg("anomaly_insights: no worker for database %u: %s", database, problem)));
}

void note_end(Oid database, bool ended) {
  bool failed = false;
  bool told = false;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) {
    record->worker_pid = 0;
    record->step = WorkerStep();
    failed = !record->reported && !ended;
    told = record->told;
    if (record->reported) {
      record->failures = 0;
      record->error[0] = '\0';
      const int factor = record->absent ? kAbsentFactor : 1;
      record->next_start = record->woken ? woken_start(*record) : record->last_start + naptime * factor * kSecond;
    }
  }
  LWLockRelease(shared->lock);
  if (failed) note_failure(database, told ? nullptr : "it ended before it was done; the server's log says why");
}

void start_next_at_once(Oid database) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) record->next_start = 0;
  LWLockRelease(shared->lock);
}

bool is_listed(const char *database) {
  List *names = NIL;
  // It was checked when it was set.
  if (*worker_databases == '\0' || !SplitIdentifierString(pstrdup(worker_databases), ',', &names)) return true;
  const ListCell *cell = nullptr;
  foreach (cell, names) {
    if (std::strcmp(static_cast<char *>(lfirst(cell)), database) == 0) return true;
  }
  return false;
}

bool has_worker() { return shared != nullptr && naptime > 0 && is_listed(get_database_name(MyDatabaseId)); }

}  // namespace insights::pg
