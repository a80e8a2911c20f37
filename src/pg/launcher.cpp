// The launcher: starts the worker of each database that is due, and ends what goes on for too long. All of its times
// are of uptime().
#include "clock.hpp"
#include "databases.hpp"
#include "guard.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "worker.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
}

extern "C" PGDLLEXPORT void ai_launcher_main(Datum argument);

namespace insights::pg {

namespace {

// The most workers at a time.
constexpr int kMostWorkers = 3;
// How long a worker may be past its time before it is ended, and then before it is left to itself.
constexpr Duration kGrace = 5 * kSecond;

// A database whose worker runs. The launcher's own.
struct RunningWorker {
  Oid database;  // InvalidOid: free
  BackgroundWorkerHandle *handle;
  bool looks;  // only for the extension
  Duration started_at;
  Duration ended_at;  // when it was told to end; 0: it was not
};

// One more looks, so that those that evaluate do not keep it waiting.
RunningWorker workers[kMostWorkers + 1];
RunningWorker *const looker = &workers[kMostWorkers];

constexpr const char *kNoRole = "the role of anomaly_insights.worker_role does not exist";
constexpr const char *kNoSlot = "no slot is free; raise max_worker_processes";

void forget_launcher(int, Datum) {
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  shared->launcher_pid = 0;
  shared->launcher_latch = nullptr;
  LWLockRelease(shared->lock);
}

void announce_launcher() {
  before_shmem_exit(forget_launcher, static_cast<Datum>(0));
  LWLockAcquire(shared->lock, LW_EXCLUSIVE);
  shared->launcher_pid = MyProcPid;
  shared->launcher_latch = MyLatch;
  shared->launcher_started_at = uptime();
  // Workers of a launcher that ended are nobody's, so nobody would end them.
  for (DatabaseRecord &record : shared->databases) {
    if (record.worker_pid != 0) kill(record.worker_pid, SIGTERM);
    record.worker_pid = 0;
    record.step = WorkerStep();
  }
  LWLockRelease(shared->lock);
}

// ---- what has happened ----

void release(RunningWorker *worker) {
  pfree(worker->handle);
  if (worker->looks) {
    note_end_of_look(worker->database);
  } else {
    note_end(worker->database, worker->ended_at != 0);
  }
  *worker = RunningWorker();
}

void collect_ended_workers() {
  for (RunningWorker &worker : workers) {
    pid_t pid = 0;
    if (!OidIsValid(worker.database) || GetBackgroundWorkerPid(worker.handle, &pid) != BGWH_STOPPED) continue;
    release(&worker);
  }
}

// Ends the worker that has been at one step for too long: what it runs may be code that swallows a cancel, or waits for
// what no timeout ends. Returns when to look again.
Duration end_if_overdue(RunningWorker *worker) {
  if (worker_statement_timeout == 0) return DT_NOEND;
  const Duration limit = worker_statement_timeout * (kSecond / 1000) + kGrace;
  CheckedStep checked = {};
  if (worker->looks) {
    checked.step.since = worker->started_at;
    checked.overdue = uptime() >= worker->started_at + limit;
  } else {
    checked = check_step(worker->database, limit);
  }
  const WorkerStep &step = checked.step;
  const Duration now = uptime();
  // A step that has yet to begin ends no sooner.
  if (!checked.overdue) return (step.since == 0 ? now : step.since) + limit;
  TerminateBackgroundWorker(worker->handle);
  worker->ended_at = now;
  if (step.of_source) {
    note_source_failure(worker->database, step.name, kNotStopped, checked.news, 0);
  } else if (!worker->looks) {
    note_failure(worker->database, psprintf("%s: %s", step.name, kNotStopped));
  }
  return now + kGrace;
}

// The same for all. Code that does not end at all keeps its process and the locks of its source, and no more than that.
Duration end_overdue_workers() {
  Duration next = DT_NOEND;
  for (RunningWorker &worker : workers) {
    if (!OidIsValid(worker.database)) continue;
    Duration look_again = worker.ended_at == 0 ? end_if_overdue(&worker) : worker.ended_at + kGrace;
    if (worker.ended_at != 0 && uptime() >= look_again) {
      release(&worker);
      look_again = 0;
    }
    next = Min(next, look_again);
  }
  return next;
}

// ---- what is to be done ----

// The role as which workers connect. Reads the catalog.
bool find_worker_role(Oid *role) {
  *role = InvalidOid;
  if (*worker_role == '\0') return true;
  *role = get_role_oid(worker_role, true);
  return OidIsValid(*role);
}

RunningWorker *free_worker() {
  for (RunningWorker *worker = workers; worker != looker; ++worker) {
    if (!OidIsValid(worker->database)) return worker;
  }
  return nullptr;
}

bool is_running(Oid database) {
  for (const RunningWorker &worker : workers) {
    if (worker.database == database) return true;
  }
  return false;
}

// False where no process is to be had.
bool start_worker(RunningWorker *slot, Oid database, Oid role) {
  BackgroundWorker worker;
  std::memset(&worker, 0, sizeof worker);
  strlcpy(worker.bgw_name, "anomaly_insights worker", sizeof worker.bgw_name);
  strlcpy(worker.bgw_type, "anomaly_insights worker", sizeof worker.bgw_type);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  strlcpy(worker.bgw_library_name, "anomaly_insights", sizeof worker.bgw_library_name);
  strlcpy(worker.bgw_function_name, "ai_worker_main", sizeof worker.bgw_function_name);
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  WorkerOrder order = {role, slot == looker, ""};
  strlcpy(order.database, name_of(database), sizeof order.database);
  static_assert(sizeof order <= sizeof worker.bgw_extra);
  std::memcpy(worker.bgw_extra, &order, sizeof order);
  worker.bgw_notify_pid = MyProcPid;
  MemoryContext turn = MemoryContextSwitchTo(TopMemoryContext);
  const bool started = RegisterDynamicBackgroundWorker(&worker, &slot->handle);
  MemoryContextSwitchTo(turn);
  if (!started) return false;
  slot->database = database;
  slot->looks = order.looks;
  slot->started_at = uptime();
  return true;
}

void start_due_worker(RunningWorker *slot, Oid database, bool role_found, Oid role) {
  if (!role_found) {
    note_failure(database, kNoRole);
    return;
  }
  mark_started(database);
  if (!start_worker(slot, database, role)) note_failure(database, kNoSlot);
}

void start_look(Oid database, bool role_found, Oid role) {
  if (!role_found) {
    note_no_look(database, kNoRole);
    return;
  }
  mark_looked_into(database);
  if (!start_worker(looker, database, role)) note_no_look(database, kNoSlot);
}

// Starts what is due; returns when to look again.
Duration start_due_workers() {
  const Duration now = uptime();
  Duration next = now + naptime * kSecond;
  StartTransactionCommand();
  refresh_databases(now, &next);
  Oid role = InvalidOid;
  const bool role_found = find_worker_role(&role);
  while (RunningWorker *slot = free_worker()) {
    const Oid database = due_database(now, is_running, &next);
    if (!OidIsValid(database)) break;
    if (is_still_there(database)) start_due_worker(slot, database, role_found, role);
  }
  while (!OidIsValid(looker->database)) {
    const Oid database = database_to_look_into(&next);
    if (!OidIsValid(database)) break;
    if (is_still_there(database)) start_look(database, role_found, role);
  }
  CommitTransactionCommand();
  tell_of_forgotten_runs();
  return next;
}

void wait_until(Duration next) {
  const long delay = next == DT_NOEND ? -1L : TimestampDifferenceMilliseconds(uptime(), next);
  const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (delay >= 0 ? WL_TIMEOUT : 0);
  // At least a moment, so that a clock that stands still does not make it spin.
  WaitLatch(MyLatch, events, delay < 0 ? delay : Max(delay, 10L), PG_WAIT_EXTENSION);
  ResetLatch(MyLatch);
}

[[noreturn]] void launch() {
  announce_launcher();
  MemoryContext turn = AllocSetContextCreate(TopMemoryContext, "anomaly_insights launcher", ALLOCSET_DEFAULT_SIZES);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
      look_again();
    }
    MemoryContextSwitchTo(turn);
    MemoryContextReset(turn);
    collect_ended_workers();
    Duration next = DT_NOEND;
    if (naptime > 0) {
      SetCurrentStatementStartTimestamp();
      next = start_due_workers();
    }
    MemoryContextSwitchTo(turn);
    wait_until(Min(next, end_overdue_workers()));
  }
}

}  // namespace

void register_launcher() {
  BackgroundWorker launcher;
  std::memset(&launcher, 0, sizeof launcher);
  strlcpy(launcher.bgw_name, "anomaly_insights launcher", sizeof launcher.bgw_name);
  strlcpy(launcher.bgw_type, "anomaly_insights launcher", sizeof launcher.bgw_type);
  launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  // Not on a standby; on promotion it starts.
  launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
  launcher.bgw_restart_time = 10;
  strlcpy(launcher.bgw_library_name, "anomaly_insights", sizeof launcher.bgw_library_name);
  strlcpy(launcher.bgw_function_name, "ai_launcher_main", sizeof launcher.bgw_function_name);
  RegisterBackgroundWorker(&launcher);
}

}  // namespace insights::pg

void ai_launcher_main(Datum) {
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, die);
  BackgroundWorkerUnblockSignals();
  insights::pg::set_no_timeouts();
  // To no database: it reads the shared catalogs only.
  BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
  pgstat_report_appname("anomaly_insights launcher");
  insights::pg::guarded([] { insights::pg::launch(); });
}
