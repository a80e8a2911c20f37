// anomaly_insights_status: what the runs and the worker are up to.
#include "arguments.hpp"
#include "catalog.hpp"
#include "clock.hpp"
#include "databases.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "role.hpp"
#include "row.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "source.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"
#include "tenants.hpp"
#include "worker.hpp"

extern "C" {
#include "access/xlog.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
}

namespace insights::pg {

namespace {

// What the worker of this database is doing: a word for programs, and a few for people.
struct WorkerState {
  const char *state;
  const char *said;
};

WorkerState worker_state() {
  if (shared == nullptr) return {"not preloaded", "not preloaded: call anomalies_scan() from a scheduler"};
  if (RecoveryInProgress()) return {"recovery", "waiting for the end of recovery"};
  if (naptime == 0) return {"off", "off: anomaly_insights.naptime is 0"};
  const Eligibility eligibility = eligibility_of(MyDatabaseId);
  if (eligibility == Eligibility::kTemplate) return {"template", "template: no worker connects to a template"};
  if (eligibility == Eligibility::kNotListed) return {"off", "off: not in anomaly_insights.databases"};
  if (eligibility != Eligibility::kEligible) return {"off", "off: the database allows no connections"};
  const bool has_room = announce_database();
  LWLockAcquire(shared->lock, LW_SHARED);
  const int launcher = shared->launcher_pid;
  const DatabaseRecord *found = find_database(MyDatabaseId);
  const DatabaseRecord record = found != nullptr ? *found : DatabaseRecord();
  LWLockRelease(shared->lock);
  if (launcher == 0) return {"no launcher", "the launcher is not running"};
  if (!has_room) return {"no room", psprintf("no room: anomaly_insights.max_databases is %d", max_databases)};
  if (record.worker_pid != 0) return {"running", psprintf("running: process %d", record.worker_pid)};
  if (record.error[0] != '\0') return {"failing", psprintf("failing: %s", record.error)};
  return record.last_start == 0 ? WorkerState{"starting", "starting"} : WorkerState{"waiting", "waiting"};
}

int worker_pid() {
  if (shared == nullptr) return 0;
  LWLockAcquire(shared->lock, LW_SHARED);
  const DatabaseRecord *record = find_database(MyDatabaseId);
  const int pid = record != nullptr ? record->worker_pid : 0;
  LWLockRelease(shared->lock);
  return pid;
}

// What the worker holds keeps it from nothing.
LockHolder not_the_worker(LockHolder holder) {
  return holder.who != nullptr && holder.pid != 0 && holder.pid == worker_pid() ? LockHolder() : holder;
}

// Whether the last that came of the source was that another session was in the way.
bool is_turned_away(const RunRecord &run) { return run.last_outcome == TickOutcome::kBusy; }

// Of these tenants; 0: of all.
std::int64_t open_incidents(Oid schema, const char *source, Datum tenants) {
  Parameters parameters;
  parameters.text(source);
  put_tenants(parameters, tenants);
  parameters.run(own_statement(schema,
                               "SELECT count(*) FROM @.anomalies WHERE source = $1 AND status <> 'resolved' AND ($2 IS "
                               "NULL OR tenant_id = ANY ($2))"),
                 SPI_OK_SELECT);
  return Columns(0).bigint();
}

// What changed of the source since it was registered; null where nothing did, or where somebody is changing the
// relation right now, for which a status does not wait. Looked at as who owns it, as a scan does.
const char *change_of(const Source &source) {
  const char *change = nullptr;
  const ErrorData *error = in_subtransaction([&] {
    const Identity caller = become_restricted(bound_owner(source));
    if (ConditionalLockRelationOid(require_source_relation(&source), AccessShareLock)) change = find_change(source);
    become(caller);
  });
  if (error == nullptr) return change;
  if (error->sqlerrcode == ERRCODE_UNDEFINED_TABLE) return nullptr;  // it fails, but is not another one
  if (is_of_the_mapping(error)) return error->message;
  return error->sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ? error->detail : nullptr;
}

// Who keeps the worker from a source.
LockHolder holder_of(Oid schema, const char *source, const RunRecord &run) {
  const LockHolder evaluates = not_the_worker(source_holder(schema, source));
  const LockHolder writes = not_the_worker(incidents_holder(schema));
  // Who is waiting for another is not to blame; nor is who writes, where nobody has to wait for it.
  const bool waits = evaluates.who != nullptr ? evaluates.waits : is_turned_away(run);
  return writes.who != nullptr && waits ? writes : evaluates;
}

const char *state_of(const RunRecord &run, const char *change, const LockHolder &holder) {
  if (change != nullptr) return "changed";
  if (holder.who != nullptr && is_turned_away(run)) return "busy";
  if (run.last_outcome == TickOutcome::kSuperseded) return "superseded";
  if (run.last_run == 0) return forgets_runs() ? "forgotten" : "never run";
  if (run.failures > 0) return "failing";
  if (run.last_outcome == TickOutcome::kPartial) return "partial";
  return is_unmapped(run) ? "unmapped" : "ok";
}

void put_time(Row *row, TimestampTz time) { time == 0 ? row->null() : row->time(time); }

void put_text(Row *row, const char *text) { *text == '\0' ? row->null() : row->text(Text(text)); }

// When the worker evaluates the source next, as far as that is known.
TimestampTz next_run(const RunRecord &run) {
  if (shared == nullptr || naptime == 0) return 0;
  LWLockAcquire(shared->lock, LW_SHARED);
  const DatabaseRecord *record = find_database(MyDatabaseId);
  const Duration next_start = record != nullptr ? record->next_start : 0;
  LWLockRelease(shared->lock);
  return clock_at(Max(next_start, run.next_run));
}

void put_status(ReturnSetInfo *result, const Source &registered, Datum tenants, const WorkerState &worker) {
  const Oid schema = registered.schema;
  const char *source = registered.name;
  const RunRecord run = read_run(schema, source);
  const char *change = change_of(registered);
  const LockHolder holder = holder_of(schema, source, run);
  Row row;
  row.text(Text(source));
  row.text(Text(state_of(run, change, holder)));
  put_time(&row, run.last_run);
  put_time(&row, run.last_success);
  run.last_run == 0 ? row.null() : row.interval(run.duration);
  run.last_success == 0 ? row.null() : row.count(run.deliveries);
  row.count(static_cast<std::uint64_t>(open_incidents(schema, source, tenants)));
  row.integer(run.failures);
  put_time(&row, next_run(run));
  put_text(&row, change != nullptr ? change : run.error);
  put_time(&row, run.last_error_at);
  put_text(&row, run.run_by);
  row.text(Text(worker.said));
  row.text(Text(worker.state));
  row.text(holder.who == nullptr ? Text() : Text(holder.who));
  put_time(&row, not_ahead(holder.since, 0));
  run.last_success == 0 ? row.null() : row.count(run.unmapped);
  run.last_success == 0 ? row.null() : row.count(run.left);
  row.store(result);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomaly_insights_status() -> setof
ANOMALY_INSIGHTS_FUNCTION(ai_status) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  InitMaterializedSRF(fcinfo, 0);
  const WorkerState worker = worker_state();
  const Datum tenants = tenants_of(schema, GetUserId());
  SPI_connect();
  const Identity caller = become(owner_of(own_table(schema, "delivery_sources")));
  const ListCell *cell = nullptr;
  foreach (cell, all_sources(schema)) {
    put_status(result, *static_cast<Source *>(lfirst(cell)), tenants, worker);
  }
  become(caller);
  SPI_finish();
  return static_cast<Datum>(0);
}
