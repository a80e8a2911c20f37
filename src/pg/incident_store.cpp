#include "incident_store.hpp"

#include "actor.hpp"
#include "catalog.hpp"
#include "compute.hpp"
#include "future.hpp"
#include "notify.hpp"
#include "own_lock.hpp"
#include "runs.hpp"
#include "statement.hpp"
#include "tenants.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "storage/lockdefs.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

namespace insights::pg {

namespace {

template <typename Enum>
Enum by_name(Text name, std::initializer_list<Enum> values, Enum otherwise) {
  if (is_null(name)) return otherwise;
  for (const Enum value : values) {
    if (name == name_of(value)) return value;
  }
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("\"%.*s\" is no state of an incident", static_cast<int>(name.size()), name.data())));
  pg_unreachable();
}

IncidentStatus status_by_name(Text name) {
  return by_name(name, {IncidentStatus::kOpen, IncidentStatus::kAcknowledged, IncidentStatus::kResolved},
                 IncidentStatus::kOpen);
}

ResolveReason reason_by_name(Text name) {
  return by_name(name,
                 {ResolveReason::kCalm, ResolveReason::kNewNormal, ResolveReason::kByHand, ResolveReason::kExpired,
                  ResolveReason::kSourceDropped},
                 ResolveReason::kNone);
}

Suppression suppression_by_name(Text name) {
  return by_name(name, {Suppression::kUntilCalm, Suppression::kUntilCalmOrWorse}, Suppression::kNone);
}

// The number of a source's lock.
std::uint32_t number_of(const char *source) {
  return ::hash_bytes(reinterpret_cast<const unsigned char *>(source), static_cast<int>(std::strlen(source)));
}

// ---- rows to incidents ----

// The columns of read_incident(), in its order.
constexpr const char *kIncidentColumns =
    "source, scope, tenant_id, endpoint, id, status, resolve_reason, spike_detected, failure_cluster_detected, "
    "silence_detected, detected_at, last_seen_at, evaluated_at, level_since, calm_since, resolved_at, acknowledged_at, "
    "ack_until, "
    "recent_count, baseline_count, recent_failures, baseline_failures, peak_failures, peak_multiplier, usual_count, "
    "usual_failure_ratio, reopen_count, reopened_at, flapping, suppression, muted";

IncidentKey read_key(Columns &columns) {
  IncidentKey key;
  key.fleet = columns.text() == "fleet";
  key.tenant = columns.text();
  key.endpoint = columns.text();
  return key;
}

void read_reopens(Datum array, Incident *incident) {
  Datum *times = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(array), TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
                    &times, nullptr, &count);
  const int first = Max(0, count - kMostReopens);
  incident->remembered_reopens = count - first;
  for (int i = first; i < count; ++i) {
    incident->reopens[static_cast<std::size_t>(i - first)] = DatumGetTimestampTz(times[i]);
  }
}

StoredIncident read_incident(Columns &columns) {
  StoredIncident stored = {};
  stored.source = columns.text();
  stored.key = read_key(columns);
  Incident &incident = stored.incident;
  incident.id = columns.bigint();
  incident.status = status_by_name(columns.text());
  incident.resolve_reason = reason_by_name(columns.text());
  if (columns.boolean()) incident.kinds |= kSpikeKind;
  if (columns.boolean()) incident.kinds |= kFailureKind;
  if (columns.boolean()) incident.kinds |= kSilenceKind;
  incident.detected_at = columns.time();
  incident.last_seen_at = columns.time();
  incident.evaluated_at = columns.time();
  incident.level_since = columns.time();
  incident.calm_since = columns.time_or_null();
  incident.resolved_at = columns.time_or_null();
  incident.acknowledged_at = columns.time_or_null();
  incident.ack_until = columns.time_or_null();
  incident.recent_count = columns.count();
  incident.baseline_count = columns.count();
  incident.recent_failures = columns.count();
  incident.baseline_failures = columns.count();
  incident.peak_failures = columns.count();
  incident.peak_multiplier = columns.number_or_null();
  incident.usual_count = columns.number();
  incident.usual_failure_ratio = columns.number();
  incident.reopen_count = columns.integer();
  read_reopens(columns.typed(TIMESTAMPTZARRAYOID), &incident);
  incident.flapping = columns.boolean();
  incident.suppression = suppression_by_name(columns.text());
  incident.muted = columns.boolean();
  return stored;
}

StoredKey read_candidate(Columns &columns) {
  StoredKey stored = {};
  stored.key = read_key(columns);
  stored.state.candidate.failure_since = columns.time_or_null();
  stored.state.candidate.silence_since = columns.time_or_null();
  return stored;
}

int key_order(const void *a, const void *b) {
  return compare(static_cast<const StoredKey *>(a)->key, static_cast<const StoredKey *>(b)->key);
}

// Of two incidents with the same key, the one that the lifecycle goes on with.
bool goes_on_with(const std::optional<Incident> &a, const std::optional<Incident> &b) {
  if (!a || !b) return a.has_value();
  return a->resolved() != b->resolved() ? !a->resolved() : a->id > b->id;
}

// Makes one of all that is stored of the same key. They are sorted.
std::size_t unite(StoredKey *keys, std::size_t count) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (kept == 0 || compare(keys[kept - 1].key, keys[i].key) != 0) {
      keys[kept++] = keys[i];
      continue;
    }
    KeyState &state = keys[kept - 1].state;
    if (goes_on_with(keys[i].state.incident, state.incident)) state.incident = keys[i].state.incident;
    if (!keys[i].state.candidate.empty()) state.candidate = keys[i].state.candidate;
  }
  return kept;
}

Timestamp newest_time(const StoredKey &stored) {
  Timestamp newest = kFirstTime;
  const auto consider = [&](const std::optional<Timestamp> &time) {
    if (time && *time > newest) newest = *time;
  };
  if (stored.state.incident) {
    consider(stored.state.incident->evaluated_at);
  }
  consider(stored.state.candidate.failure_since);
  consider(stored.state.candidate.silence_since);
  return newest;
}

LeftIncidents read_left(std::uint64_t rows, bool orphans_marked) {
  LeftIncidents left = {static_cast<LeftIncident *>(palloc(rows * sizeof(LeftIncident))), rows};
  for (std::uint64_t i = 0; i < rows; ++i) {
    Columns columns(i);
    left.list[i].stored = read_incident(columns);
    left.list[i].orphaned = orphans_marked && columns.boolean();
  }
  return left;
}

// ---- incidents to rows ----

Datum reopens_array(const Incident &incident) {
  Datum times[kMostReopens];
  for (int i = 0; i < incident.remembered_reopens; ++i) {
    times[i] = TimestampTzGetDatum(incident.reopens[static_cast<std::size_t>(i)]);
  }
  return PointerGetDatum(construct_array(times, incident.remembered_reopens, TIMESTAMPTZOID, sizeof(TimestampTz),
                                         FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

// $1 to $27, of both statements below.
void put_incident(Parameters &parameters, const Incident &incident, Text message, const Remark &remark) {
  parameters.text(incident.critical() ? "critical" : "warning");
  parameters.boolean((incident.kinds & kSpikeKind) != 0);
  parameters.boolean((incident.kinds & kFailureKind) != 0);
  parameters.boolean((incident.kinds & kSilenceKind) != 0);
  parameters.count(incident.recent_count);
  parameters.count(incident.baseline_count);
  parameters.count(incident.recent_failures);
  parameters.count(incident.baseline_failures);
  parameters.time(incident.resolved_at);
  parameters.text(name_of(incident.status));
  parameters.time(incident.last_seen_at);
  parameters.time(incident.acknowledged_at);
  parameters.time(incident.ack_until);
  parameters.text(name_of(incident.resolve_reason));
  parameters.integer(incident.reopen_count);
  parameters.count(incident.peak_failures);
  parameters.number(incident.peak_multiplier);
  parameters.boolean(incident.flapping);
  parameters.text(message);
  parameters.boolean(incident.muted);
  parameters.time(incident.calm_since);
  parameters.time(incident.level_since);
  parameters.time(incident.evaluated_at);
  parameters.number(incident.usual_count);
  parameters.number(incident.usual_failure_ratio);
  parameters.text(name_of(incident.suppression));
  parameters.put(TIMESTAMPTZARRAYOID, reopens_array(incident));
  // $28 to $30
  remark.by_hand ? parameters.text(acting_user()) : parameters.null(TEXTOID);
  parameters.text(remark.note);
  remark.false_positive ? parameters.boolean(*remark.false_positive) : parameters.null(BOOLOID);
}

void insert_incident(Oid schema, Text source, const IncidentKey &key, Incident *incident, Text message) {
  Parameters parameters;
  put_incident(parameters, *incident, message, Remark());
  parameters.text(source);
  parameters.text(key.fleet ? "fleet" : "endpoint");
  parameters.text(key.tenant);
  parameters.text(key.endpoint);
  parameters.time(incident->detected_at);
  parameters.run(
      own_statement(schema,
                    "INSERT INTO @.anomalies (severity, spike_detected, failure_cluster_detected, "
                    "silence_detected, recent_count, baseline_count, recent_failures, baseline_failures, "
                    "resolved_at, status, last_seen_at, acknowledged_at, ack_until, resolve_reason, reopen_count, "
                    "peak_failures, peak_multiplier, flapping, message, muted, calm_since, level_since, evaluated_at, "
                    "usual_count, usual_failure_ratio, suppression, reopened_at, acknowledged_by, note, "
                    "false_positive, source, scope, tenant_id, endpoint, detected_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
                    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35) "
                    "RETURNING id"),
      SPI_OK_INSERT_RETURNING);
  incident->id = Columns(0).bigint();
}

void update_incident(Oid schema, const Incident &incident, Text message, const Remark &remark) {
  Parameters parameters;
  put_incident(parameters, incident, message, remark);
  parameters.bigint(incident.id);
  const std::uint64_t rows = parameters.run(
      own_statement(
          schema,
          "UPDATE @.anomalies SET severity = $1, spike_detected = $2, failure_cluster_detected = $3, "
          "silence_detected = $4, recent_count = $5, baseline_count = $6, recent_failures = $7, "
          "baseline_failures = $8, resolved_at = $9, status = $10, last_seen_at = $11, acknowledged_at = $12, "
          "ack_until = $13, resolve_reason = $14, reopen_count = $15, peak_failures = $16, "
          "peak_multiplier = $17, flapping = $18, message = coalesce($19, message), muted = $20, "
          "calm_since = $21, level_since = $22, evaluated_at = $23, usual_count = $24, usual_failure_ratio = $25, "
          "suppression = $26, reopened_at = $27, "
          "acknowledged_by = CASE WHEN $12 IS NULL THEN NULL "
          "WHEN $12 IS DISTINCT FROM acknowledged_at THEN $28 ELSE acknowledged_by END, "
          "resolved_by = CASE WHEN $9 IS NULL THEN NULL WHEN resolved_at IS NULL THEN $28 ELSE resolved_by END, "
          "note = coalesce($29, note), "
          "false_positive = CASE WHEN $9 IS NULL THEN NULL ELSE coalesce($30, false_positive) END "
          "WHERE id = $31"),
      SPI_OK_UPDATE);
  if (rows != 1) elog(ERROR, "incident " INT64_FORMAT " is gone", incident.id);
}

void record_event(Oid schema, std::int64_t incident, Event event, Timestamp at, bool muted, const Remark &remark) {
  const bool notifies = !muted && event != Event::kMuted && notifications_are_on();
  Parameters parameters;
  parameters.bigint(incident);
  parameters.text(name_of(event));
  parameters.time(at);
  parameters.text(remark.note);
  parameters.boolean(notifies);
  parameters.text(session_user_name());
  parameters.text(actor_or_null());
  parameters.run(
      own_statement(schema,
                    "INSERT INTO @.anomaly_events (anomaly_id, event, at, severity, status, source, tenant_id, "
                    "endpoint, scope, recent_count, baseline_count, recent_failures, baseline_failures, "
                    "peak_failures, peak_multiplier, message, resolve_reason, false_positive, note, notified, "
                    "by_user, actor) "
                    "SELECT id, $2, $3, severity, status, source, tenant_id, endpoint, scope, recent_count, "
                    "baseline_count, recent_failures, baseline_failures, peak_failures, peak_multiplier, message, "
                    "resolve_reason, false_positive, $4, $5, $6, $7 FROM @.anomalies WHERE id = $1 "
                    "RETURNING seq, severity, tenant_id, endpoint, message"),
      SPI_OK_INSERT_RETURNING);
  if (!notifies) return;
  Columns columns(0);
  EventNotice notice;
  notice.incident = incident;
  notice.event = name_of(event);
  notice.at = at;
  notice.seq = columns.bigint();
  notice.severity = columns.text();
  notice.tenant = columns.text();
  notice.endpoint = columns.text();
  notice.message = columns.text();
  notify(notice);
}

void put_key(Parameters &parameters, Text source, const IncidentKey &key) {
  parameters.text(source);
  parameters.text(key.fleet ? "fleet" : "endpoint");
  parameters.text(key.tenant);
  parameters.text(key.endpoint);
}

void store_candidate(Oid schema, Text source, const IncidentKey &key, const Candidate &candidate) {
  Parameters removed;
  put_key(removed, source, key);
  removed.run(own_statement(schema,
                            "DELETE FROM @.anomaly_candidates WHERE source = $1 AND scope = $2 AND "
                            "tenant_id IS NOT DISTINCT FROM $3 AND endpoint IS NOT DISTINCT FROM $4"),
              SPI_OK_DELETE);
  if (candidate.empty()) return;
  Parameters added;
  put_key(added, source, key);
  added.time(candidate.failure_since);
  added.time(candidate.silence_since);
  added.run(own_statement(schema,
                          "INSERT INTO @.anomaly_candidates (source, scope, tenant_id, endpoint, failure_since, "
                          "silence_since) VALUES ($1, $2, $3, $4, $5, $6)"),
            SPI_OK_INSERT);
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

StoredKeys load_keys(Oid schema, const char *source, Timestamp as_of, const LifecyclePolicy &policy) {
  Parameters parameters;
  parameters.text(source);
  parameters.time(as_of - policy.reopen_grace);
  const std::uint64_t incidents = parameters.run(
      own_statement(schema,
                    psprintf("SELECT %s FROM @.anomalies WHERE source = $1 AND (status <> 'resolved' OR "
                             "suppression IS NOT NULL) UNION ALL SELECT %s FROM @.anomalies WHERE source = $1 AND "
                             "status = 'resolved' AND suppression IS NULL AND resolved_at >= $2",
                             kIncidentColumns, kIncidentColumns)),
      SPI_OK_SELECT);
  const Rows incident_rows = Rows::latest();
  Parameters of_source;
  of_source.text(source);
  const std::uint64_t candidates =
      of_source.run(own_statement(schema,
                                  "SELECT scope, tenant_id, endpoint, failure_since, silence_since "
                                  "FROM @.anomaly_candidates WHERE source = $1"),
                    SPI_OK_SELECT);
  StoredKeys stored = {};
  stored.keys =
      static_cast<StoredKey *>(palloc_extended((incidents + candidates + 1) * sizeof(StoredKey), MCXT_ALLOC_HUGE));
  for (std::uint64_t i = 0; i < candidates; ++i) {
    Columns columns(i);
    stored.keys[stored.count++] = read_candidate(columns);
  }
  for (std::uint64_t i = 0; i < incidents; ++i) {
    Columns columns(i, incident_rows);
    const StoredIncident incident = read_incident(columns);
    stored.keys[stored.count++] = {incident.key, {incident.incident, Candidate()}};
  }
  pg_qsort(stored.keys, stored.count, sizeof(StoredKey), key_order);
  stored.count = unite(stored.keys, stored.count);
  stored.newest = kFirstTime;
  for (std::size_t i = 0; i < stored.count; ++i) {
    const KeyState &state = stored.keys[i].state;
    stored.newest = Max(stored.newest, newest_time(stored.keys[i]));
    stored.of_future =
        stored.of_future || (state.incident && is_of_future(*state.incident)) || is_of_future(state.candidate);
  }
  return stored;
}

bool load_incident(Oid schema, std::int64_t id, Datum tenants, StoredIncident *stored) {
  Parameters parameters;
  parameters.bigint(id);
  put_tenants(parameters, tenants);
  const char *statement = own_statement(
      schema,
      psprintf("SELECT %s FROM @.anomalies WHERE id = $1 AND ($2 IS NULL OR tenant_id = ANY ($2))", kIncidentColumns));
  if (parameters.run(statement, SPI_OK_SELECT) == 0) return false;
  Columns columns(0);
  *stored = read_incident(columns);
  return true;
}

LeftIncidents load_left_incidents(Oid schema, Timestamp as_of, const LifecyclePolicy &policy) {
  Parameters parameters;
  parameters.time(as_of - policy.expire_after);
  return read_left(
      parameters.run(
          own_statement(schema,
                        psprintf("SELECT * FROM (SELECT %s, NOT EXISTS (SELECT FROM @.delivery_sources s WHERE "
                                 "s.name = a.source) AS orphaned FROM @.anomalies a WHERE status <> 'resolved') i "
                                 "WHERE orphaned OR evaluated_at < $1 ORDER BY id",
                                 kIncidentColumns)),
          SPI_OK_SELECT),
      true);
}

LeftIncidents load_incidents_of(Oid schema, const char *source) {
  Parameters parameters;
  parameters.text(source);
  return read_left(parameters.run(own_statement(schema, psprintf("SELECT %s FROM @.anomalies WHERE source = $1 AND "
                                                                 "status <> 'resolved' ORDER BY id",
                                                                 kIncidentColumns)),
                                  SPI_OK_SELECT),
                   false);
}

void store_incident(Oid schema, Text source, const IncidentKey &key, Incident *incident, Text message,
                    const Events &events, Timestamp at, const Remark &remark) {
  if (incident->id == 0) {
    insert_incident(schema, source, key, incident, message);
  } else {
    update_incident(schema, *incident, message, remark);
  }
  for (const Event event : events) record_event(schema, incident->id, event, at, incident->muted, remark);
}

void store_step(Oid schema, Text source, Step *step, Timestamp at, const LifecyclePolicy &policy) {
  std::optional<Incident> &before = step->before.incident;
  std::optional<Incident> &after = step->after.incident;
  if (!(step->before.candidate == step->after.candidate)) {
    store_candidate(schema, source, step->key, step->after.candidate);
  }
  if (!after) return;
  if (before && before->id != after->id && before->suppression != Suppression::kNone) {
    // A new incident takes the place of one that kept it from opening.
    before->suppression = Suppression::kNone;
    before->calm_since.reset();
    update_incident(schema, *before, Text(), Remark());
  }
  if (step->events.count > 0 || !before || must_store(*before, *after, policy)) {
    store_incident(schema, source, step->key, &*after, step->message, step->events, at, Remark());
  }
}

std::pmr::vector<Mute> *load_mutes(Oid schema, Text source, Timestamp at) {
  Parameters parameters;
  parameters.time(at);
  parameters.text(source);
  const std::uint64_t rows =
      parameters.run(own_statement(schema,
                                   "SELECT m.tenant_id, m.endpoint, m.severity_cap FROM @.anomaly_mutes m "
                                   "WHERE m.starts_at <= $1 AND (m.ends_at IS NULL OR m.ends_at > $1) "
                                   "AND (m.source IS NULL OR m.source = $2) AND @.anomaly_mute_applies(m, $1)"),
                     SPI_OK_SELECT);
  auto *mutes = compute_in_context([](ContextMemory *memory, Poll &) { return std::pmr::vector<Mute>(memory); });
  for (std::uint64_t i = 0; i < rows; ++i) {
    Columns columns(i);
    Mute mute;
    mute.tenant = columns.text();
    mute.endpoint = columns.text();
    mute.warnings_only = columns.text() == "warning";
    guarded([&] { mutes->push_back(mute); });
  }
  return mutes;
}

}  // namespace insights::pg
