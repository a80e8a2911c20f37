#include "incident_store.hpp"

#include "actor.hpp"
#include "catalog.hpp"
#include "notify.hpp"
#include "parameter_rows.hpp"

namespace insights::pg {

namespace {

// ---- incidents ----

// The columns of put_incident(), in its order.
constexpr const char *kChangeColumns =
    "severity, spike_detected, failure_cluster_detected, silence_detected, recent_count, baseline_count, "
    "recent_failures, baseline_failures, resolved_at, status, last_seen_at, acknowledged_at, ack_until, "
    "resolve_reason, reopen_count, peak_failures, peak_multiplier, flapping, message, muted, calm_since, level_since, "
    "evaluated_at, usual_count, usual_failure_ratio, suppression, first_reopening, last_reopening";

// Incidents as rows. Arrays cannot be rows of an array, so the times of all reopenings are in one, one incident's after
// another's.
struct ChangeRows {
  ParameterRows rows;
  ArrayBuilder reopenings = ArrayBuilder(TIMESTAMPTZOID);
  int reopenings_count = 0;
};

void put_reopenings(ChangeRows *changes, const Incident &incident) {
  changes->rows.integer(changes->reopenings_count + 1);
  for (int i = 0; i < incident.remembered_reopens; ++i) {
    changes->reopenings.add(TimestampTzGetDatum(incident.reopens[static_cast<std::size_t>(i)]));
  }
  changes->reopenings_count += incident.remembered_reopens;
  changes->rows.integer(changes->reopenings_count);
}

void put_incident(ChangeRows *changes, const Incident &incident, Text message) {
  ParameterRows &row = changes->rows;
  row.begin_row();
  row.text(incident.critical() ? "critical" : "warning");
  row.boolean((incident.kinds & kSpikeKind) != 0);
  row.boolean((incident.kinds & kFailureKind) != 0);
  row.boolean((incident.kinds & kSilenceKind) != 0);
  row.count(incident.recent_count);
  row.count(incident.baseline_count);
  row.count(incident.recent_failures);
  row.count(incident.baseline_failures);
  row.time(incident.resolved_at);
  row.text(name_of(incident.status));
  row.time(incident.last_seen_at);
  row.time(incident.acknowledged_at);
  row.time(incident.ack_until);
  row.text(name_of(incident.resolve_reason));
  row.integer(incident.reopen_count);
  row.count(incident.peak_failures);
  row.number(incident.peak_multiplier);
  row.boolean(incident.flapping);
  row.text(message);
  row.boolean(incident.muted);
  row.time(incident.calm_since);
  row.time(incident.level_since);
  row.time(incident.evaluated_at);
  row.number(incident.usual_count);
  row.number(incident.usual_failure_ratio);
  row.text(name_of(incident.suppression));
  put_reopenings(changes, incident);
}

void put_key(ParameterRows *row, Text source, const IncidentKey &key) {
  row->text(source);
  row->text(key.fleet ? "fleet" : "endpoint");
  row->text(key.tenant);
  row->text(key.endpoint);
}

// Puts the rows, then the reopenings, of which `slice` is what belongs to row r.
const char *put_changes(Parameters *parameters, const ChangeRows &changes) {
  changes.rows.put_into(parameters);
  parameters->put(TIMESTAMPTZARRAYOID, changes.reopenings.array());
  return psprintf("($%d::timestamptz[])[r.first_reopening:r.last_reopening]", parameters->count());
}

void require_all(std::uint64_t rows, std::size_t expected) {
  if (rows != expected) elog(ERROR, "%zu incidents were to be stored, " UINT64_FORMAT " were", expected, rows);
}

// Those without an id, in the order of the list, which is then that of their ids.
void insert_incidents(Oid schema, Change *changes, std::size_t count) {
  ChangeRows added;
  std::size_t expected = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Change &change = changes[i];
    if (change.incident.id != 0) continue;
    put_incident(&added, change.incident, change.message);
    put_key(&added.rows, change.source, change.key);
    added.rows.time(change.incident.detected_at);
    ++expected;
  }
  if (expected == 0) return;
  Parameters parameters;
  const char *reopenings = put_changes(&parameters, added);
  const char *statement = psprintf(
      "INSERT INTO @.anomalies (severity, spike_detected, failure_cluster_detected, silence_detected, "
      "recent_count, baseline_count, recent_failures, baseline_failures, resolved_at, status, last_seen_at, "
      "acknowledged_at, ack_until, resolve_reason, reopen_count, peak_failures, peak_multiplier, flapping, "
      "message, muted, calm_since, level_since, evaluated_at, usual_count, usual_failure_ratio, suppression, "
      "reopened_at, source, scope, tenant_id, endpoint, detected_at) "
      "SELECT severity, spike_detected, failure_cluster_detected, silence_detected, "
      "recent_count, baseline_count, recent_failures, baseline_failures, resolved_at, status, last_seen_at, "
      "acknowledged_at, ack_until, resolve_reason, reopen_count, peak_failures, peak_multiplier, flapping, "
      "message, muted, calm_since, level_since, evaluated_at, usual_count, usual_failure_ratio, suppression, "
      "%s, source, scope, tenant_id, endpoint, detected_at "
      "FROM %s WITH ORDINALITY AS r(%s, source, scope, tenant_id, endpoint, detected_at, place) "
      "ORDER BY place RETURNING id",
      reopenings, added.rows.unnest(), kChangeColumns);
  require_all(parameters.run(own_statement(schema, statement), SPI_OK_INSERT_RETURNING), expected);
  std::uint64_t row = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (changes[i].incident.id == 0) changes[i].incident.id = Columns(row++).bigint();
  }
}

// Puts what an operator says, and gives what the columns that tell of it are set to.
const char *put_remark(Parameters *parameters, const Remark &remark) {
  const int first = parameters->count() + 1;
  remark.by_hand ? parameters->text(acting_user()) : parameters->null(TEXTOID);
  parameters->text(remark.note);
  remark.false_positive ? parameters->boolean(*remark.false_positive) : parameters->null(BOOLOID);
  return psprintf(
      "acknowledged_by = CASE WHEN r.acknowledged_at IS NULL THEN NULL "
      "WHEN r.acknowledged_at IS DISTINCT FROM a.acknowledged_at THEN $%d ELSE a.acknowledged_by END, "
      "resolved_by = CASE WHEN r.resolved_at IS NULL THEN NULL WHEN a.resolved_at IS NULL THEN $%d "
      "ELSE a.resolved_by END, "
      "note = coalesce($%d, a.note), "
      "false_positive = CASE WHEN r.resolved_at IS NULL THEN NULL ELSE coalesce($%d, a.false_positive) END",
      first, first, first + 1, first + 2);
}

void update_incidents(Oid schema, const Change *changes, std::size_t count, const Remark &remark) {
  ChangeRows changed;
  std::size_t expected = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (changes[i].incident.id == 0) continue;
    put_incident(&changed, changes[i].incident, changes[i].message);
    changed.rows.bigint(changes[i].incident.id);
    ++expected;
  }
  if (expected == 0) return;
  Parameters parameters;
  const char *reopenings = put_changes(&parameters, changed);
  const char *statement = psprintf(
      "UPDATE @.anomalies a SET severity = r.severity, spike_detected = r.spike_detected, "
      "failure_cluster_detected = r.failure_cluster_detected, silence_detected = r.silence_detected, "
      "recent_count = r.recent_count, baseline_count = r.baseline_count, recent_failures = r.recent_failures, "
      "baseline_failures = r.baseline_failures, resolved_at = r.resolved_at, status = r.status, "
      "last_seen_at = r.last_seen_at, acknowledged_at = r.acknowledged_at, ack_until = r.ack_until, "
      "resolve_reason = r.resolve_reason, reopen_count = r.reopen_count, peak_failures = r.peak_failures, "
      "peak_multiplier = r.peak_multiplier, flapping = r.flapping, message = coalesce(r.message, a.message), "
      "muted = r.muted, calm_since = r.calm_since, level_since = r.level_since, evaluated_at = r.evaluated_at, "
      "usual_count = r.usual_count, usual_failure_ratio = r.usual_failure_ratio, suppression = r.suppression, "
      "reopened_at = %s, %s FROM %s AS r(%s, id) WHERE a.id = r.id",
      reopenings, put_remark(&parameters, remark), changed.rows.unnest(), kChangeColumns);
  require_all(parameters.run_by_index(own_statement(schema, statement), SPI_OK_UPDATE), expected);
}

// ---- events ----

void announce(Columns columns, Timestamp at) {
  EventNotice notice;
  notice.at = at;
  notice.seq = columns.bigint();
  notice.incident = columns.bigint();
  notice.event = columns.text();
  const bool notified = columns.boolean();
  notice.severity = columns.text();
  notice.tenant = columns.text();
  notice.endpoint = columns.text();
  notice.message = columns.text();
  if (notified) notify(notice);
}

void record_events(Oid schema, const Change *changes, std::size_t count, Timestamp at, const Remark &remark) {
  const bool on = notifications_are_on();
  ParameterRows events;
  std::size_t expected = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (const Event event : changes[i].events) {
      events.begin_row();
      events.bigint(changes[i].incident.id);
      events.text(name_of(event));
      events.boolean(on && !changes[i].incident.muted && event != Event::kMuted);
      ++expected;
    }
  }
  if (expected == 0) return;
  Parameters parameters;
  events.put_into(&parameters);
  parameters.time(at);
  parameters.text(remark.note);
  parameters.text(session_user_name());
  parameters.text(actor_or_null());
  const std::uint64_t rows = parameters.run_by_index(
      own_statement(schema,
                    "INSERT INTO @.anomaly_events (anomaly_id, event, at, severity, status, source, tenant_id, "
                    "endpoint, scope, recent_count, baseline_count, recent_failures, baseline_failures, "
                    "peak_failures, peak_multiplier, message, resolve_reason, false_positive, note, notified, "
                    "by_user, actor) "
                    "SELECT a.id, r.event, $4, severity, status, source, tenant_id, endpoint, scope, recent_count, "
                    "baseline_count, recent_failures, baseline_failures, peak_failures, peak_multiplier, message, "
                    "resolve_reason, false_positive, $5, r.notified, $6, $7 "
                    "FROM unnest($1, $2, $3) WITH ORDINALITY AS r(id, event, notified, place) "
                    "JOIN @.anomalies a ON a.id = r.id ORDER BY r.place "
                    "RETURNING seq, anomaly_id, event, notified, severity, tenant_id, endpoint, message"),
      SPI_OK_INSERT_RETURNING);
  require_all(rows, expected);
  if (!on) return;
  for (std::uint64_t i = 0; i < rows; ++i) announce(Columns(i), at);
}

// ---- candidates ----

void remove_candidates(Oid schema, const ParameterRows &keys) {
  Parameters parameters;
  keys.put_into(&parameters);
  parameters.run_by_index(own_statement(schema,
                                        "DELETE FROM @.anomaly_candidates c USING unnest($1, $2, $3, $4) "
                                        "AS r(source, scope, tenant_id, endpoint) "
                                        "WHERE @.anomaly_key(c.source, c.tenant_id, c.endpoint, c.scope) = "
                                        "@.anomaly_key(r.source, r.tenant_id, r.endpoint, r.scope)"),
                          SPI_OK_DELETE);
}

void add_candidates(Oid schema, const ParameterRows &candidates) {
  Parameters parameters;
  candidates.put_into(&parameters);
  parameters.run(own_statement(schema,
                               "INSERT INTO @.anomaly_candidates (source, scope, tenant_id, endpoint, failure_since, "
                               "silence_since) SELECT * FROM unnest($1, $2, $3, $4, $5, $6) "
                               "ON CONFLICT (@.anomaly_key(source, tenant_id, endpoint, scope)) DO UPDATE SET "
                               "failure_since = excluded.failure_since, silence_since = excluded.silence_since"),
                 SPI_OK_INSERT);
}

void store_candidates(Oid schema, Text source, const Step *steps, std::size_t count) {
  ParameterRows removed;
  ParameterRows added;
  for (std::size_t i = 0; i < count; ++i) {
    const Candidate &candidate = steps[i].after.candidate;
    if (steps[i].before.candidate == candidate) continue;
    ParameterRows *rows = candidate.empty() ? &removed : &added;
    rows->begin_row();
    put_key(rows, source, steps[i].key);
    if (candidate.empty()) continue;
    added.time(candidate.failure_since);
    added.time(candidate.silence_since);
  }
  if (!removed.empty()) remove_candidates(schema, removed);
  if (!added.empty()) add_candidates(schema, added);
}

// A new incident takes the place of one that kept it from opening.
bool takes_place_of(const Incident &after, const std::optional<Incident> &before) {
  return before && before->id != after.id && before->suppression != Suppression::kNone;
}

Incident no_longer_suppressing(Incident before) {
  before.suppression = Suppression::kNone;
  before.calm_since.reset();
  return before;
}

}  // namespace

void store_changes(Oid schema, Change *changes, std::size_t count, Timestamp at, const Remark &remark) {
  update_incidents(schema, changes, count, remark);
  insert_incidents(schema, changes, count);
  record_events(schema, changes, count, at, remark);
}

void store_steps(Oid schema, Text source, const Step *steps, std::size_t count, Timestamp at,
                 const LifecyclePolicy &policy) {
  store_candidates(schema, source, steps, count);
  auto *changes = static_cast<Change *>(palloc(2 * count * sizeof(Change)));
  std::size_t changed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Step &step = steps[i];
    const std::optional<Incident> &before = step.before.incident;
    const std::optional<Incident> &after = step.after.incident;
    if (!after) continue;
    if (takes_place_of(*after, before)) {
      changes[changed++] = {source, step.key, no_longer_suppressing(*before), Text(), Events()};
    }
    if (step.events.count > 0 || !before || must_store(*before, *after, policy)) {
      changes[changed++] = {source, step.key, *after, step.message, step.events};
    }
  }
  store_changes(schema, changes, changed, at, Remark());
}

}  // namespace insights::pg
