// replay_execute: puts failed deliveries back in line and records who did it, both or neither.
#include <algorithm>

#include "arguments.hpp"
#include "array.hpp"
#include "audit.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "guard.hpp"
#include "id_list.hpp"
#include "incident_lock.hpp"
#include "replay_advice.hpp"
#include "replay_record.hpp"
#include "requeue.hpp"
#include "role.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/guc.h"
#include "utils/json.h"
}

namespace insights::pg {

namespace {

constexpr int kMostIds = 10000;
constexpr int kLongestKey = 200;
constexpr int kMostTries = 5;
constexpr const char *kNone = "there is none of this id, or none that you may see";

// What becomes of a delivery; the first three are on the way.
enum class Outcome { kWanted, kTaken, kUnsaid, kReplayed, kNotFound, kNotFailed, kHeld, kLocked, kRefused };
constexpr const char *kOutcomes[] = {"", "", "", "replayed", "not_found", "not_failed", "held", "locked", "refused"};

// A delivery that somebody wants to replay. Its texts lie in SPI's memory.
struct Delivery {
  Text id;  // as the table has it, where it does
  Text tenant, endpoint, status;
  std::optional<int> attempts;
  Outcome outcome;
  std::int64_t audit_id;
  Text detail;
  int rows;  // of this id
};

// In the order of their ids' bytes, each once.
struct Deliveries {
  Delivery *list;
  int count;

  Delivery *begin() const { return list; }
  Delivery *end() const { return list + count; }
  Delivery *find(Text id) const {
    Delivery *found =
        std::lower_bound(begin(), end(), id, [](const Delivery &a, Text b) { return compare(a.id, b) < 0; });
    return found != end() && compare(found->id, id) == 0 ? found : nullptr;
  }
};

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

// Each wanted id, as the type of the source's id writes it, with what is there.
char *deliveries_query(const Source &source, const char *ids) {
  StringInfoData query;
  initStringInfo(&query);
  const KeyComparison id = id_comparison(source);
  appendStringInfo(&query,
                   "SELECT coalesce(d.id, w.id::text) COLLATE \"C\" AS key, d.id IS NOT NULL, "
                   "d.failed, d.tenant, d.endpoint, d.status, d.attempts "
                   "FROM (SELECT DISTINCT given.id::%s FROM unnest(%s::text[]) AS given (id)) AS w (id) "
                   "LEFT JOIN (SELECT %s",
                   id.type, quote_literal_cstr(ids), id.operand);
  append_as(&query, source.field(Field::kId), "text");
  appendStringInfoString(&query, ", ");
  append_status_in(&query, source, kFailedStatuses);
  append_as(&query, source.field(Field::kTenantId), "text");
  append_as(&query, source.field(Field::kEndpoint), "text");
  append_as(&query, source.field(Field::kStatus), "text");
  append_number(&query, source, Field::kAttempts);
  appendStringInfo(&query, " FROM %s WHERE ", source.relation);
  append_id_in(&query, source, ids);
  if (source.filter != nullptr) appendStringInfo(&query, " AND (%s)", source.filter);
  appendStringInfo(&query,
                   ") AS d (key, id, failed, tenant, endpoint, status, attempts) ON d.key %s w.id "
                   "ORDER BY key, d.failed DESC NULLS LAST",
                   id.equals);
  return query.data;
}

Text status_detail(Text status) {
  if (is_null(status)) return "it has no status";
  return psprintf("its status is \"%.*s\"", static_cast<int>(status.size()), status.data());
}

Delivery read_delivery(std::uint64_t row) {
  Columns columns(row);
  Delivery delivery = {};
  delivery.id = columns.text();
  const bool found = columns.boolean();
  const bool failed = columns.boolean_or_null().value_or(false);
  delivery.tenant = columns.text();
  delivery.endpoint = columns.text();
  delivery.status = columns.text();
  delivery.attempts = columns.integer_or_null();
  if (!found) {
    delivery.outcome = Outcome::kNotFound;
    delivery.detail = kNone;
  } else if (!failed) {
    delivery.outcome = Outcome::kNotFailed;
    delivery.detail = status_detail(delivery.status);
  }
  delivery.rows = 1;
  return delivery;
}

// Whoever asks for a delivery does not mean others that have the same id.
void refuse_shared(Delivery *delivery) {
  if (delivery->rows == 1 || delivery->outcome != Outcome::kWanted) return;
  delivery->outcome = Outcome::kRefused;
  delivery->detail = psprintf("%d deliveries have this id", delivery->rows);
}

// What is known of the ids, by the caller's rights. Of those that have the same id, failed ones come first.
Deliveries find_deliveries(const Source &source, const char *ids) {
  const std::uint64_t rows = run_statement(deliveries_query(source, ids), SPI_OK_SELECT, false);
  Deliveries deliveries = {};
  deliveries.list = static_cast<Delivery *>(palloc_extended(sizeof(Delivery) * (rows + 1), MCXT_ALLOC_HUGE));
  for (std::uint64_t i = 0; i < rows; ++i) {
    const Delivery delivery = read_delivery(i);
    Delivery *last = deliveries.count > 0 ? &deliveries.list[deliveries.count - 1] : nullptr;
    if (last == nullptr || compare(last->id, delivery.id) != 0) {
      deliveries.list[deliveries.count++] = delivery;
    } else {
      ++last->rows;
    }
  }
  for (Delivery &delivery : deliveries) refuse_shared(&delivery);
  return deliveries;
}

Delivery malformed_delivery(const char *id) {
  Delivery delivery = {};
  delivery.id = id;
  delivery.outcome = Outcome::kNotFound;
  delivery.detail = "it is no id of this source";
  return delivery;
}

// The same for what somebody gave as ids, of which some may be none.
Deliveries find_given(const Source &source, const char *ids) {
  List *malformed = NIL;
  const char *valid = sift_ids(source, ids, &malformed);
  const Deliveries found = find_deliveries(source, valid);
  const auto most = static_cast<Size>(found.count + list_length(malformed));
  Deliveries all = {static_cast<Delivery *>(palloc_extended(sizeof(Delivery) * (most + 1), MCXT_ALLOC_HUGE)), 0};
  for (const Delivery &delivery : found) all.list[all.count++] = delivery;
  const ListCell *cell = nullptr;
  foreach (cell, malformed) {
    all.list[all.count++] = malformed_delivery(static_cast<const char *>(lfirst(cell)));
  }
  std::sort(all.begin(), all.end(), [](const Delivery &a, const Delivery &b) { return compare(a.id, b.id) < 0; });
  const Delivery *end = std::unique(all.begin(), all.end(),
                                    [](const Delivery &a, const Delivery &b) { return compare(a.id, b.id) == 0; });
  all.count = static_cast<int>(end - all.begin());
  return all;
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

void turn(const Deliveries &deliveries, Outcome from, Outcome to) {
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome == from) delivery.outcome = to;
  }
}

// The ids of those with this outcome as the text of an array; null for none.
const char *ids_with(const Deliveries &deliveries, Outcome outcome) {
  ArrayBuilder ids(TEXTOID);
  for (const Delivery &delivery : deliveries) {
    if (delivery.outcome == outcome) ids.add(delivery.id);
  }
  return ids.empty() ? nullptr : ids.text();
}

// Another row of the same id has come since it was looked for.
void refuse_late(Delivery *delivery) {
  delivery->outcome = Outcome::kRefused;
  delivery->detail = "several deliveries have this id by now";
}

// Takes those that are wanted and that nobody else has. A function looks after that by itself.
Taken take(const Source &source, const Deliveries &deliveries) {
  const char *wanted = ids_with(deliveries, Outcome::kWanted);
  if (wanted == nullptr) return {};
  if (source.replay_function != nullptr) {
    turn(deliveries, Outcome::kWanted, Outcome::kTaken);
    return {};
  }
  const Taken taken = take_failed(source, wanted);
  for (const TakenRow &row : taken) {
    Delivery *delivery = deliveries.find(row.id);
    if (delivery == nullptr) continue;
    if (delivery->outcome == Outcome::kWanted) {
      delivery->outcome = Outcome::kTaken;
    } else if (delivery->outcome == Outcome::kTaken) {
      refuse_late(delivery);
    }
  }
  return taken;
}

// Why those that are still wanted could not be taken.
void explain_wanted(const Source &source, const Deliveries &deliveries) {
  const char *wanted = ids_with(deliveries, Outcome::kWanted);
  if (wanted == nullptr) return;
  const Deliveries now = find_deliveries(source, wanted);
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kWanted) continue;
    const Delivery *found = now.find(delivery.id);
    const bool changed = found != nullptr && found->outcome != Outcome::kWanted;
    delivery.outcome = changed ? found->outcome : Outcome::kLocked;
    delivery.detail = changed ? found->detail : Text("another transaction has it, or a policy keeps it from you");
  }
}

void add_context(void *argument) {
  errcontext("replay of delivery source \"%s\"", static_cast<Source *>(argument)->name);
}

void run_requeue(const char *statement, int expected) {
  const int code = run_unpinned(statement);
  if (code == expected) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("a rule made another statement of the update: %s", SPI_result_code_string(code)),
                  errhint("Register a function that replays: \"replay_function\" in the mapping.")));
}

// Marks those that were taken and whose ids are the latest rows as replayed. An id may be there twice; a NULL is none.
void mark_returned(const Source &source, const Deliveries &deliveries) {
  const Rows returned = Rows::latest();
  for (std::uint64_t i = 0; i < returned.count(); ++i) {
    const Text id = Columns(i, returned).text();
    if (is_null(id)) continue;
    Delivery *delivery = deliveries.find(id);
    if (delivery == nullptr || (delivery->outcome != Outcome::kTaken && delivery->outcome != Outcome::kReplayed)) {
      ereport(ERROR,
              (errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
               errmsg("\"%.*s\" was put back in line, which nobody asked for", static_cast<int>(id.size()), id.data()),
               errhint("%s", source.replay_function != nullptr
                                 ? "\"replay_function\" must return ids that it was given."
                                 : "A trigger changed the id: register a function that replays, \"replay_function\" in "
                                   "the mapping.")));
    }
    delivery->outcome = Outcome::kReplayed;
  }
}

Outcome outcome_in(const Deliveries &deliveries, Text id) {
  const Delivery *found = deliveries.find(id);
  return found == nullptr ? Outcome::kNotFound : found->outcome;
}

// After the UPDATE: whether all that were taken are in line. It goes by what the table has now, as triggers may have
// done their part before or after the row was returned; and by what was returned where the row has left the source. An
// update by ids may have met others that have come meanwhile.
bool settle_update(const Source &source, const Deliveries &deliveries, const char *ids, bool by_id) {
  read_requeued();
  mark_returned(source, deliveries);
  const Deliveries now = find_deliveries(source, ids);
  bool settled = true;
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kTaken && delivery.outcome != Outcome::kReplayed) continue;
    const Delivery *found = now.find(delivery.id);
    const Outcome outcome = found != nullptr ? found->outcome : Outcome::kNotFound;
    const bool shared = by_id && found != nullptr && found->rows > 1;
    if (outcome == Outcome::kNotFailed) delivery.outcome = Outcome::kReplayed;
    if (!shared && outcome != Outcome::kWanted && delivery.outcome == Outcome::kReplayed) continue;
    settled = false;
    if (shared) {
      refuse_late(&delivery);
      continue;
    }
    delivery.outcome = Outcome::kRefused;
    delivery.detail = "a trigger of the table kept it as it is";
  }
  return settled;
}

// After the call: whether all are still failed that the function did not return. The others have changed unsaid.
bool settle_call(const Source &source, const Deliveries &deliveries) {
  mark_returned(source, deliveries);
  const char *kept = ids_with(deliveries, Outcome::kTaken);
  if (kept == nullptr) return true;
  const Deliveries now = find_deliveries(source, kept);
  bool settled = true;
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kTaken) continue;
    const bool same = outcome_in(now, delivery.id) == Outcome::kWanted;
    delivery.outcome = same ? Outcome::kRefused : Outcome::kUnsaid;
    delivery.detail = "the source's function did not put it back in line";
    settled = settled && same;
  }
  return settled;
}

// Once the call is undone: those that changed unsaid are as another transaction left them. Where one is failed again,
// it was the function.
void explain_unsaid(const Source &source, const Deliveries &deliveries) {
  const char *unsaid = ids_with(deliveries, Outcome::kUnsaid);
  if (unsaid == nullptr) return;
  const Deliveries now = find_deliveries(source, unsaid);
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kUnsaid) continue;
    const Delivery *found = now.find(delivery.id);
    delivery.outcome = found != nullptr ? found->outcome : Outcome::kNotFound;
    delivery.detail = found != nullptr ? found->detail : kNone;
    if (delivery.outcome != Outcome::kWanted) continue;
    ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
                    errmsg("\"%.*s\" was put back in line, but not returned", static_cast<int>(delivery.id.size()),
                           delivery.id.data()),
                    errhint("\"replay_function\" must return all ids that it puts back in line.")));
  }
}

// A view, or a constraint, in whose way an update is.
[[noreturn]] void raise_with_hint(const Source &source, ErrorData *error) {
  const bool constraint = ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
  const bool view = std::strcmp(source.binding.relation_kind, "view") == 0;
  if (error->hint == nullptr && source.replay_function == nullptr && (constraint || view)) {
    error->hint = pstrdup("Register a function that replays: \"replay_function\" in the mapping.");
  }
  ReThrowError(error);
  pg_unreachable();
}

// Tries to put those that were taken back in line: all, or none of them. The statement and what it sets off run in the
// caller's own settings, which these may need.
bool requeue(const Source &source, const Deliveries &deliveries, const char *ids, const Taken &taken, int *pinned) {
  const char *statement = requeue_statement(source, ids, taken);
  AtEOXact_GUC(true, *pinned);
  bool settled = false;
  ErrorData *error = in_subtransaction([&] {
    run_requeue(statement, source.replay_function != nullptr ? SPI_OK_SELECT : SPI_OK_UPDATE_RETURNING);
    const int level = pin_settings(kPinnedPath);
    settled = source.replay_function != nullptr ? settle_call(source, deliveries)
                                                : settle_update(source, deliveries, ids, is_null(taken.rows->ctid));
    AtEOXact_GUC(true, level);
    return settled;
  });
  if (error != nullptr) raise_with_hint(source, error);
  *pinned = pin_settings(kPinnedPath);
  return settled;
}

// Puts those that are wanted back in line. Where some are refused, all of it is undone and done without these, so that
// nothing is left of what was set in their rows.
void put_back(const Source &source, const Deliveries &deliveries, int *pinned) {
  Taken taken = take(source, deliveries);
  explain_wanted(source, deliveries);
  for (int tries = 0; const char *ids = ids_with(deliveries, Outcome::kTaken); ++tries) {
    if (tries == kMostTries) {
      ereport(ERROR,
              (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
               errmsg("each of %d tries refused other deliveries", kMostTries),
               errhint("Nothing was replayed. See what the table's triggers, or the source's function, go by.")));
    }
    taken.keep([&](Text id) { return outcome_in(deliveries, id) == Outcome::kTaken; });
    if (requeue(source, deliveries, ids, taken, pinned)) return;
    explain_unsaid(source, deliveries);
    turn(deliveries, Outcome::kReplayed, Outcome::kTaken);
  }
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
