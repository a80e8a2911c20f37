#include "runs.hpp"

#include "../core/backoff.hpp"
#include "actor.hpp"
#include "catalog.hpp"
#include "clock.hpp"
#include "databases.hpp"
#include "incident_lock.hpp"
#include "settings.hpp"
#include "statement.hpp"
#include "worker.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace insights::pg {

Shared *shared = nullptr;

namespace {

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;
bool callback_registered = false;

// What the end of the transaction brings about.
struct AtEnd {
  bool held;      // somebody may wait for a lock of ours
  List *changed;  // hashes of sources, in the transaction's memory
};
AtEnd at_end = {};

// A source of which nothing is heard for so long is not evaluated any more.
constexpr Duration kInUse = 60 * kMinute;

constexpr const char *kTranche = "anomaly_insights";

Size runs_size() { return MAXALIGN(mul_size(static_cast<Size>(max_sources), sizeof(RunRecord))); }

Size shared_size() {
  const Size databases = mul_size(static_cast<Size>(max_databases), sizeof(DatabaseRecord));
  return add_size(add_size(MAXALIGN(sizeof(Shared)), runs_size()), databases);
}

void request() {
  if (previous_request_hook != nullptr) previous_request_hook();
  RequestAddinShmemSpace(shared_size());
  RequestNamedLWLockTranche(kTranche, 1);
}

void start() {
  if (previous_startup_hook != nullptr) previous_startup_hook();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found = false;
  shared = static_cast<Shared *>(ShmemInitStruct("anomaly_insights", shared_size(), &found));
  if (!found) {
    std::memset(static_cast<void *>(shared), 0, shared_size());
    shared->lock = &GetNamedLWLockTranche(kTranche)->lock;
    char *records = reinterpret_cast<char *>(shared) + MAXALIGN(sizeof(Shared));
    shared->runs = {reinterpret_cast<RunRecord *>(records), max_sources};
    shared->databases = {reinterpret_cast<DatabaseRecord *>(records + runs_size()), max_databases};
  }
  LWLockRelease(AddinShmemInitLock);
}

std::uint64_t hash_of(const char *source) {
  return hash_bytes_extended(reinterpret_cast<const unsigned char *>(source), static_cast<int>(std::strlen(source)), 0);
}

// The record of a source; with `create`, a free one or the one that was not touched for longest.
RunRecord *find_run(Oid database, std::uint64_t source_hash, bool create) {
  RunRecord *oldest = shared->runs.first;
  for (RunRecord &run : shared->runs) {
    if (run.database == database && run.source_hash == source_hash) return &run;
    if (run.touched < oldest->touched) oldest = &run;
  }
  if (!create) return nullptr;
  const Duration now = uptime();
  if (OidIsValid(oldest->database) && now - oldest->touched < kInUse) shared->forgot_at = now;
  std::memset(static_cast<void *>(oldest), 0, sizeof *oldest);
  oldest->database = database;
  oldest->source_hash = source_hash;
  return oldest;
}

// Copies as much as fits, to the end of a character.
void copy_text(char *to, int size, const char *from) {
  const int length = pg_mbcliplen(from, static_cast<int>(std::strlen(from)), size - 1);
  std::memcpy(to, from, static_cast<std::size_t>(length));
  to[length] = '\0';
}

void add_success(RunRecord *run, TimestampTz begin, const TickResult &result) {
  run->last_success = begin;
  run->up_at_success = run->touched;
  run->deliveries = result.deliveries;
  run->unmapped = result.unmapped;
  run->left = result.left;
  run->raising = result.raising != nullptr;
}

// Takes a run into the record. Where there is an error it failed, or (`evaluated`) it is evaluated though reports fail.
// Returns whether that is news.
bool add_run(RunRecord *run, TimestampTz begin, TimestampTz end, const char *run_by, const char *message,
             const TickResult &result, bool evaluated) {
  run->last_run = begin;
  run->duration = Max(0, end - begin);
  run->touched = run->up_at_run = uptime();
  run->last_outcome = message == nullptr ? result.outcome : TickOutcome::kFailed;
  copy_text(run->run_by, sizeof run->run_by, run_by);
  if (evaluated) add_success(run, begin, result);
  if (message == nullptr) {
    run->failures = 0;
    run->next_run = 0;
    run->error[0] = '\0';
    return false;
  }
  char error[kErrorLength];
  copy_text(error, sizeof error, message);
  // Which delivery it is may change with each.
  const bool news = evaluated ? run->failures == 0 : std::strcmp(error, run->error) != 0;
  copy_text(run->error, sizeof run->error, error);
  run->last_error_at = begin;
  run->up_at_error = run->touched;
  run->failures++;
  run->next_run = evaluated ? 0 : run->touched + wait_after(run->failures, Max(naptime, 1) * kSecond);
  return news;
}

bool add_result(RunRecord *run, TimestampTz begin, const TickResult &result, const char *run_by) {
  const bool evaluated = result.error == nullptr;
  const char *message = evaluated ? result.raising : result.error->message;
  return add_run(run, begin, GetCurrentTimestamp(), run_by, message, result, evaluated);
}

Datum interval_of(Duration duration) {
  auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
  interval->time = duration;
  return IntervalPGetDatum(interval);
}

std::optional<Timestamp> if_set(TimestampTz time) { return time == 0 ? std::nullopt : std::optional<Timestamp>(time); }

// Between SPI_connect and SPI_finish.
RunRecord read_stored_run(Oid schema, const char *source) {
  RunRecord run = {};
  Parameters parameters;
  parameters.text(source);
  const char *statement =
      own_statement(schema,
                    "SELECT last_run, last_success, last_error_at, deliveries, failures, run_by, "
                    "last_error, extract(epoch FROM duration)::float8, superseded, unmapped FROM @.anomaly_runs "
                    "WHERE source = $1");
  if (parameters.run(statement, SPI_OK_SELECT) == 0) return run;
  Columns columns(0);
  run.database = MyDatabaseId;
  run.last_run = columns.time();
  run.last_success = columns.time_or_null().value_or(0);
  run.last_error_at = columns.time_or_null().value_or(0);
  run.deliveries = columns.count();
  run.failures = columns.integer();
  const auto copy = [](char *to, int size, Text from) { copy_text(to, size, pnstrdup(from.data(), from.size())); };
  copy(run.run_by, sizeof run.run_by, columns.text());
  const Text error = columns.text();
  if (!is_null(error)) copy(run.error, sizeof run.error, error);
  run.duration = static_cast<Duration>(columns.number_or_null().value_or(0) * kSecond);
  if (columns.boolean()) run.last_outcome = TickOutcome::kSuperseded;
  run.unmapped = columns.count();
  return run;
}

void store_run(Oid schema, const char *source, const RunRecord &run) {
  Parameters parameters;
  parameters.text(source);
  parameters.time(run.last_run);
  parameters.time(if_set(run.last_success));
  parameters.put(INTERVALOID, interval_of(run.duration));
  parameters.count(run.deliveries);
  parameters.integer(run.failures);
  parameters.text(run.error[0] == '\0' ? nullptr : run.error);
  parameters.time(if_set(run.last_error_at));
  parameters.text(run.run_by);
  parameters.count(run.unmapped);
  parameters.run(own_statement(schema,
                               "INSERT INTO @.anomaly_runs (source, last_run, last_success, duration, deliveries, "
                               "failures, last_error, last_error_at, run_by, superseded, unmapped) "
                               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, false, $10) "
                               "ON CONFLICT (source) DO UPDATE SET "
                               "last_run = excluded.last_run, last_success = excluded.last_success, "
                               "duration = excluded.duration, deliveries = excluded.deliveries, "
                               "failures = excluded.failures, last_error = excluded.last_error, "
                               "last_error_at = excluded.last_error_at, run_by = excluded.run_by, superseded = false, "
                               "unmapped = excluded.unmapped"),
                 SPI_OK_INSERT);
}

// Logs it where it is.
void log_unmapped(const char *source, const RunRecord &run) {
  if (!is_unmapped(run)) return;
  ereport(LOG,
          (errmsg("anomaly_insights: delivery source \"%s\"%s: " UINT64_FORMAT " of " UINT64_FORMAT
                  " deliveries have a status that nobody knows",
                  source, of_worker_database(), run.unmapped, run.deliveries),
           errdetail("They count in totals only: no failure among them is seen."),
           errhint("See which: SELECT * FROM delivery_source_check(%s). Register the source again with all of them "
                   "in \"statuses\".",
                   quote_literal_cstr(source))));
}

bool record_in_table(Oid schema, const char *source, const char *run_by, TimestampTz begin, const TickResult &result) {
  if (!try_lock_source(schema, source)) return false;  // whoever is at it now stores how that went
  SPI_connect();
  RunRecord run = read_stored_run(schema, source);
  const bool first = !OidIsValid(run.database);
  const bool was_failing = run.failures > 0;
  // What would be told of it otherwise is over, or of a clock that was ahead.
  const bool outdated = run.last_outcome == TickOutcome::kSuperseded || run.last_run > begin;
  const bool was_unmapped = is_unmapped(run);
  const bool news = add_result(&run, begin, result, run_by);
  const bool stepped = result.opened + result.updated + result.resolved > 0;
  if (first || news || stepped || outdated || was_failing != (run.failures > 0) || was_unmapped != is_unmapped(run)) {
    store_run(schema, source, run);
  }
  SPI_finish();
  if (!was_unmapped) log_unmapped(source, run);
  return news;
}

// Under the lock.
DatabaseRecord *announce() {
  if (DatabaseRecord *record = find_database(MyDatabaseId)) return record;
  DatabaseRecord *record = find_or_add_database(MyDatabaseId);
  if (record == nullptr) shared->turned_down = MyDatabaseId;
  if (shared->launcher_latch != nullptr) SetLatch(shared->launcher_latch);
  return record;
}

// Under the lock.
void wake_worker(DatabaseRecord *record) {
  record->woken = true;
  record->next_start = Min(record->next_start, woken_start(*record));
  if (shared->launcher_latch != nullptr) SetLatch(shared->launcher_latch);
}

// Under the lock.
void forget_run(std::uint64_t source_hash) {
  RunRecord *run = find_run(MyDatabaseId, source_hash, false);
  if (run != nullptr) std::memset(static_cast<void *>(run), 0, sizeof *run);
}

void at_transaction_end(XactEvent event, void *) {
  if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) return;
  const AtEnd due = at_end;
  at_end = {};
  const List *changed = event == XACT_EVENT_COMMIT ? due.changed : NIL;
  if (changed == NIL && !due.held) return;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  const ListCell *cell = nullptr;
  foreach (cell, changed) forget_run(*static_cast<std::uint64_t *>(lfirst(cell)));
  DatabaseRecord *record = changed == NIL ? find_database(MyDatabaseId) : announce();
  if (record != nullptr) {
    // The worker's own locks have kept it from nothing.
    const bool let_go = due.held && record->waits && record->worker_pid != MyProcPid;
    if (let_go) record->waits = false;
    if (let_go || changed != NIL) wake_worker(record);
  }
  LWLockRelease(shared->lock);
}

void call_at_transaction_end() {
  if (!callback_registered) RegisterXactCallback(at_transaction_end, nullptr);
  callback_registered = true;
}

// Notes that another session was at it.
void note_turned_away(const char *source) {
  if (shared == nullptr) return;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  RunRecord *run = find_run(MyDatabaseId, hash_of(source), true);
  run->touched = run->turned_away = uptime();
  run->last_outcome = TickOutcome::kBusy;
  if (DatabaseRecord *record = find_database(MyDatabaseId)) record->waits = true;
  LWLockRelease(shared->lock);
}

// Notes that it was evaluated at a later time. Without shared memory that says little of a source of which no run is
// known: then nothing is kept.
void note_superseded(Oid schema, const char *source) {
  if (shared == nullptr) {
    if (!try_lock_source(schema, source)) return;
    SPI_connect();
    Parameters parameters;
    parameters.text(source);
    parameters.run(
        own_statement(schema, "UPDATE @.anomaly_runs SET superseded = true WHERE source = $1 AND NOT superseded"),
        SPI_OK_UPDATE);
    SPI_finish();
    return;
  }
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  RunRecord *run = find_run(MyDatabaseId, hash_of(source), true);
  run->touched = uptime();
  run->last_outcome = TickOutcome::kSuperseded;
  LWLockRelease(shared->lock);
}

// As the clock should have been when each of its times was taken.
RunRecord settled(RunRecord run) {
  run.last_run = not_ahead(run.last_run, run.up_at_run);
  run.last_success = not_ahead(run.last_success, run.up_at_success);
  run.last_error_at = not_ahead(run.last_error_at, run.up_at_error);
  return run;
}

}  // namespace

void request_shared_memory() {
  previous_request_hook = shmem_request_hook;
  shmem_request_hook = request;
  previous_startup_hook = shmem_startup_hook;
  shmem_startup_hook = start;
}

bool record_run(Oid schema, const char *source, const char *run_by, TimestampTz begin, const TickResult &result) {
  if (result.outcome == TickOutcome::kSuperseded) {
    note_superseded(schema, source);
    return false;
  }
  if (result.outcome == TickOutcome::kBusy) {
    note_turned_away(source);
    return false;
  }
  if (shared == nullptr) return record_in_table(schema, source, run_by, begin, result);
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  RunRecord *found = find_run(MyDatabaseId, hash_of(source), true);
  const bool was_unmapped = is_unmapped(*found);
  const bool news = add_result(found, begin, result, run_by);
  const RunRecord run = *found;
  DatabaseRecord *record = find_database(MyDatabaseId);
  if (result.outcome == TickOutcome::kPartial && record != nullptr) wake_worker(record);  // for the rest
  LWLockRelease(shared->lock);
  if (!was_unmapped) log_unmapped(source, run);
  return news;
}

void record_scan(Oid schema, const char *source, TimestampTz begin, const TickResult &result) {
  if (result.outcome != TickOutcome::kDone && has_worker() && announce_database()) return;
  record_run(schema, source, session_user_name(), begin, result);
}

RunRecord read_run(Oid schema, const char *source) {
  if (shared == nullptr) {
    // The table is unlogged, so a standby has none.
    if (RecoveryInProgress()) return RunRecord();
    SPI_connect();
    const RunRecord run = settled(read_stored_run(schema, source));
    SPI_finish();
    return run;
  }
  LWLockAcquire(shared->lock, LW_SHARED);
  const RunRecord *found = find_run(MyDatabaseId, hash_of(source), false);
  const RunRecord run = found != nullptr ? *found : RunRecord();
  LWLockRelease(shared->lock);
  return settled(run);
}

bool was_raising(const char *source) { return shared != nullptr && read_run(InvalidOid, source).raising; }

TimestampTz last_turned_away(const char *source) {
  // Without it that is not known, and nothing to be read from the table.
  return shared == nullptr ? 0 : clock_at(read_run(InvalidOid, source).turned_away);
}

Duration woken_start(const DatabaseRecord &record) { return record.last_start + kSecond; }

DatabaseRecord *find_database(Oid database) {
  for (DatabaseRecord &record : shared->databases) {
    if (record.database == database) return &record;
  }
  return nullptr;
}

DatabaseRecord *find_or_add_database(Oid database) {
  if (DatabaseRecord *record = find_database(database)) return record;
  DatabaseRecord *record = find_database(InvalidOid);
  if (record == nullptr) return nullptr;
  record->database = database;
  record->next_start = Max(uptime(), shared->launcher_started_at + naptime * kSecond);
  return record;
}

bool announce_database() {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  const bool announced = announce() != nullptr;
  LWLockRelease(shared->lock);
  return announced;
}

bool forgets_runs() {
  if (shared == nullptr) return false;
  LWLockAcquire(shared->lock, LW_SHARED);
  const Duration forgot_at = shared->forgot_at;
  LWLockRelease(shared->lock);
  return forgot_at != 0 && uptime() - forgot_at < kInUse;
}

void note_step(const char *source, const char *name) {
  WorkerStep step = {};
  step.since = uptime();
  step.of_source = source != nullptr;
  if (step.of_source) step.source_hash = hash_of(source);
  copy_text(step.name, sizeof step.name, step.of_source ? source : name);
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(MyDatabaseId)) record->step = step;
  LWLockRelease(shared->lock);
}

void note_step_end() {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(MyDatabaseId)) record->step = WorkerStep();
  LWLockRelease(shared->lock);
}

CheckedStep check_step(Oid database, Duration limit) {
  CheckedStep checked = {};
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (const DatabaseRecord *record = find_database(database)) checked.step = record->step;
  const WorkerStep &step = checked.step;
  checked.overdue = step.since != 0 && uptime() >= step.since + limit;
  if (checked.overdue && step.of_source) checked.news = fail_step(database, step, kNotStopped);
  LWLockRelease(shared->lock);
  return checked;
}

bool fail_step(Oid database, const WorkerStep &step, const char *problem) {
  RunRecord *run = find_run(database, step.source_hash, true);
  return add_run(run, clock_at(step.since), GetCurrentTimestamp(), kWorkerName, problem, TickResult(), false);
}

void wake_worker_at_commit(const char *changed_source) {
  if (shared == nullptr) return;
  call_at_transaction_end();
  MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
  auto *hash = static_cast<std::uint64_t *>(palloc(sizeof(std::uint64_t)));
  *hash = hash_of(changed_source);
  at_end.changed = lappend(at_end.changed, hash);
  MemoryContextSwitchTo(context);
}

void wake_turned_away_at_end() {
  if (shared == nullptr) return;
  call_at_transaction_end();
  at_end.held = true;
}

}  // namespace insights::pg
