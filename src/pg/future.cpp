#include "future.hpp"

#include "catalog.hpp"
#include "statement.hpp"

extern "C" {
#include "access/xact.h"
#include "lib/stringinfo.h"
}

namespace insights::pg {

namespace {

constexpr const char *kTimesOfIncidents[] = {"detected_at", "last_seen_at", "evaluated_at",   "level_since",
                                             "calm_since",  "resolved_at",  "acknowledged_at"};
constexpr const char *kTimesOfCandidates[] = {"failure_since", "silence_since"};
constexpr const char *kTimesOfEvents[] = {"at"};

// $1: what a time that is later than $2 becomes. `also` is one more assignment.
template <std::size_t kCount>
void settle(Oid schema, const char *table, const char *const (&columns)[kCount], const char *also) {
  StringInfoData statement;
  StringInfoData all;
  initStringInfo(&statement);
  initStringInfo(&all);
  appendStringInfo(&statement, "UPDATE @.%s SET ", table);
  for (const char *column : columns) {
    const char *comma = column == columns[0] ? "" : ", ";
    appendStringInfo(&statement, "%s%s = CASE WHEN %s > $2 THEN $1 ELSE %s END", comma, column, column, column);
    appendStringInfo(&all, "%s%s", comma, column);
  }
  appendStringInfo(&statement, "%s WHERE greatest(%s) > $2", also, all.data);
  const TimestampTz now = GetCurrentTimestamp();
  Parameters parameters;
  // Whoever evaluates as of the beginning of this transaction comes no later than what is settled.
  parameters.time(Min(now, GetCurrentTransactionStartTimestamp()));
  parameters.time(now);
  parameters.run(own_statement(schema, statement.data), SPI_OK_UPDATE);
}

}  // namespace

bool is_of_future(const Incident &incident) {
  const TimestampTz now = GetCurrentTimestamp();
  return incident.detected_at > now || incident.last_seen_at > now || incident.evaluated_at > now ||
         incident.level_since > now || incident.calm_since.value_or(now) > now ||
         incident.resolved_at.value_or(now) > now || incident.acknowledged_at.value_or(now) > now;
}

bool is_of_future(const Candidate &candidate) {
  const TimestampTz now = GetCurrentTimestamp();
  return candidate.failure_since.value_or(now) > now || candidate.silence_since.value_or(now) > now;
}

bool holds_future(Oid schema, int events) {
  Parameters parameters;
  parameters.time(GetCurrentTimestamp());
  parameters.integer(events);
  return parameters.run(
             own_statement(schema,
                           "SELECT FROM @.anomalies WHERE status = 'resolved' AND resolved_at > $1 "
                           "UNION ALL SELECT FROM @.anomalies WHERE status <> 'resolved' AND greatest(evaluated_at, "
                           "last_seen_at, level_since, calm_since) > $1 "
                           "UNION ALL SELECT FROM (SELECT at FROM @.anomaly_events ORDER BY seq LIMIT $2) e WHERE at > "
                           "$1 LIMIT 1"),
             SPI_OK_SELECT) > 0;
}

void settle_future(Oid schema) {
  settle(schema, "anomalies", kTimesOfIncidents,
         ", reopened_at = ARRAY(SELECT CASE WHEN t > $2 THEN $1 ELSE t END FROM unnest(reopened_at) WITH ORDINALITY "
         "AS u (t, place) ORDER BY place)");
  settle(schema, "anomaly_candidates", kTimesOfCandidates, "");
  settle(schema, "anomaly_events", kTimesOfEvents, "");
}

}  // namespace insights::pg
