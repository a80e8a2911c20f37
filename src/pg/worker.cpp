// The worker: one tick of each source of its database, then it ends.
#include "worker.hpp"

#include "catalog.hpp"
#include "clock.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "incident_store.hpp"
#include "role.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "statement.hpp"
#include "tick.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
}

extern "C" PGDLLEXPORT void ai_worker_main(Datum database);

namespace insights::pg {

namespace {

WorkerOrder order;

constexpr const char *kVersion = "1.0";
constexpr int kPrunedRows = 1000;  // in one go

// Where the extension is in this database. Plain data, in memory that outlives transactions.
struct Installation {
  bool found;
  Oid schema;
};

// Runs `step` in a transaction of its own, and ends whatever rights it took.
template <typename Step>
void in_transaction(Step step) {
  Identity self = {};
  GetUserIdAndSecContext(&self.role, &self.context);
  SetCurrentStatementStartTimestamp();
  StartTransactionCommand();
  PushActiveSnapshot(GetTransactionSnapshot());
  guarded(step);
  become(self);
  PopActiveSnapshot();
  CommitTransactionCommand();
}

// Runs `job`, which does its work in transactions, of a source or (null) of the database as a whole, within
// anomaly_insights.statement_timeout. Returns the error that ended it, if one did, in the worker's memory.
template <typename Job>
ErrorData *within_time(const char *source, const char *activity, Job job) {
  MemoryContext context = CurrentMemoryContext;
  ErrorData *volatile error = nullptr;
  note_step(source, activity);
  pgstat_report_activity(STATE_RUNNING, psprintf("anomaly_insights: %s", activity));
  // Statements that run through SPI do not start it.
  if (worker_statement_timeout > 0) enable_timeout_after(STATEMENT_TIMEOUT, worker_statement_timeout);
  PG_TRY();
  { job(); }
  PG_CATCH();
  {
    HOLD_INTERRUPTS();
    disable_timeout(STATEMENT_TIMEOUT, false);
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    AbortCurrentTransaction();
    RESUME_INTERRUPTS();
  }
  PG_END_TRY();
  disable_timeout(STATEMENT_TIMEOUT, false);
  QueryCancelPending = false;  // it may have come after the last transaction
  note_step_end();
  MemoryContextSwitchTo(context);
  pgstat_report_stat(false);
  pgstat_report_activity(STATE_IDLE, nullptr);
  return error;
}

// The same for a job of one transaction.
template <typename Step>
ErrorData *try_transaction(const char *activity, Step step) {
  return within_time(nullptr, activity, [&] { in_transaction(step); });
}

// Whether a job that began then had better leave the rest to the next one.
bool is_time_up(Duration start) {
  return worker_statement_timeout > 0 && uptime() - start >= worker_statement_timeout * (kSecond / 1000) * 8 / 10;
}

// The extension, locked against DROP EXTENSION until the end of the transaction; and its owner's rights.
Installation enter_extension() {
  Installation installation = {};
  Oid extension = get_extension_oid("anomaly_insights", true);
  if (!OidIsValid(extension)) return installation;
  LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
  extension = get_extension_oid("anomaly_insights", true);
  if (!OidIsValid(extension)) return installation;
  SPI_connect();
  if (run_statement("SELECT extnamespace, extversion::text FROM pg_catalog.pg_extension "
                    "WHERE extname = 'anomaly_insights'",
                    SPI_OK_SELECT, true) == 1) {
    Columns columns(0);
    const Oid schema = columns.oid();
    const Text found = columns.text();
    const char *version = pnstrdup(found.data(), static_cast<Size>(found.size()));
    if (std::strcmp(version, kVersion) != 0) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("extension anomaly_insights is of version %s, the library of %s", version, kVersion),
                      errhint("Run ALTER EXTENSION anomaly_insights UPDATE.")));
    }
    installation = {true, schema};
  }
  SPI_finish();
  if (installation.found) become(owner_of(own_table(installation.schema, "delivery_sources")));
  return installation;
}

void log_error(const char *what, const ErrorData *error) {
  ereport(LOG, (errcode(error->sqlerrcode), errmsg("anomaly_insights: %s: %s", what, error->message),
                error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
                error->hint != nullptr ? errhint("%s", error->hint) : 0));
}

void reload_settings() {
  CHECK_FOR_INTERRUPTS();
  if (!ConfigReloadPending) return;
  ConfigReloadPending = false;
  ProcessConfigFile(PGC_SIGHUP);
}

// Names of the sources that are due, in the worker's memory; those that have failed come last, since they may do so by
// keeping the others waiting. False where there is no extension.
bool find_due_sources(List **names, ErrorData **error) {
  MemoryContext memory = CurrentMemoryContext;
  List *failed = NIL;
  bool found = false;
  *error = try_transaction("looking for delivery sources", [&] {
    const Installation installation = enter_extension();
    found = installation.found;
    if (!found) return;
    const ListCell *cell = nullptr;
    foreach (cell, all_sources(installation.schema)) {
      const auto *source = static_cast<Source *>(lfirst(cell));
      const RunRecord run = read_run(installation.schema, source->name);
      if (run.next_run > uptime()) continue;
      List **due = run.last_error_at == 0 ? names : &failed;
      MemoryContext transaction = MemoryContextSwitchTo(memory);
      *due = lappend(*due, pstrdup(source->name));
      MemoryContextSwitchTo(transaction);
    }
  });
  *names = list_concat(*names, failed);
  return found;
}

// The evaluation of a source over transactions. Plain data.
struct SourceRun {
  Tick *tick;   // null: it has not begun
  bool absent;  // dropped, or another one of the same name since
  Oid schema;
  TimestampTz registered_at;
  bool kept;     // the lock of the source
  LOCKTAG lock;  // if so
};

void begin_run(SourceRun *run, MemoryContext memory, Oid schema, const Source *source) {
  MemoryContext transaction = MemoryContextSwitchTo(memory);
  run->tick = begin_tick(schema, source, GetCurrentTransactionStartTimestamp());
  MemoryContextSwitchTo(transaction);
  run->schema = schema;
  run->registered_at = source->registered_at;
  if (!has_more(*run->tick)) return;
  run->lock = source_lock(schema, source->name);
  keep_own_lock(run->lock);
  run->kept = true;
}

// Evaluates the source in the first transaction; in it and each of the others, stores a thousand changes.
void go_on(SourceRun *run, MemoryContext memory, const char *name) {
  const Installation installation = enter_extension();
  const Source *source = installation.found ? find_source_if_exists(installation.schema, name) : nullptr;
  run->absent =
      source == nullptr ||
      (run->tick != nullptr && (run->schema != installation.schema || run->registered_at != source->registered_at));
  if (run->absent) return;
  if (run->tick == nullptr) begin_run(run, memory, installation.schema, source);
  store_more(run->tick);
}

void log_raising(const char *source, const char *detail) {
  ereport(LOG, (errmsg("anomaly_insights: delivery source \"%s\"%s: %s", source, of_worker_database(), detail),
                errdetail("Its incidents are kept, but reports that read it fail."),
                errhint("See SELECT * FROM delivery_source_check(%s).", quote_literal_cstr(source))));
}

void log_partial(const char *source, const TickResult &result) {
  ereport(LOG, (errmsg("anomaly_insights: delivery source \"%s\"%s: there was time for " UINT64_FORMAT
                       " changes of incidents, the gravest first",
                       source, of_worker_database(), result.stored),
                errdetail(UINT64_FORMAT " are left to the next evaluation.", result.left)));
}

void run_source(const char *name) {
  const TimestampTz start = GetCurrentTimestamp();
  const Duration up = uptime();
  MemoryContext memory = CurrentMemoryContext;
  SourceRun run = {};
  ErrorData *error = within_time(name, psprintf("evaluating delivery source \"%s\"", name), [&] {
    do {
      in_transaction([&] { go_on(&run, memory, name); });
    } while (!run.absent && has_more(*run.tick) && !is_time_up(up));
  });
  if (run.kept) let_go_own_lock(run.lock);
  if (run.absent && error == nullptr) return;  // dropped meanwhile
  TickResult result = run.tick != nullptr ? result_of(*run.tick) : TickResult();
  result.error = error;
  if (error != nullptr) result.outcome = TickOutcome::kFailed;
  // Shared memory needs no transaction and no schema.
  const bool news = record_run(InvalidOid, name, kWorkerName, start, result);
  if (news && result.error != nullptr)
    log_error(psprintf("delivery source \"%s\"%s", name, of_worker_database()), result.error);
  if (news && result.raising != nullptr) log_raising(name, result.raising);
  if (result.outcome == TickOutcome::kPartial) log_partial(name, result);
  if (run.tick != nullptr) MemoryContextDelete(GetMemoryChunkContext(run.tick));
}

// Who writes incidents for longer than lock_timeout keeps us from it until the next time, which is no failure.
ErrorData *unless_locked(ErrorData *error) {
  return error != nullptr && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? nullptr : error;
}

ErrorData *expire_incidents() {
  const Duration start = uptime();
  return within_time(nullptr, "expiring incidents", [&] {
    std::int64_t after = 0;
    bool more = false;
    do {
      in_transaction([&] {
        const Installation installation = enter_extension();
        more = installation.found &&
               resolve_left_incidents(installation.schema, GetCurrentTransactionStartTimestamp(), NIL, &after);
      });
    } while (more && !is_time_up(start));
  });
}

// What is left to do for the database as a whole.
ErrorData *tidy_up() {
  ErrorData *error = unless_locked(expire_incidents());
  if (error != nullptr) return error;
  return unless_locked(try_transaction("deleting old incidents", [] {
    const Installation installation = enter_extension();
    if (installation.found) {
      prune_incidents(installation.schema, GetCurrentTransactionStartTimestamp(), kPrunedRows);
    }
  }));
}

void set_for_session(const char *name, const char *value) { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); }

// What the functions' SET clauses say, and our own limit on waiting for locks.
void set_up_session() {
  set_for_session("search_path", kPinnedPath);
  set_for_session("standard_conforming_strings", "on");
  set_for_session("default_transaction_isolation", "read committed");
  set_for_session("default_transaction_read_only", "off");
  set_for_session("lock_timeout", psprintf("%d", worker_lock_timeout));
}

// In a database in which no worker of ours has found the extension yet.
void look(Oid database) {
  bool found = false;
  const ErrorData *error = try_transaction("looking for the extension",
                                           [&] { found = OidIsValid(get_extension_oid("anomaly_insights", true)); });
  if (error != nullptr) log_error("worker", error);
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (shared->look.database == database) shared->look = {database, error == nullptr, found};
  LWLockRelease(shared->lock);
}

void forget_worker(int, Datum database) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  DatabaseRecord *record = find_database(DatumGetObjectId(database));
  if (record != nullptr && record->worker_pid == MyProcPid) record->worker_pid = 0;
  LWLockRelease(shared->lock);
}

void note_start(Oid database) {
  before_shmem_exit(forget_worker, ObjectIdGetDatum(database));
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) record->worker_pid = MyProcPid;
  LWLockRelease(shared->lock);
}

// `problem`: what kept it from its work as a whole; null where nothing did. Returns whether it is another one than that
// of the worker before.
bool report_end(Oid database, bool absent, const char *problem) {
  bool news = problem != nullptr;
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  if (DatabaseRecord *record = find_database(database)) {
    record->absent = absent;
    record->reported = problem == nullptr;
    record->told = problem != nullptr;
    news = news && std::strncmp(record->error, problem, sizeof record->error - 1) != 0;
    if (problem != nullptr) strlcpy(record->error, problem, sizeof record->error);
  }
  LWLockRelease(shared->lock);
  return news;
}

void work(Oid database) {
  note_start(database);
  List *names = NIL;
  ErrorData *error = nullptr;
  const bool found = find_due_sources(&names, &error);
  const ListCell *cell = nullptr;
  foreach (cell, names) {
    reload_settings();
    run_source(static_cast<char *>(lfirst(cell)));
  }
  if (found && error == nullptr) error = tidy_up();
  const char *problem = error == nullptr ? nullptr : error->message;
  if (report_end(database, !found && error == nullptr, problem))
    log_error(psprintf("worker of database \"%s\"", order.database), error);
}

}  // namespace

const char *of_worker_database() {
  return order.database[0] == '\0' ? "" : psprintf(" of database \"%s\"", order.database);
}

void set_no_timeouts() {
  for (const char *name : {
         "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
#if PG_VERSION_NUM >= 170000
             "transaction_timeout",
#endif
       }) {
    set_for_session(name, "0");
  }
}

}  // namespace insights::pg

void ai_worker_main(Datum database) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  using insights::pg::order;
  std::memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof order);
  int flags = 0;
#ifdef BGWORKER_BYPASS_ROLELOGINCHECK
  flags |= BGWORKER_BYPASS_ROLELOGINCHECK;
#endif
  insights::pg::set_no_timeouts();
  BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), order.role, flags);
  pgstat_report_appname("anomaly_insights worker");
  insights::pg::guarded([&] {
    insights::pg::set_up_session();
    const auto task = order.looks ? insights::pg::look : insights::pg::work;
    task(DatumGetObjectId(database));
  });
}
