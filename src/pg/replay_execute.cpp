// replay_execute: puts failed deliveries back in line and records who did it, both or neither.
#include "arguments.hpp"
#include "array.hpp"
#include "audit.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "replay_advice.hpp"
#include "replay_deliveries.hpp"
#include "replay_put_back.hpp"
#include "replay_record.hpp"
#include "role.hpp"
#include "source_expression.hpp"
#include "statement.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/guc.h"
#include "utils/json.h"
}

namespace insights::pg {

namespace {

constexpr int kMostIds = 10000;
constexpr int kLongestKey = 200;
// In the order of Outcome.
constexpr const char *kOutcomes[] = {"", "", "", "replayed", "not_found", "not_failed", "held", "locked", "refused"};

const char *ids_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("ids must not be NULL")));
  ArrayType *ids = PG_GETARG_ARRAYTYPE_P(number);
  const int count = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
  if (ARR_NDIM(ids) > 1 || array_contains_nulls(ids)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("ids must be a plain list%s", array_contains_nulls(ids) ? " without NULL" : ""),
                    errhint("For instance ARRAY['17', '18'].")));
  }
  if (count > kMostIds) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%d ids are too many for one replay", count),
                    errhint("Replay at most %d at a time, each time with a key of its own.", kMostIds)));
  }
  return array_text(PointerGetDatum(ids));
}

const char *key_argument(FunctionCallInfo fcinfo, int number) {
  const char *key = text_or_null(fcinfo, number);
  if (key != nullptr && *key != '\0' && std::strlen(key) <= kLongestKey) return key;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("idempotency_key must be a text of 1 to %d bytes", kLongestKey),
                  errhint("Give each replay a key of its own, such as a random UUID; the same key again gives the same "
                          "answer and replays nothing.")));
}

// Keeps back those whose endpoint is failing now.
void hold(Oid schema, const Source &source, const Deliveries &deliveries) {
  Window window;
  window.hours = 1;
  window.as_of = GetCurrentTimestamp();  // the transaction may have begun before an incident opened
  const ReplayAdvice *advice = find_advice(schema, window, &source, nullptr);
  ContextMemory *memory = current_memory();
  guarded([&] {
    for (Delivery &delivery : deliveries) {
      if (delivery.outcome != Outcome::kWanted) continue;
      if (advice->find_held(delivery.tenant, delivery.endpoint) == nullptr) continue;
      delivery.outcome = Outcome::kHeld;
      delivery.detail = replay_reason(*advice, delivery.tenant, delivery.endpoint, std::nullopt, memory);
    }
  });
}

void append_member(StringInfo json, const char *key, Text value) {
  appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
  is_null(value) ? appendStringInfoString(json, "null")
                 : escape_json(json, pnstrdup(value.data(), static_cast<Size>(value.size())));
}

Jsonb *jsonb_of(const StringInfoData &json) {
  return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

// What the audit keeps of a replay.
Jsonb *audit_metadata(const Delivery &delivery, const ReplayRequest &request) {
  StringInfoData json;
  initStringInfo(&json);
  appendStringInfoChar(&json, '{');
  append_member(&json, "status_before", delivery.status);
  append_member(&json, "tenant_id", delivery.tenant);
  append_member(&json, "endpoint", delivery.endpoint);
  append_member(&json, "source", request.source);
  append_member(&json, "idempotency_key", request.key);
  if (delivery.attempts) appendStringInfo(&json, ", \"attempts_before\": %d", *delivery.attempts);
  appendStringInfo(&json, ", \"force\": %s}", request.force ? "true" : "false");
  return jsonb_of(json);
}

// A row of the audit for each that was replayed.
void record(Oid schema, const Deliveries &deliveries, const ReplayRequest &request, const AuditSource &from) {
  auto *entries = static_cast<AuditEntry *>(palloc(sizeof(AuditEntry) * static_cast<Size>(deliveries.count + 1)));
  const Text action = deliveries.count == 1 ? "delivery.replay" : "delivery.bulk_replay";
  int count = 0;
  for (const Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kReplayed) continue;
    entries[count++] = {action, delivery.id, audit_metadata(delivery, request)};
  }
  if (count == 0) return;
  std::int64_t id = record_audit(schema, entries, count, from);
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome == Outcome::kReplayed) delivery.audit_id = id++;
  }
}

Datum results_of(const Deliveries &deliveries) {
  StringInfoData json;
  initStringInfo(&json);
  appendStringInfoChar(&json, '[');
  for (const Delivery &delivery : deliveries) {
    StringInfoData member;
    initStringInfo(&member);
    appendStringInfoChar(&member, '{');
    append_member(&member, "delivery_id", delivery.id);
    append_member(&member, "outcome", kOutcomes[static_cast<int>(delivery.outcome)]);
    append_member(&member, "detail", delivery.detail);
    if (delivery.outcome == Outcome::kReplayed)
      appendStringInfo(&member, ", \"audit_id\": " INT64_FORMAT, delivery.audit_id);
    appendStringInfo(&json, "%s%s}", json.len > 1 ? ", " : "", member.data);
    pfree(member.data);
  }
  appendStringInfoChar(&json, ']');
  return JsonbPGetDatum(jsonb_of(json));
}

void add_context(void *argument) {
  errcontext("replay of delivery source \"%s\"", static_cast<Source *>(argument)->name);
}

// Does what was asked for, under a key that nobody has used. The audit comes last, so that its lock is held for no
// longer than its insert and the commit take.
Datum execute(Oid schema, const Source &source, const ReplayRequest &request, const AuditSource &from, int *pinned) {
  ErrorContextCallback context = {error_context_stack, add_context, const_cast<Source *>(&source)};
  error_context_stack = &context;
  const Deliveries deliveries = find_given(source, request.ids);
  if (!request.force) hold(schema, source, deliveries);
  put_back(source, deliveries, pinned);
  error_context_stack = context.previous;
  const Identity caller = become(owner_of(own_table(schema, "delivery_sources")));
  record(schema, deliveries, request, from);
  const Datum results = results_of(deliveries);
  store_replay(schema, request, results);
  become(caller);
  return results;
}

// What came of the same request before; 0 where it is the first of its key, which is taken now.
Datum claim(Oid schema, const ReplayRequest &request) {
  const Identity caller = become(owner_of(own_table(schema, "delivery_sources")));
  const Datum results = claim_replay(schema, request);
  become(caller);
  return results;
}

void put_results(ReturnSetInfo *result, Datum results) {
  Parameters parameters;
  parameters.put(JSONBOID, results);
  parameters.read(
      "SELECT r.* FROM jsonb_to_recordset($1) AS r (delivery_id text, outcome text, audit_id bigint, detail text)");
  Rows::latest().hand_on(result);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// replay_execute(ids, idempotency_key, force, source, source_ip) -> setof (delivery_id, outcome, audit_id, detail)
ANOMALY_INSIGHTS_FUNCTION(ai_replay_execute) {
  require_fresh_snapshots("replay_execute");
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  int pinned = pin_settings(kPinnedPath);
  const Source *source = source_argument(fcinfo, 3);
  require_id(source);
  const ReplayRequest request = {key_argument(fcinfo, 1), GetUserNameFromId(GetUserId(), false), source->name,
                                 ids_argument(fcinfo, 0), flag_argument(fcinfo, 2, "force")};
  const AuditSource from = {PG_ARGISNULL(4) ? static_cast<Datum>(0) : PG_GETARG_DATUM(4), PG_ARGISNULL(4)};
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  Datum results = claim(schema, request);
  if (results == static_cast<Datum>(0)) results = execute(schema, *source, request, from, &pinned);
  put_results(result, results);
  AtEOXact_GUC(true, pinned);
  SPI_finish();
  return static_cast<Datum>(0);
}
