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
#include "storage/lwlock.h"
#include "utils/hsearch.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

// Databases without the extension are looked into so many times less often than a worker starts.
constexpr int kAbsentFactor = 10;
// The least time between two looks: of which the first is of use to somebody, and of all others.
constexpr Duration kFirstLookPause = 20 * (kSecond / 1000);
constexpr Duration kLookPause = kSecond;

// PostgreSQL gives it a name since 15.4: DROP DATABASE did not come to its end.
constexpr int kInvalidDatabase = -2;

constexpr const char *kEndedEarly = "it ended before it was done; the server's log says why";

// A database in which a worker may run.
struct Known {
  Oid oid;
  NameData name;
  bool listed;         // when the list was last read
  bool turned_down;    // it has the extension, but there was no record left
  int failures;        // looks in a row that came to nothing
  Duration looked_at;  // 0: not yet
};

HTAB *known = nullptr;
Duration refreshed_at = 0;  // when the list was read
Duration refresh_at = 0;    // and will be next
Duration last_look = 0;
const char *no_looks = nullptr;  // what kept us from the last one; a constant
bool told_of_databases = false;
bool told_of_sources = false;

Known *find_known(Oid database) { return static_cast<Known *>(hash_search(known, &database, HASH_FIND, nullptr)); }

Known *find_or_add_known(Oid database) {
  bool found = false;
  auto *entry = static_cast<Known *>(hash_search(known, &database, HASH_ENTER, &found));
  if (!found) std::memset(static_cast<void *>(entry), 0, sizeof *entry);
  entry->oid = database;
  return entry;
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

Eligibility eligibility_of(const FormData_pg_database &database) {
  if (database.datistemplate) return Eligibility::kTemplate;
  if (!database.datallowconn || database.datconnlimit == kInvalidDatabase) return Eligibility::kClosed;
  return is_listed(NameStr(database.datname)) ? Eligibility::kEligible : Eligibility::kNotListed;
}

void set_up() {
  HASHCTL control = {};
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(Known);
  known = hash_create("anomaly_insights databases", 256, &control, HASH_ELEM | HASH_BLOBS);
}

template <typename Visit>
void visit_known(Visit visit) {
  HASH_SEQ_STATUS status;
  hash_seq_init(&status, known);
  while (auto *entry = static_cast<Known *>(hash_seq_search(&status))) visit(entry);
}

void forget(Oid database) {
  hash_search(known, &database, HASH_REMOVE, nullptr);
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  DatabaseRecord *record = find_database(database);
  if (record != nullptr && record->worker_pid == 0) std::memset(static_cast<void *>(record), 0, sizeof *record);
  LWLockRelease(shared->lock);
}

void read_databases() {
  Relation relation = table_open(DatabaseRelationId, AccessShareLock);
  TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
  while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
    const auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    if (eligibility_of(*database) != Eligibility::kEligible) continue;
    Known *entry = find_or_add_known(database->oid);
    entry->name = database->datname;
    entry->listed = true;
  }
  table_endscan(scan);
  table_close(relation, AccessShareLock);
}

// Takes the records of databases away in which no worker may run any more.
void free_records() {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  for (DatabaseRecord &record : shared->databases) {
    if (OidIsValid(record.database) && record.worker_pid == 0 && find_known(record.database) == nullptr) {
      std::memset(static_cast<void *>(&record), 0, sizeof record);
    }
  }
  LWLockRelease(shared->lock);
}

// When it is time to look into a database.
Duration look_time(const Known &entry) {
  if (entry.looked_at == 0) return last_look + kFirstLookPause;
  const Duration wait =
      entry.failures > 0 ? wait_after(entry.failures, naptime * kSecond) : naptime * kAbsentFactor * kSecond;
  return Max(entry.looked_at + wait, last_look + kLookPause);
}

bool has_record(Oid database) {
  LWLockAcquire(shared->lock, LW_SHARED);
  const bool has = find_database(database) != nullptr;
  LWLockRelease(shared->lock);
  return has;
}

void tell_no_room(Oid database) {
  if (told_of_databases) return;
  told_of_databases = true;
  ereport(LOG, (errmsg("anomaly_insights: no worker for database \"%s\": as many databases have one as "
                       "anomaly_insights.max_databases (%d) says",
                       name_of(database), max_databases),
                errhint("Raise it, and restart the server.")));
}

// Gives a database that has the extension a record.
void add_record(Known *entry) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  entry->turned_down = find_or_add_database(entry->oid) == nullptr;
  LWLockRelease(shared->lock);
  if (entry->turned_down) tell_no_room(entry->oid);
}

// There may be room by now for those that were turned down.
void add_turned_down() {
  bool any = false;
  visit_known([&](Known *entry) {
    if (entry->turned_down) add_record(entry);
    any = any || entry->turned_down;
  });
  if (!any) told_of_databases = false;
}

void refresh(Duration now) {
  visit_known([](Known *entry) { entry->listed = false; });
  read_databases();
  visit_known([](Known *entry) {
    if (!entry->listed) hash_search(known, &entry->oid, HASH_REMOVE, nullptr);
  });
  free_records();
  add_turned_down();
  refreshed_at = now;
  refresh_at = now + naptime * kSecond;
}

// Another process has said that its database has the extension, and found no record free. Once in a second it is worth
// looking whether there is one.
void receive_turned_down() {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  const Oid database = shared->turned_down;
  shared->turned_down = InvalidOid;
  LWLockRelease(shared->lock);
  if (!OidIsValid(database) || !is_still_there(database)) return;
  find_or_add_known(database)->turned_down = true;
  refresh_at = Min(refresh_at, refreshed_at + kSecond);
}

// Under the lock. Whether the record is of a database without the extension, and nobody has said since that it has it.
bool is_of_no_use(const DatabaseRecord &record) { return record.reported && record.absent && !record.woken; }

}  // namespace

Eligibility eligibility_of(Oid database) {
  HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
  if (!HeapTupleIsValid(tuple)) return Eligibility::kGone;
  const Eligibility found = eligibility_of(*reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple)));
  ReleaseSysCache(tuple);
  return found;
}

bool has_worker() { return shared != nullptr && naptime > 0 && eligibility_of(MyDatabaseId) == Eligibility::kEligible; }

const char *name_of(Oid database) {
  const Known *entry = find_known(database);
  return entry != nullptr ? NameStr(entry->name) : psprintf("%u", database);
}

void look_again() {
  refresh_at = 0;
  if (known == nullptr) return;
  visit_known([](Known *entry) {
    if (entry->failures > 0) entry->looked_at = 0;
  });
}

void refresh_databases(Duration now, Duration *next) {
  if (known == nullptr) set_up();
  receive_turned_down();
  if (now >= refresh_at) refresh(now);
  *next = Min(*next, refresh_at);
}

void tell_of_forgotten_runs() {
  const bool forgets = forgets_runs();
  if (forgets && !told_of_sources) {
    ereport(LOG, (errmsg("anomaly_insights: more delivery sources are evaluated than anomaly_insights.max_sources (%d)",
                         max_sources),
                  errdetail("How the evaluations of some went is not remembered."),
                  errhint("Raise it, and restart the server.")));
  }
  told_of_sources = forgets;
}

bool is_still_there(Oid database) {
  HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
  bool there = false;
  if (HeapTupleIsValid(tuple)) {
    const auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
    there = eligibility_of(*form) == Eligibility::kEligible;
    if (there) find_or_add_known(database)->name = form->datname;
    ReleaseSysCache(tuple);
  }
  if (!there) forget(database);
  return there;
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

Oid database_to_look_into(Duration *next) {
  for (;;) {
    // Not when the turn began: what has been looked into since would be looked into after now.
    const Duration now = uptime();
    Known *first = nullptr;
    Duration time = DT_NOEND;
    visit_known([&](Known *entry) {
      const Duration its_time = look_time(*entry);
      if (its_time >= time) return;
      first = entry;
      time = its_time;
    });
    if (first == nullptr || time > now) {
      *next = Min(*next, time);
      return InvalidOid;
    }
    if (!has_record(first->oid)) return first->oid;
    first->looked_at = now;
  }
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

void mark_looked_into(Oid database) {
  no_looks = nullptr;
  last_look = uptime();
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  shared->look = {database, false, false};
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
  if (news) ereport(LOG, (errmsg("anomaly_insights: no worker for database \"%s\": %s", name_of(database), problem)));
}

void note_no_look(Oid database, const char *problem) {
  const bool news = no_looks == nullptr || std::strcmp(no_looks, problem) != 0;
  no_looks = problem;
  last_look = uptime();
  Known *entry = find_or_add_known(database);
  entry->looked_at = last_look;
  entry->failures++;
  if (news) ereport(LOG, (errmsg("anomaly_insights: no database is looked into for the extension: %s", problem)));
}

void note_source_failure(Oid database, const char *source, const char *problem, bool news, Duration wait) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) record->next_start = uptime() + wait;
  LWLockRelease(shared->lock);
  if (!news) return;
  ereport(LOG, (errmsg("anomaly_insights: delivery source \"%s\" of database \"%s\": %s", source, name_of(database),
                       problem)));
}

void note_end(Oid database, bool ended) {
  bool failed = false;
  bool told = false;
  bool news = false;
  WorkerStep step = {};
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) {
    step = record->step;
    record->worker_pid = 0;
    record->step = WorkerStep();
    failed = !record->reported && !ended;
    told = record->told;
    // Code of a source may end the process, and would do so each time.
    if (failed && step.of_source) news = fail_step(database, step, kEndedEarly);
    if (is_of_no_use(*record)) {
      std::memset(static_cast<void *>(record), 0, sizeof *record);
      refresh_at = 0;  // somebody may be waiting for its place
    } else if (record->reported) {
      record->failures = 0;
      record->error[0] = '\0';
      record->next_start = record->woken ? woken_start(*record) : record->last_start + naptime * kSecond;
    }
  }
  LWLockRelease(shared->lock);
  if (failed && step.of_source) {
    // Whoever ended it may be about to drop the database.
    note_source_failure(database, step.name, kEndedEarly, news, kSecond);
  } else if (failed) {
    note_failure(database, told ? nullptr : kEndedEarly);
  }
}

void note_end_of_look(Oid database) {
  LWLockAcquire(shared->lock, LW_SHARED);
  const Look look = shared->look;
  LWLockRelease(shared->lock);
  Known *entry = find_known(database);
  if (entry == nullptr) return;  // dropped meanwhile
  entry->looked_at = uptime();
  entry->failures = look.done ? 0 : entry->failures + 1;
  if (look.found) add_record(entry);
  if (entry->failures != 1) return;
  ereport(LOG,
          (errmsg("anomaly_insights: database \"%s\" cannot be looked into for the extension", NameStr(entry->name)),
           errdetail("The worker ended before it was done; the server's log says why.")));
}

}  // namespace insights::pg
