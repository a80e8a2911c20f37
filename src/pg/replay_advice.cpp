#include "replay_advice.hpp"

#include <algorithm>

#include "array.hpp"
#include "catalog.hpp"
#include "detection.hpp"
#include "role.hpp"
#include "rollup_type.hpp"
#include "statement.hpp"
#include "tenants.hpp"

namespace insights::pg {

namespace {

// The one evaluation of the detector that says which endpoints are failing at as_of.
HistoryPlan plan_evaluation(Timestamp as_of) {
  HistoryPlan plan;
  plan.detection = usual_detection(as_of);
  plan.step = kHour;
  return plan;
}

// An incident as the reason of a hold. It tells no figures: whoever asks may see only some of the deliveries.
HeldGroup read_incident(std::uint64_t row) {
  Columns columns(row);
  HeldGroup held;
  held.fleet = columns.boolean();
  held.tenant = columns.text();
  held.endpoint = columns.text();
  const char *since = timestamptz_to_str(columns.time());
  held.message = Text(psprintf("an incident is open since %s", since));
  return held;
}

// Failure clusters that are not resolved, read with the rights of the owner, since the caller need have none on them;
// who is restricted to tenants hears of theirs.
const std::pmr::vector<HeldGroup> *find_incidents(Oid schema, const Source *source, Timestamp as_of) {
  Parameters parameters;
  parameters.text(source->name);
  parameters.time(as_of);
  put_tenants(parameters, tenants_of(schema, GetUserId()));
  const Identity caller = become(owner_of(own_table(schema, "delivery_sources")));
  const std::uint64_t rows = parameters.read(
      own_statement(schema,
                    "SELECT scope = 'fleet', tenant_id, endpoint, detected_at FROM @.anomalies WHERE source = $1 AND "
                    "status <> 'resolved' AND failure_cluster_detected AND detected_at <= $2 AND ($3 IS NULL OR "
                    "tenant_id = ANY ($3))"));
  become(caller);
  auto *read = static_cast<HeldGroup *>(palloc(sizeof(HeldGroup) * (rows + 1)));
  for (std::uint64_t i = 0; i < rows; ++i) read[i] = read_incident(i);
  return compute_in_context(
      [&](ContextMemory *memory, Poll &) { return std::pmr::vector<HeldGroup>(read, read + rows, memory); });
}

// $3 and $4 are the tenants and the endpoints that are failing; $5 says how many; $6 and $7 are the exact bounds, since
// those on the raw column may be wider. Keys are joined as arrays because that hashes and takes NULLs for equal, and
// all texts are compared by bytes, as in the rollup. The source's expressions stand in a query of their own, where no
// other name is in their way.
char *candidates_query(const ScanRequest &request) {
  const Source &source = *request.source;
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT d.*, h.key IS NOT NULL AS held FROM (SELECT ");
  append_created_at(&query, source);
  append_as(&query, source.field(Field::kId), "text");
  append_as(&query, source.field(Field::kTenantId), "text");
  append_as(&query, source.field(Field::kEndpoint), "text");
  append_as(&query, source.field(Field::kStatus), "text");
  append_label(&query, request);
  append_number(&query, source, Field::kTriageScore);
  append_number(&query, source, Field::kAttempts);
  append_deliveries(&query, request);
  appendStringInfoString(&query, " AND ");
  append_status_in(&query, source, kFailedStatuses);
  appendStringInfoString(&query,
                         ") AS d (at, id, tenant, endpoint, status, label, score, attempts) LEFT JOIN (SELECT "
                         "ARRAY[tenant COLLATE \"C\", endpoint COLLATE \"C\"] AS key FROM unnest($3, $4) AS u (tenant, "
                         "endpoint)) AS h ON h.key = ARRAY[d.tenant COLLATE \"C\", d.endpoint COLLATE \"C\"] "
                         "WHERE d.id IS NOT NULL AND d.at > $6 AND d.at <= $7");
  if (request.filter->labels) {
    appendStringInfoString(&query, " AND ");
    append_label_in(&query, "d.label", *request.filter->labels);
  }
  appendStringInfoString(&query, " ORDER BY held, d.at, d.id COLLATE \"C\" LIMIT $5");
  return query.data;
}

// One column of the held groups, as an array of texts: of those whose deliveries the caller has seen. What a query is
// given shows in the plans that a session may print.
Datum text_array(const std::pmr::vector<HeldGroup> &held, Text HeldGroup::*column) {
  ArrayBuilder texts(TEXTOID);
  for (const HeldGroup &group : held) {
    if (group.seen) texts.add(group.*column);
  }
  return texts.array();
}

Candidate read_candidate(std::uint64_t row) {
  Columns columns(row);
  Candidate candidate = {};
  candidate.created_at = columns.time();
  candidate.id = columns.text();
  candidate.tenant = columns.text();
  candidate.endpoint = columns.text();
  candidate.status = columns.text();
  candidate.label = columns.text();
  candidate.score = columns.integer_or_null();
  candidate.attempts = columns.integer_or_null();
  candidate.held = columns.boolean();
  return candidate;
}

void advise(Candidate &candidate, const ReplayAdvice &advice, std::pmr::memory_resource *memory) {
  const std::optional<int> label = replay_label(candidate.label);
  candidate.held = candidate.held || advice.find_held(candidate.tenant, candidate.endpoint) != nullptr;
  if (label) {
    candidate.expected_success_rate = advice.expected_success_rate(candidate.endpoint, *label);
    if (!candidate.score) candidate.score = replay_score(*label);
  }
  candidate.reason = replay_reason(advice, candidate.tenant, candidate.endpoint, label, memory);
}

}  // namespace

ReplayAdvice *find_advice(Oid schema, const Window &window, const Source *source, const char *tenant) {
  HistoryPlan plan = plan_evaluation(window.as_of);
  WindowScan scan = {};
  scan.edges = compute_in_context(
      [&](ContextMemory *memory, Poll &poll) { return replay_edges(plan, window.hours, poll, memory); });
  scan.counters = kReplayScanCounters;
  scan.source = source;
  scan.tenant = tenant;
  const std::string_view rollup = scan_for_detection(schema, scan, &plan.detection);
  const auto *incidents = find_incidents(schema, source, window.as_of);
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    return advise_replays(rollup, plan, window.hours, *incidents, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
}

const std::pmr::vector<Candidate> *list_candidates(const CandidateRequest &request, const ReplayAdvice &advice) {
  ScanRequest scan = {};
  scan.schema = request.schema;
  scan.source = request.source;
  scan.after = request.after;
  scan.until = request.until;
  scan.tenant = request.tenant;
  scan.labels = true;
  scan.filter = request.filter;
  const QueryParameters parameters = {
      5,
      {TEXTARRAYOID, TEXTARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
      {text_array(advice.held_back, &HeldGroup::tenant), text_array(advice.held_back, &HeldGroup::endpoint),
       Int64GetDatum(request.max_rows), TimestampTzGetDatum(scan.after), TimestampTzGetDatum(scan.until)}};
  run_query(scan, candidates_query, parameters);
  const std::uint64_t rows = Rows::latest().count();
  auto *read = static_cast<Candidate *>(palloc_extended(sizeof(Candidate) * (rows + 1), MCXT_ALLOC_HUGE));
  for (uint64 i = 0; i < rows; ++i) {
    CHECK_FOR_INTERRUPTS();
    read[i] = read_candidate(i);
  }
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    std::pmr::vector<Candidate> candidates(read, read + rows, memory);
    for (Candidate &candidate : candidates) {
      poll.tick();
      advise(candidate, advice, memory);
    }
    // By incidents of which the query knew nothing.
    std::stable_partition(candidates.begin(), candidates.end(), [](const Candidate &one) { return !one.held; });
    return candidates;
  });
}

}  // namespace insights::pg
