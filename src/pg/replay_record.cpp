#include "replay_record.hpp"

#include "actor.hpp"
#include "catalog.hpp"
#include "digest.hpp"
#include "statement.hpp"

namespace insights::pg {

namespace {

// SHA-256 over all that is asked for, and as which role: behind a service's login, the answer to one role is none for
// another.
Datum hash_of(const ReplayRequest &request) {
  StringInfoData bytes;
  initStringInfo(&bytes);
  for (const Text field :
       {Text(request.force ? "force" : ""), Text(request.role), Text(request.source), Text(request.ids)}) {
    append_field(&bytes, field);
  }
  return sha256(bytes);
}

void put_key(Parameters &parameters, const ReplayRequest &request) {
  parameters.text(session_user_name());
  parameters.text(request.key);
}

bool insert_key(Oid schema, const ReplayRequest &request) {
  Parameters parameters;
  put_key(parameters, request);
  parameters.put(BYTEAOID, hash_of(request));
  parameters.text(actor_or_null());
  return parameters.run(own_statement(schema,
                                      "INSERT INTO @.operator_replays (by_user, idempotency_key, request_hash, actor) "
                                      "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"),
                        SPI_OK_INSERT) > 0;
}

// 0 where the key is not there any more.
Datum find_results(Oid schema, const ReplayRequest &request) {
  Parameters parameters;
  put_key(parameters, request);
  parameters.put(BYTEAOID, hash_of(request));
  const std::uint64_t rows =
      parameters.run(own_statement(schema,
                                   "SELECT request_hash = $3, requested_at, results FROM @.operator_replays "
                                   "WHERE by_user = $1 AND idempotency_key = $2"),
                     SPI_OK_SELECT);
  if (rows == 0) return static_cast<Datum>(0);
  Columns columns(0);
  const bool same = columns.boolean();
  const Timestamp requested_at = columns.time();
  if (same) return columns.typed(JSONBOID);
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("idempotency_key \"%s\" was used for another replay, at %s", request.key,
                         timestamptz_to_str(requested_at)),
                  errhint("Give each replay a key of its own, such as a random UUID.")));
}

}  // namespace

Datum claim_replay(Oid schema, const ReplayRequest &request) {
  // Old keys are pruned at any time, also between these two.
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    if (insert_key(schema, request)) return static_cast<Datum>(0);
    if (const Datum results = find_results(schema, request)) return results;
  }
}

void store_replay(Oid schema, const ReplayRequest &request, Datum results) {
  Parameters parameters;
  put_key(parameters, request);
  parameters.put(JSONBOID, results);
  const std::uint64_t rows = parameters.run(own_statement(schema,
                                                          "UPDATE @.operator_replays SET results = $3 "
                                                          "WHERE by_user = $1 AND idempotency_key = $2"),
                                            SPI_OK_UPDATE);
  // What a replay sets off could prune its own key, and then the same request would be done again.
  if (rows != 1) {
    ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
                    errmsg("the record of replay \"%s\" was deleted in its course", request.key),
                    errhint("Nothing was replayed. See what its trigger or its function deletes.")));
  }
}

}  // namespace insights::pg
