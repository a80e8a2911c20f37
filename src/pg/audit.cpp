// The operators' audit: a chain of rows, each with a hash over itself and the row before.
#include "audit.hpp"

#include "actor.hpp"
#include "arguments.hpp"
#include "array.hpp"
#include "catalog.hpp"
#include "digest.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "json.hpp"
#include "own_lock.hpp"
#include "rollup_type.hpp"
#include "row.hpp"
#include "source.hpp"
#include "statement.hpp"

extern "C" {
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
}

namespace insights::pg {

namespace {

constexpr int kHashLength = 32;
constexpr int kMostListed = 1000;
constexpr long kVerifiedAtOnce = 1000;

// What stands in a row, in texts that depend neither on settings nor, where it has one, on the database's encoding: a
// dump may be restored into another. NULL where the column is.
struct AuditRow {
  std::int64_t id;
  Text actor, action, target, metadata, source_ip;
  Timestamp created_at;
  Text by_user;
  Text previous_hash;  // bytes
};

// The columns of read_row(), in its order, and the hash behind them. Whoever owns the table may have changed their
// types and allowed NULL.
constexpr const char *kAuditColumns =
    "coalesce(id::bigint, 0), actor::text, action::text, target_id::text, metadata::text, source_ip::text, "
    "created_at::timestamptz, by_user::text, previous_hash::bytea, hash::bytea";

// A time that no row was recorded at, for one that is gone.
constexpr Timestamp kNoTime = DT_NOBEGIN;

AuditRow read_row(Columns &columns) {
  AuditRow row = {};
  row.id = columns.bigint();
  row.actor = columns.text();
  row.action = columns.text();
  row.target = columns.text();
  row.metadata = columns.text();
  row.source_ip = columns.text();
  row.created_at = columns.time_or_null().value_or(kNoTime);
  row.by_user = columns.text();
  row.previous_hash = columns.bytes();
  return row;
}

Datum hash_of(const AuditRow &row) {
  StringInfoData bytes;
  initStringInfo(&bytes);
  appendStringInfo(&bytes, "1;" INT64_FORMAT ";" INT64_FORMAT ";", row.id, row.created_at);
  for (const Text field : {row.actor, row.action, row.target, row.metadata, row.source_ip, row.by_user}) {
    append_field(&bytes, is_null(field) ? field : to_utf8(field));
  }
  append_field(&bytes, row.previous_hash);
  return sha256(bytes);
}

Text bytes_of_datum(Datum bytea) {
  const struct varlena *bytes = PG_DETOAST_DATUM_PACKED(bytea);
  return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

// One writer at a time, until the end of the transaction: the chain is in the order of commits.
void lock_audit(Oid schema) { take_own_lock(own_table(schema, "operator_audit"), 0); }

// The id and the hash of the newest row; 0 and zeros where there is none.
void read_head(Oid schema, AuditRow *next) {
  Parameters none;
  const bool found = none.run(own_statement(schema, "SELECT id, hash FROM @.operator_audit ORDER BY id DESC LIMIT 1"),
                              SPI_OK_SELECT) > 0;
  if (found) {
    Columns head(0);
    next->id = head.bigint() + 1;
    next->previous_hash = head.bytes();
    return;
  }
  static const char zeros[kHashLength] = {};
  next->id = 1;
  next->previous_hash = {zeros, sizeof zeros};
}

// What all of the new rows have in common, and the chain's head before them.
AuditRow common_row(const AuditSource &from) {
  AuditRow row = {};
  row.actor = acting_user();
  row.by_user = session_user_name();
  row.created_at = GetCurrentTransactionStartTimestamp();
  if (!from.no_ip) row.source_ip = text_of(DatumGetTextPP(DirectFunctionCall1(network_show, from.ip)));
  return row;
}

void insert_rows(Oid schema, AuditRow row, const AuditEntry *entries, int count, const AuditSource &from) {
  ArrayBuilder ids(INT8OID), actions(TEXTOID), targets(TEXTOID), metadata(JSONBOID), previous(BYTEAOID),
      hashes(BYTEAOID);
  for (int i = 0; i < count; ++i, ++row.id) {
    Jsonb *object = entries[i].metadata;
    row.action = entries[i].action;
    row.target = entries[i].target;
    row.metadata = JsonbToCString(nullptr, &object->root, static_cast<int>(VARSIZE(object)));
    const Datum hash = hash_of(row);
    ids.add(Int64GetDatum(row.id));
    actions.add(row.action);
    targets.add(row.target);
    metadata.add(JsonbPGetDatum(object));
    previous.add(row.previous_hash);
    hashes.add(hash);
    row.previous_hash = bytes_of_datum(hash);
  }
  Parameters parameters;
  for (const ArrayBuilder *column : {&ids, &actions, &targets, &metadata, &previous, &hashes}) {
    parameters.put(column->type(), column->array());
  }
  parameters.text(row.actor);
  from.no_ip ? parameters.null(INETOID) : parameters.put(INETOID, from.ip);
  parameters.time(row.created_at);
  parameters.text(row.by_user);
  parameters.run(own_statement(schema,
                               "INSERT INTO @.operator_audit (id, actor, action, target_id, metadata, "
                               "source_ip, created_at, by_user, previous_hash, hash) "
                               "SELECT id, $7, action, target, metadata, $8, $9, $10, previous, hash "
                               "FROM unnest($1, $2, $3, $4, $5, $6) AS u (id, action, target, metadata, previous, "
                               "hash)"),
                 SPI_OK_INSERT);
}

void put_problem(ReturnSetInfo *result, std::int64_t id, const char *problem) {
  Row row;
  row.count(static_cast<std::uint64_t>(id));
  row.text(Text(problem));
  row.store(result);
}

// Where the chain stands while it is read. The hash is in memory of its own.
struct Chain {
  std::int64_t id;
  char hash[kHashLength];
};

void verify_row(ReturnSetInfo *result, Columns &columns, Chain *chain) {
  const AuditRow row = read_row(columns);
  const Text hash = columns.bytes();
  if (row.id <= chain->id) {
    put_problem(result, row.id, "it is there more than once");
  } else if (row.id != chain->id + 1) {
    put_problem(result, row.id,
                row.id == chain->id + 2
                    ? psprintf("row " INT64_FORMAT " is missing", row.id - 1)
                    : psprintf("rows " INT64_FORMAT " to " INT64_FORMAT " are missing", chain->id + 1, row.id - 1));
  } else if (row.previous_hash != Text(chain->hash, kHashLength)) {
    put_problem(result, row.id, "the row before it is another one than when it was recorded");
  }
  if (hash != bytes_of_datum(hash_of(row))) put_problem(result, row.id, "it is not as it was recorded");
  chain->id = row.id;
  if (hash.size() == kHashLength) std::memcpy(chain->hash, hash.data(), kHashLength);
}

// The whole chain, a batch at a time, by the caller's snapshot.
void verify_chain(ReturnSetInfo *result, Oid schema, Chain *chain) {
  SPIPlanPtr plan = prepare_statement(
      own_statement(schema, psprintf("SELECT %s FROM @.operator_audit ORDER BY id", kAuditColumns)), 0, nullptr, 0);
  Portal cursor = SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
  RowContext context;
  for (;;) {
    SPI_cursor_fetch(cursor, true, kVerifiedAtOnce);
    const Rows batch = Rows::latest();
    if (batch.count() == 0) break;
    for (std::uint64_t i = 0; i < batch.count(); ++i) {
      context.enter();
      Columns columns(i, batch);
      verify_row(result, columns, chain);
      context.leave();
    }
    batch.free();
  }
  SPI_cursor_close(cursor);
}

// What became of a head that somebody kept.
void verify_head(ReturnSetInfo *result, Oid schema, const Chain &chain, std::int64_t id, Text hash) {
  if (id > chain.id) {
    put_problem(result, id,
                psprintf("rows after " INT64_FORMAT " are missing, up to the head that was kept", chain.id));
    return;
  }
  Parameters parameters;
  parameters.bigint(id);
  const bool found =
      parameters.read(own_statement(schema, "SELECT hash::bytea FROM @.operator_audit WHERE id = $1")) > 0;
  if (!found || Columns(0).bytes() != hash) put_problem(result, id, "its hash is not that of the head that was kept");
}

}  // namespace

std::int64_t record_audit(Oid schema, const AuditEntry *entries, int count, const AuditSource &from) {
  AuditRow row = common_row(from);
  lock_audit(schema);
  read_head(schema, &row);
  insert_rows(schema, row, entries, count, from);
  return row.id;
}

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// audit_refuse() -> trigger
ANOMALY_INSIGHTS_FUNCTION(ai_audit_refuse) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("audit_refuse is a trigger function")));
  }
  const auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("%s is only ever added to", RelationGetRelationName(trigger->tg_relation)),
                  errhint("What was recorded stays; audit_verify() would find a change.")));
}

// audit_record(action, target_id, metadata, source_ip) -> id
ANOMALY_INSIGHTS_FUNCTION(ai_audit_record) {
  require_fresh_snapshots("audit_record");
  if (PG_ARGISNULL(0) || PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be NULL", PG_ARGISNULL(0) ? "action" : "metadata")));
  }
  Jsonb *metadata = PG_GETARG_JSONB_P(2);
  if (!JB_ROOT_IS_OBJECT(metadata)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("metadata must be a JSON object"),
                    errhint("For instance {\"reason\": \"deployment\"}.")));
  }
  AuditEntry entry = {text_of(PG_GETARG_VARLENA_PP(0)), Text(), metadata};
  if (entry.action.empty()) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("action must not be empty"),
                    errhint("For instance \"delivery.replay\".")));
  }
  if (!PG_ARGISNULL(1)) entry.target = text_of(PG_GETARG_VARLENA_PP(1));
  const AuditSource from = {PG_ARGISNULL(3) ? static_cast<Datum>(0) : PG_GETARG_DATUM(3), PG_ARGISNULL(3)};
  SPI_connect();
  const std::int64_t id = record_audit(extension_schema(fcinfo), &entry, 1, from);
  SPI_finish();
  PG_RETURN_INT64(id);
}

// audit_verify(head_id, head_hash) -> setof (id, problem)
ANOMALY_INSIGHTS_FUNCTION(ai_audit_verify) {
  if (PG_ARGISNULL(0) != PG_ARGISNULL(1)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a head is an id and its hash"),
                    errhint("Give both as audit_head() gave them, or none.")));
  }
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  InitMaterializedSRF(fcinfo, 0);
  Chain chain = {};
  SPI_connect();
  verify_chain(result, schema, &chain);
  if (!PG_ARGISNULL(0)) verify_head(result, schema, chain, PG_GETARG_INT64(0), bytes_of_datum(PG_GETARG_DATUM(1)));
  SPI_finish();
  return static_cast<Datum>(0);
}

// audit_list(actor, action, since, max_rows) -> setof operator_audit
ANOMALY_INSIGHTS_FUNCTION(ai_audit_list) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  const int most = int_argument(fcinfo, 3, "max_rows", 1, kMostListed);
  Parameters parameters;
  parameters.text(text_or_null(fcinfo, 0));
  parameters.text(text_or_null(fcinfo, 1));
  PG_ARGISNULL(2) ? parameters.null(TIMESTAMPTZOID) : parameters.put(TIMESTAMPTZOID, PG_GETARG_DATUM(2));
  parameters.integer(most);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  parameters.read(own_statement(schema,
                                "SELECT id, actor, action, target_id, metadata, source_ip, created_at, by_user, "
                                "previous_hash, hash FROM @.operator_audit WHERE ($1 IS NULL OR actor = $1) AND "
                                "($2 IS NULL OR action = $2) AND ($3 IS NULL OR created_at >= $3) "
                                "ORDER BY created_at DESC, id DESC LIMIT $4"));
  Rows::latest().hand_on(result);
  SPI_finish();
  return static_cast<Datum>(0);
}
