// Which deliveries are worth a replay.
#include "../core/replay.hpp"

#include "../core/replay_json.hpp"
#include "detection.hpp"
#include "json.hpp"
#include "rollup_type.hpp"
#include "row.hpp"
#include "window.hpp"

extern "C" {
#include "utils/array.h"
}

namespace insights::pg {

namespace {

// A delivery that failed and may be replayed. Its texts lie in SPI's memory.
struct Candidate {
  Text id;
  Timestamp created_at;
  Text tenant;
  Text endpoint;
  Text status;
  int label;  // an index of kReplayLabel
  int score;
  std::optional<int> attempts;
  bool held;
  double expected_success_rate;
  Text reason;
};

struct Replays {
  Window window;
  ReplayAdvice *advice;
  std::pmr::vector<Candidate> *candidates;
};

// The one evaluation of the detector that says which endpoints are failing at as_of.
HistoryPlan plan_evaluation(Timestamp as_of) {
  HistoryPlan plan;
  plan.detection = usual_detection(as_of);
  plan.step = kHour;
  return plan;
}

// Counts, in one scan, what the advice rests on.
ReplayAdvice *find_advice(FunctionCallInfo fcinfo, const Window &window, const Source *source, const char *tenant) {
  HistoryPlan plan = plan_evaluation(window.as_of);
  WindowScan scan = {};
  scan.edges = compute_in_context(
      [&](ContextMemory *memory, Poll &poll) { return replay_edges(plan, window.hours, poll, memory); });
  scan.counters = kReplayScanCounters;
  scan.source = source;
  scan.tenant = tenant;
  const std::string_view rollup = scan_for_detection(extension_schema(fcinfo), scan, &plan.detection);
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    return advise_replays(rollup, plan, window.hours, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
}

// The stored score where it is one; any other number there must not end the report.
void append_score(StringInfo query, const char *expression) {
  if (expression == nullptr) return append_as(query, nullptr, "int4");
  appendStringInfo(query, ", (CASE WHEN (%s) BETWEEN 0 AND 100 THEN (%s) END)::int4", expression, expression);
}

// The oldest candidates, those that are held back last. $3 and $4 are the tenants and the endpoints that are failing;
// $5 says how many; $6 and $7 are the exact bounds, since those on the raw column may be wider. Keys are joined as
// arrays because that hashes and takes NULLs for equal, and all texts are compared by bytes, as in the rollup. The
// source's expressions stand in a query of their own, where no other name is in their way.
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
  append_score(&query, source.field(Field::kTriageScore));
  append_as(&query, source.field(Field::kAttempts), "int4");
  append_deliveries(&query, request);
  appendStringInfoString(&query, " AND ");
  append_says_failed(&query, source);
  appendStringInfo(&query,
                   ") AS d (at, id, tenant, endpoint, status, label, score, attempts) LEFT JOIN (SELECT ARRAY[tenant "
                   "COLLATE \"C\", endpoint COLLATE \"C\"] AS key FROM unnest($3, $4) AS u (tenant, endpoint)) AS h "
                   "ON h.key = ARRAY[d.tenant COLLATE \"C\", d.endpoint COLLATE \"C\"] "
                   "WHERE d.label COLLATE \"C\" IN (%s, %s) AND d.id IS NOT NULL AND d.at > $6 AND d.at <= $7 "
                   "ORDER BY held, d.at, d.id COLLATE \"C\" LIMIT $5",
                   quote_literal_cstr(label_name(kReplayLabel[0])), quote_literal_cstr(label_name(kReplayLabel[1])));
  return query.data;
}

// One column of all held groups, as an array of texts.
Datum text_array(const std::pmr::vector<HeldGroup> &held, Text HeldGroup::*column) {
  const auto count = static_cast<int>(held.size());
  auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * (held.size() + 1)));
  auto *nulls = static_cast<bool *>(palloc(held.size() + 1));
  for (int i = 0; i < count; ++i) {
    const Text text = held[static_cast<std::size_t>(i)].*column;
    nulls[i] = is_null(text);
    values[i] = nulls[i] ? static_cast<Datum>(0)
                         : PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  }
  int dims[] = {count};
  int bounds[] = {1};
  return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, TEXTOID, -1, false, TYPALIGN_INT));
}

Text text_column(HeapTuple tuple, int column) {
  bool null = false;
  const Datum value = SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &null);
  return null ? Text() : text_of(DatumGetTextPP(value));
}

std::optional<int> int_column(HeapTuple tuple, int column) {
  bool null = false;
  const Datum value = SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &null);
  return null ? std::nullopt : std::optional<int>(DatumGetInt32(value));
}

Candidate read_candidate(HeapTuple tuple) {
  bool null = false;
  Candidate candidate = {};
  candidate.created_at = DatumGetTimestampTz(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &null));
  candidate.id = text_column(tuple, 2);
  candidate.tenant = text_column(tuple, 3);
  candidate.endpoint = text_column(tuple, 4);
  candidate.status = text_column(tuple, 5);
  candidate.label = text_column(tuple, 6) == label_name(kReplayLabel[0]) ? 0 : 1;
  candidate.score = int_column(tuple, 7).value_or(replay_score(candidate.label));
  candidate.attempts = int_column(tuple, 8);
  candidate.held = DatumGetBool(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 9, &null));
  return candidate;
}

std::pmr::vector<Candidate> *list_candidates(FunctionCallInfo fcinfo, const Window &window, int max_rows,
                                             const Replays &replays, const Source *source, const char *tenant) {
  ScanRequest request = {};
  request.schema = extension_schema(fcinfo);
  request.source = source;
  request.after = window.start();
  request.until = window.as_of;
  request.tenant = tenant;
  request.labels = true;
  const QueryParameters parameters = {
      5,
      {TEXTARRAYOID, TEXTARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
      {text_array(replays.advice->held_back, &HeldGroup::tenant),
       text_array(replays.advice->held_back, &HeldGroup::endpoint), Int64GetDatum(max_rows),
       TimestampTzGetDatum(request.after), TimestampTzGetDatum(request.until)}};
  run_query(request, candidates_query, parameters);
  const uint64 rows = SPI_processed;
  auto *read = static_cast<Candidate *>(palloc_extended(sizeof(Candidate) * (rows + 1), MCXT_ALLOC_HUGE));
  for (uint64 i = 0; i < rows; ++i) {
    CHECK_FOR_INTERRUPTS();
    read[i] = read_candidate(SPI_tuptable->vals[i]);
  }
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    std::pmr::vector<Candidate> candidates(read, read + rows, memory);
    for (Candidate &candidate : candidates) {
      poll.tick();
      const ReplayAdvice &advice = *replays.advice;
      candidate.expected_success_rate = advice.expected_success_rate(candidate.endpoint, candidate.label);
      candidate.reason = replay_reason(advice, candidate.tenant, candidate.endpoint, candidate.label, memory);
    }
    return candidates;
  });
}

void require_id(const Source *source) {
  if (source->field(Field::kId) != nullptr) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("delivery source \"%s\" has no id, by which a delivery could be replayed", source->name),
                  errhint("Map id when you register the source.")));
}

// (hours, max_rows, source, tenant, as_of). Between SPI_connect and SPI_finish.
Replays find_replays(FunctionCallInfo fcinfo) {
  Replays replays = {};
  replays.window = window_arguments(fcinfo, 0, 4);
  const int max_rows = int_argument(fcinfo, 1, "max_rows", 1, PG_INT32_MAX);
  const Source *source = source_argument(fcinfo, 2);
  const char *tenant = text_or_null(fcinfo, 3);
  require_id(source);
  replays.advice = find_advice(fcinfo, replays.window, source, tenant);
  replays.candidates = list_candidates(fcinfo, replays.window, max_rows, replays, source, tenant);
  return replays;
}

void put_candidate(ReturnSetInfo *result, const Candidate &candidate) {
  Row row;
  row.text(candidate.id);
  row.time(candidate.created_at);
  row.text(candidate.tenant);
  row.text(candidate.endpoint);
  row.text(candidate.status);
  row.text(label_name(kReplayLabel[candidate.label]));
  row.integer(candidate.score);
  candidate.attempts ? row.integer(*candidate.attempts) : row.null();
  row.text(candidate.held ? "hold" : "replay");
  row.number(candidate.expected_success_rate);
  row.text(candidate.reason);
  row.store(result);
}

// The ids of the recommended ones; and makes the names of the advice UTF-8, after which none can be found.
const std::pmr::vector<Text> *texts_for_json(const Replays &replays) {
  auto *ids = static_cast<Text *>(palloc(sizeof(Text) * (replays.candidates->size() + 1)));
  std::size_t count = 0;
  for (const Candidate &candidate : *replays.candidates) {
    if (!candidate.held) ids[count++] = to_utf8(candidate.id);
  }
  for (ReplayEndpoint &endpoint : replays.advice->endpoints) endpoint.endpoint = to_utf8(endpoint.endpoint);
  for (HeldGroup &held : replays.advice->held_back) {
    held.tenant = to_utf8(held.tenant);
    held.endpoint = to_utf8(held.endpoint);
    held.message = to_utf8(held.message);
  }
  return compute_in_context(
      [&](ContextMemory *memory, Poll &) { return std::pmr::vector<Text>(ids, ids + count, memory); });
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// replay_recommendations(hours, max_rows, source, tenant, as_of) -> setof (delivery_id, created_at, tenant_id, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_replay_recommendations) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Replays replays = find_replays(fcinfo);
  RowContext context;
  for (const Candidate &candidate : *replays.candidates) {
    context.enter();
    put_candidate(result, candidate);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// replay_recommendations_json(hours, max_rows, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_replay_recommendations_json) {
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  const Replays replays = find_replays(fcinfo);
  ReplayReport report = {};
  report.window = replays.window;
  report.advice = replays.advice;
  report.ids = texts_for_json(replays);
  return finish_json(caller, [&](ByteWriter &out, Poll &poll) { write_replay_json(report, out, poll); });
}
