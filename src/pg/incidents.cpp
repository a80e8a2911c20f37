// The scan, and the operator's hand on incidents.
#include "actor.hpp"
#include "arguments.hpp"
#include "catalog.hpp"
#include "databases.hpp"
#include "digest.hpp"
#include "future.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "incident_rows.hpp"
#include "incident_store.hpp"
#include "role.hpp"
#include "rollup_type.hpp"
#include "row.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "statement.hpp"
#include "tenants.hpp"
#include "tick.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"
}

namespace insights::pg {

namespace {

void put_result(ReturnSetInfo *result, const Source *source, const TickResult &tick) {
  Row row;
  row.integer(tick.opened);
  row.integer(tick.updated);
  row.integer(tick.resolved);
  row.text(Text(source->name));
  row.text(Text(name_of(tick.outcome)));
  tick.outcome == TickOutcome::kDone ? row.count(tick.deliveries) : row.null();
  const char *detail = tick.error != nullptr ? tick.error->message : tick.raising;
  detail != nullptr ? row.text(Text(detail)) : row.null();
  row.store(result);
}

// One source fails by itself: the others go on.
void scan_all(ReturnSetInfo *result, Oid schema, Timestamp as_of) {
  List *busy = NIL;
  const ListCell *cell = nullptr;
  foreach (cell, all_sources(schema)) {
    auto *source = static_cast<Source *>(lfirst(cell));
    const Timestamp start = GetCurrentTimestamp();
    const TickResult done = try_tick(schema, source, as_of);
    record_scan(schema, source->name, start, done);
    if (done.outcome == TickOutcome::kBusy) busy = lappend(busy, source->name);
    if (done.error != nullptr) {
      ereport(WARNING, (errcode(done.error->sqlerrcode),
                        errmsg("delivery source \"%s\" could not be evaluated: %s", source->name, done.error->message),
                        done.error->hint != nullptr ? errhint("%s", done.error->hint) : 0));
    }
    put_result(result, source, done);
  }
  std::int64_t after = 0;
  while (resolve_left_incidents(schema, as_of, busy, &after)) CHECK_FOR_INTERRUPTS();
}

void scan_one(ReturnSetInfo *result, Oid schema, const char *name, Timestamp as_of) {
  const Source *source = find_source(schema, name);
  const Timestamp start = GetCurrentTimestamp();
  const TickResult done = tick(schema, source, as_of);
  record_scan(schema, source->name, start, done);
  put_result(result, source, done);
}

std::int64_t id_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("id must not be NULL")));
  }
  return PG_GETARG_INT64(number);
}

Text note_argument(FunctionCallInfo fcinfo, int number) {
  const char *note = text_or_null(fcinfo, number);
  return note == nullptr ? Text() : Text(note);
}

// Whether a step that changes nothing else brings a note, or the verdict that it was a false alarm.
bool adds_to_what_is_known(Remark *remark) {
  if (!remark->false_positive.value_or(false)) remark->false_positive.reset();
  return !is_null(remark->note) || remark->false_positive;
}

// An operator's step on the incident of the first argument, which is one of the caller's tenants': `step(incident)`
// gives its events. Returns the row.
template <typename Step>
Datum by_hand(FunctionCallInfo fcinfo, const char *what, Timestamp at, Remark remark, Step step) {
  require_fresh_snapshots(what);
  const std::int64_t id = id_argument(fcinfo, 0);
  const Oid schema = extension_schema(fcinfo);
  const Datum tenants = tenants_of(schema, GetUserId());
  SPI_connect();
  const Identity caller = become(owner_of(own_table(schema, "anomalies")));
  lock_incidents(schema);
  StoredIncident stored = {};
  if (load_incident(schema, id, tenants, &stored) && is_of_future(stored.incident)) settle_future(schema);
  if (!load_incident(schema, id, tenants, &stored)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no incident " INT64_FORMAT, id),
                    errhint("See anomalies_active for those that are open.")));
  }
  Events events = guarded([&] { return step(stored.incident); });
  if (events.count > 0) {
    const auto *mutes = load_mutes(schema, stored.source, at);
    note_mute(stored.incident, is_muted(*mutes, stored.key, stored.incident.critical()), events);
  }
  if (events.count > 0 || adds_to_what_is_known(&remark)) {
    Change change = {stored.source, stored.key, stored.incident, Text(), events};
    store_changes(schema, &change, 1, at, remark);
  }
  Parameters parameters;
  parameters.bigint(id);
  parameters.run(own_statement(schema, "SELECT a FROM @.anomalies a WHERE id = $1"), SPI_OK_SELECT);
  const Datum row = SPI_datumTransfer(Columns(0).typed(own_type(schema, "anomalies")), false, -1);
  become(caller);
  SPI_finish();
  return row;
}

int prune(const char *statement, Timestamp before, int most) {
  Parameters parameters;
  parameters.time(before);
  parameters.integer(most);
  return static_cast<int>(parameters.run(statement, SPI_OK_DELETE));
}

}  // namespace

Pruned prune_incidents(Oid schema, Timestamp as_of, int most) {
  Pruned pruned = {};
  if (retention_days == 0) return pruned;
  const Timestamp before = as_of - retention_days * USECS_PER_DAY;
  SPI_connect();
  if (holds_future(schema, most)) {
    lock_incidents(schema);
    settle_future(schema);
  }
  Parameters oldest;
  oldest.time(before);
  if (oldest.run(
          own_statement(schema, "SELECT FROM @.anomalies WHERE status = 'resolved' AND resolved_at < $1 LIMIT 1"),
          SPI_OK_SELECT) > 0) {
    lock_incidents(schema);  // a tick may be about to go on with one of them
  }
  pruned.incidents = prune(own_statement(schema,
                                         "DELETE FROM @.anomalies WHERE id IN (SELECT id FROM @.anomalies WHERE "
                                         "status = 'resolved' AND resolved_at < $1 ORDER BY resolved_at LIMIT $2)"),
                           before, most);
  // Events come in the order of their time, or nearly so.
  pruned.events = prune(own_statement(schema,
                                      "DELETE FROM @.anomaly_events WHERE seq IN (SELECT seq FROM @.anomaly_events "
                                      "ORDER BY seq LIMIT $2) AND at < $1"),
                        before, most);
  pruned.mutes = prune(own_statement(schema,
                                     "DELETE FROM @.anomaly_mutes WHERE id IN (SELECT id FROM @.anomaly_mutes WHERE "
                                     "ends_at < $1 LIMIT $2)"),
                       before, most);
  // A key that is as old as that is not sent again.
  pruned.replays =
      prune(own_statement(schema,
                          "DELETE FROM @.operator_replays WHERE (by_user, idempotency_key) IN (SELECT by_user, "
                          "idempotency_key FROM @.operator_replays WHERE requested_at < $1 LIMIT $2)"),
            before, most);
  SPI_finish();
  return pruned;
}

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomaly_key(source, tenant_id, endpoint, scope) -> uuid
ANOMALY_INSIGHTS_FUNCTION(ai_anomaly_key) {
  StringInfoData key;
  initStringInfo(&key);
  for (int i = 0; i < 4; ++i) {
    if (!PG_ARGISNULL(i)) appendStringInfoChar(&key, 't');
    append_field(&key, PG_ARGISNULL(i) ? Text() : text_of(PG_GETARG_VARLENA_PP(i)));
  }
  const struct varlena *digest = PG_DETOAST_DATUM_PACKED(sha256(key));
  auto *uuid = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
  std::memcpy(uuid->data, VARDATA_ANY(digest), UUID_LEN);
  return UUIDPGetDatum(uuid);
}

// anomalies_scan(source, as_of) -> setof (opened, updated, resolved, delivery_source, outcome, deliveries, detail)
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_scan) {
  require_fresh_snapshots("anomalies_scan");
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  const Timestamp as_of = past_argument(fcinfo, 1, "as_of");
  InitMaterializedSRF(fcinfo, 0);
  const char *name = text_or_null(fcinfo, 0);
  name == nullptr ? scan_all(result, schema, as_of) : scan_one(result, schema, name, as_of);
  return static_cast<Datum>(0);
}

// anomaly_acknowledge(id, note, until, as_of) -> anomalies
ANOMALY_INSIGHTS_FUNCTION(ai_anomaly_acknowledge) {
  const Timestamp at = past_argument(fcinfo, 3, "as_of");
  std::optional<Timestamp> until;
  if (!PG_ARGISNULL(2)) until = timestamp_argument(fcinfo, 2, "until");
  const Remark remark = {note_argument(fcinfo, 1), std::nullopt, true};
  return by_hand(fcinfo, "anomaly_acknowledge", at, remark,
                 [&](Incident &incident) { return acknowledge(incident, at, until); });
}

// anomaly_resolve(id, note, false_positive, as_of) -> anomalies
ANOMALY_INSIGHTS_FUNCTION(ai_anomaly_resolve) {
  const Timestamp at = past_argument(fcinfo, 3, "as_of");
  Remark remark = {note_argument(fcinfo, 1), std::nullopt, true};
  if (!PG_ARGISNULL(2)) remark.false_positive = PG_GETARG_BOOL(2);
  return by_hand(fcinfo, "anomaly_resolve", at, remark, [&](Incident &incident) { return resolve(incident, at); });
}

// anomalies_prune(max_rows, as_of) -> (anomalies, events, mutes, replays)
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_prune) {
  require_fresh_snapshots("anomalies_prune");
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const int most = int_argument(fcinfo, 0, "max_rows", 1, PG_INT32_MAX);
  const Timestamp as_of = past_argument(fcinfo, 1, "as_of");
  InitMaterializedSRF(fcinfo, 0);
  const Pruned pruned = prune_incidents(extension_schema(fcinfo), as_of, most);
  Row row;
  row.integer(pruned.incidents);
  row.integer(pruned.events);
  row.integer(pruned.mutes);
  row.integer(pruned.replays);
  row.store(result);
  return static_cast<Datum>(0);
}
