#include "incident_store.hpp"

#include "actor.hpp"
#include "catalog.hpp"
#include "notify.hpp"
#include "statement.hpp"

extern "C" {
#include "utils/array.h"
}

namespace insights::pg {

namespace {

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

}  // namespace insights::pg
