#include "incident_rows.hpp"

#include "catalog.hpp"
#include "compute.hpp"
#include "future.hpp"
#include "statement.hpp"
#include "tenants.hpp"

extern "C" {
#include "utils/array.h"
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

Text kept(Text text) { return is_null(text) ? text : Text(pnstrdup(text.data(), text.size()), text.size()); }

IncidentKey kept(const IncidentKey &key) { return {key.fleet, kept(key.tenant), kept(key.endpoint)}; }

StoredKey read_candidate(Columns &columns) {
  StoredKey stored = {};
  stored.key = kept(read_key(columns));
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

IncidentRows read_incidents(std::uint64_t rows) {
  IncidentRows read = {static_cast<StoredIncident *>(palloc(rows * sizeof(StoredIncident))), rows};
  for (std::uint64_t i = 0; i < rows; ++i) {
    Columns columns(i);
    read.list[i] = read_incident(columns);
  }
  return read;
}

StoredKey read_stored(Columns &columns) {
  const StoredIncident stored = read_incident(columns);
  return {kept(stored.key), {stored.incident, Candidate()}};
}

// Adds what a SELECT gives, kAtOnce rows at a time.
template <typename Read>
void add_keys(Parameters &parameters, const char *statement, Read read, StoredKeys *stored) {
  MemoryContext context = CurrentMemoryContext;
  Portal cursor = parameters.open(statement);
  for (;;) {
    SPI_cursor_fetch(cursor, true, kAtOnce);
    MemoryContextSwitchTo(context);  // SPI leaves its own
    const Rows rows = Rows::latest();
    if (rows.count() == 0) break;
    const Size size = (stored->count + rows.count()) * sizeof(StoredKey);
    stored->keys = static_cast<StoredKey *>(stored->keys == nullptr ? palloc_extended(size, MCXT_ALLOC_HUGE)
                                                                    : repalloc_huge(stored->keys, size));
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
      Columns columns(i, rows);
      stored->keys[stored->count++] = read(columns);
    }
    rows.free();
  }
  SPI_cursor_close(cursor);
  MemoryContextSwitchTo(context);
}

}  // namespace

StoredKeys load_keys(Oid schema, const char *source, Timestamp as_of, const LifecyclePolicy &policy) {
  StoredKeys stored = {};
  Parameters of_source;
  of_source.text(source);
  add_keys(of_source,
           own_statement(schema,
                         "SELECT scope, tenant_id, endpoint, failure_since, silence_since "
                         "FROM @.anomaly_candidates WHERE source = $1"),
           read_candidate, &stored);
  Parameters parameters;
  parameters.text(source);
  parameters.time(as_of - policy.reopen_grace);
  add_keys(parameters,
           own_statement(schema,
                         psprintf("SELECT %s FROM @.anomalies WHERE source = $1 AND (status <> 'resolved' OR "
                                  "suppression IS NOT NULL) UNION ALL SELECT %s FROM @.anomalies WHERE source = $1 AND "
                                  "status = 'resolved' AND suppression IS NULL AND resolved_at >= $2",
                                  kIncidentColumns, kIncidentColumns)),
           read_stored, &stored);
  if (stored.count > 0) pg_qsort(stored.keys, stored.count, sizeof(StoredKey), key_order);
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

IncidentRows load_incidents(Oid schema, Datum ids) {
  Parameters parameters;
  parameters.put(INT8ARRAYOID, ids);
  return read_incidents(parameters.run_by_index(
      own_statement(schema, psprintf("SELECT %s FROM @.anomalies WHERE id = ANY ($1) ORDER BY id", kIncidentColumns)),
      SPI_OK_SELECT));
}

IncidentRows load_incidents_of(Oid schema, const char *source, std::int64_t after) {
  Parameters parameters;
  parameters.text(source);
  parameters.bigint(after);
  parameters.integer(kAtOnce);
  return read_incidents(
      parameters.run(own_statement(schema, psprintf("SELECT %s FROM @.anomalies WHERE source = $1 AND id > $2 AND "
                                                    "status <> 'resolved' ORDER BY id LIMIT $3",
                                                    kIncidentColumns)),
                     SPI_OK_SELECT));
}

LeftIncidents load_left_incidents(Oid schema, Timestamp as_of, const LifecyclePolicy &policy, std::int64_t after) {
  Parameters parameters;
  parameters.time(as_of - policy.expire_after);
  parameters.bigint(after);
  parameters.integer(kAtOnce);
  const std::uint64_t rows = parameters.run(
      own_statement(schema, psprintf("SELECT * FROM (SELECT %s, NOT EXISTS (SELECT FROM @.delivery_sources s WHERE "
                                     "s.name = a.source) AS orphaned FROM @.anomalies a WHERE status <> 'resolved' AND "
                                     "id > $2) i WHERE orphaned OR evaluated_at < $1 ORDER BY id LIMIT $3",
                                     kIncidentColumns)),
      SPI_OK_SELECT);
  LeftIncidents left = {static_cast<LeftIncident *>(palloc(rows * sizeof(LeftIncident))), rows};
  for (std::uint64_t i = 0; i < rows; ++i) {
    Columns columns(i);
    left.list[i].stored = read_incident(columns);
    left.list[i].orphaned = columns.boolean();
  }
  return left;
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
    mute.tenant = kept(columns.text());
    mute.endpoint = kept(columns.text());
    mute.warnings_only = columns.text() == "warning";
    guarded([&] { mutes->push_back(mute); });
  }
  return mutes;
}

}  // namespace insights::pg
