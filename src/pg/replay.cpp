// Which deliveries are worth a replay, and what a replay of some would mean.
#include "../core/replay.hpp"

#include "../core/replay_json.hpp"
#include "array.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "id_list.hpp"
#include "json.hpp"
#include "replay_advice.hpp"
#include "replay_obstacle.hpp"
#include "replay_refusals.hpp"
#include "row.hpp"
#include "window.hpp"

namespace insights::pg {

namespace {

// Failed deliveries of so many hours are meant where a plan's filter says nothing.
constexpr int kPlanHours = 24;
// What its expectations rest on: a dry run must not take as long as a report on the day.
constexpr int kRecordHours = 6;

struct Replays {
  const char *obstacle;  // why none of them can be put back in line; null where they can, or for advice
  Refusals refusals;     // why single ones cannot
  Window window;
  ReplayAdvice *advice;
  const std::pmr::vector<Candidate> *candidates;
};

// The labels that are worth it.
DeliveryFilter worthwhile() {
  DeliveryFilter filter = {};
  filter.labels = LabelSet();
  for (const LabelClass label : kReplayLabel) (*filter.labels)[static_cast<std::size_t>(label)] = true;
  return filter;
}

// (hours, max_rows, source, tenant, as_of). Between SPI_connect and SPI_finish.
Replays find_replays(FunctionCallInfo fcinfo) {
  Replays replays = {};
  replays.window = window_arguments(fcinfo, 0, 4);
  const DeliveryFilter filter = worthwhile();
  CandidateRequest request = {};
  request.schema = extension_schema(fcinfo);
  request.max_rows = int_argument(fcinfo, 1, "max_rows", 1, PG_INT32_MAX);
  request.source = source_argument(fcinfo, 2);
  request.tenant = text_or_null(fcinfo, 3);
  request.filter = &filter;
  request.after = replays.window.start();
  request.until = replays.window.as_of;
  require_id(request.source);
  replays.advice = find_advice(request.schema, replays.window, request.source, request.tenant);
  replays.candidates = list_candidates(request, *replays.advice);
  return replays;
}

const char *refused(const char *why, const char *hint) {
  return psprintf("It would be refused: %s.%s%s", why, hint != nullptr ? " " : "", hint != nullptr ? hint : "");
}

// What is in the way of the plan's deliveries, of all or of single ones.
void find_obstacles(const Source &source, Replays *replays) {
  const Possibility possibility = find_possibility(source);
  if (possibility.obstacle != nullptr) {
    replays->obstacle = refused(possibility.obstacle, possibility.hint);
    return;
  }
  ArrayBuilder ids(TEXTOID);
  for (const Candidate &candidate : *replays->candidates) ids.add(candidate.id);
  if (!ids.empty()) replays->refusals = find_refusals(source, possibility.requeue, ids.text());
}

// (filter, max_rows, source, as_of). Between SPI_connect and SPI_finish.
Replays find_plan(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0)) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("filter must not be NULL")));
  const Timestamp as_of = timestamp_argument(fcinfo, 3, "as_of");
  FilteredWindow asked = read_filter(&PG_GETARG_JSONB_P(0)->root, as_of);
  Replays replays = {};
  replays.window.hours = kRecordHours;
  replays.window.as_of = as_of;
  CandidateRequest request = {};
  request.schema = extension_schema(fcinfo);
  request.max_rows = int_argument(fcinfo, 1, "max_rows", 1, PG_INT32_MAX);
  request.source = source_argument(fcinfo, 2);
  request.filter = &asked.filter;
  // Ids say by themselves which deliveries are meant; all that ever failed are not meant by saying nothing.
  request.after = asked.bounded || asked.filter.ids != nullptr ? asked.after : asked.until - kPlanHours * kHour;
  request.until = asked.until;
  require_id(request.source);
  sift_filter(*request.source, &asked.filter);
  replays.advice = find_advice(request.schema, replays.window, request.source, nullptr);
  replays.candidates = list_candidates(request, *replays.advice);
  find_obstacles(*request.source, &replays);
  return replays;
}

// What both functions begin with.
void put_delivery(Row &row, const Candidate &candidate) {
  row.text(candidate.id);
  row.time(candidate.created_at);
  row.text(candidate.tenant);
  row.text(candidate.endpoint);
  row.text(candidate.status);
  row.text(candidate.label);
}

void put_verdict(Row &row, const Candidate &candidate) {
  row.integer(candidate.attempts);
  row.text(candidate.held ? "hold" : "replay");
  row.number(candidate.expected_success_rate);
  row.text(candidate.reason);
}

void put_recommendation(ReturnSetInfo *result, const Replays &, const Candidate &candidate) {
  Row row;
  put_delivery(row, candidate);
  row.integer(candidate.score);
  put_verdict(row, candidate);
  row.store(result);
}

void put_planned(ReturnSetInfo *result, const Replays &replays, const Candidate &candidate) {
  Row row;
  put_delivery(row, candidate);
  const char *refusal = replays.obstacle;
  if (refusal == nullptr) refusal = replays.refusals.find(candidate.id);
  if (refusal == nullptr) {
    put_verdict(row, candidate);
  } else {
    row.integer(candidate.attempts);
    row.text("refuse");
    row.number(std::optional<double>());
    row.text(refusal);
  }
  row.store(result);
}

// A set-returning function: `find` its replays, and `put` each.
template <typename Find, typename Put>
Datum put_replays(FunctionCallInfo fcinfo, Find find, Put put) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Replays replays = find(fcinfo);
  RowContext context;
  for (const Candidate &candidate : *replays.candidates) {
    context.enter();
    put(result, replays, candidate);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
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
ANOMALY_INSIGHTS_FUNCTION(ai_replay_recommendations) { return put_replays(fcinfo, find_replays, put_recommendation); }

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

// replay_plan(filter, max_rows, source, as_of) -> setof (delivery_id, created_at, tenant_id, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_replay_plan) { return put_replays(fcinfo, find_plan, put_planned); }
