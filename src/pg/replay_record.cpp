#include "replay_record.hpp"

#include "actor.hpp"
#include "statement.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
}

namespace insights::pg {

namespace {

char *replays_statement(Oid schema, const char *format) {
  return psprintf(format, quote_identifier(get_namespace_name(schema)));
}

// SHA-256 over all that is asked for; each text with its length, so that no two requests are the same bytes.
Datum hash_of(const ReplayRequest &request) {
  StringInfoData bytes;
  initStringInfo(&bytes);
  appendStringInfo(&bytes, "%d;%zu:%s;%zu:%s", request.force ? 1 : 0, std::strlen(request.source), request.source,
                   std::strlen(request.ids), request.ids);
  return DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(bytes.data, bytes.len)));
}

void put_key(Arguments &arguments, const ReplayRequest &request) {
  arguments.text(session_user_name());
  arguments.text(request.key);
}

void check_same(Oid schema, const ReplayRequest &request) {
  Arguments arguments;
  put_key(arguments, request);
  arguments.put(BYTEAOID, hash_of(request));
  arguments.run(replays_statement(schema,
                                  "SELECT request_hash = $3, requested_at FROM %s.operator_replays "
                                  "WHERE by_user = $1 AND idempotency_key = $2"),
                SPI_OK_SELECT);
  Columns columns(0);
  if (columns.boolean()) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("idempotency_key \"%s\" was used for another replay, at %s", request.key,
                         timestamptz_to_str(columns.time())),
                  errhint("Give each replay a key of its own, such as a random UUID.")));
}

}  // namespace

bool claim_replay(Oid schema, const ReplayRequest &request) {
  Arguments arguments;
  put_key(arguments, request);
  arguments.put(BYTEAOID, hash_of(request));
  arguments.text(actor_or_null());
  const bool claimed =
      arguments.run(replays_statement(schema,
                                      "INSERT INTO %s.operator_replays (by_user, idempotency_key, request_hash, "
                                      "actor) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"),
                    SPI_OK_INSERT) > 0;
  if (!claimed) check_same(schema, request);
  return claimed;
}

void store_replay(Oid schema, const ReplayRequest &request, Datum results) {
  Arguments arguments;
  put_key(arguments, request);
  arguments.put(JSONBOID, results);
  arguments.run(replays_statement(schema,
                                  "UPDATE %s.operator_replays SET results = $3 "
                                  "WHERE by_user = $1 AND idempotency_key = $2"),
                SPI_OK_UPDATE);
}

void load_replay(Oid schema, const ReplayRequest &request) {
  Arguments arguments;
  put_key(arguments, request);
  arguments.run(replays_statement(schema,
                                  "SELECT r.* FROM %s.operator_replays o, jsonb_to_recordset(o.results) "
                                  "AS r (delivery_id text, outcome text, audit_id bigint, detail text) "
                                  "WHERE o.by_user = $1 AND o.idempotency_key = $2"),
                SPI_OK_SELECT);
}

}  // namespace insights::pg
