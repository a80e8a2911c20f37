// What replays were asked for and what came of them, so that one that is asked for twice is done once.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// A replay as it was asked for.
struct ReplayRequest {
  const char *key;  // of whoever asks; unique for each session user
  const char *source;
  const char *ids;  // the text of an array
  bool force;
};

// Takes the key until the end of the transaction; waits for another session that has it. False where it was used
// before for the same request; raises 22023 where it was used for another one. All of these run between SPI_connect and
// SPI_finish, with the rights of the table's owner and under a pinned search_path.
bool claim_replay(Oid schema, const ReplayRequest &request);

// Keeps what came of it: an array of {"delivery_id", "outcome", "audit_id", "detail"}.
void store_replay(Oid schema, const ReplayRequest &request, Datum results);

// Reads it as rows of those columns, into SPI_tuptable.
void load_replay(Oid schema, const ReplayRequest &request);

}  // namespace insights::pg
