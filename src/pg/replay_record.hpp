// What replays were asked for and what came of them, so that one that is asked for twice is done once.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// A replay as it was asked for.
struct ReplayRequest {
  const char *key;   // of whoever asks; unique for each session user
  const char *role;  // the current user
  const char *source;
  const char *ids;  // the text of an array
  bool force;
};

// Takes the key until the end of the transaction and gives 0; waits for another session that has it. Where it was used
// before for the same request, gives what came of it: an array of {"delivery_id", "outcome", "audit_id", "detail"}.
// Raises 22023 where it was used for another one. Both run between SPI_connect and SPI_finish, with the rights of the
// table's owner and under a pinned search_path.
Datum claim_replay(Oid schema, const ReplayRequest &request);

// Keeps what came of it.
void store_replay(Oid schema, const ReplayRequest &request, Datum results);

}  // namespace insights::pg
