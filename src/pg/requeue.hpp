// How a source puts failed deliveries back in line: an UPDATE of its mapped columns, or a function of its own.
#pragma once

#include "pg.hpp"
#include "source.hpp"

namespace insights::pg {

// Raises 22023 where the source's replay_status does not mean pending.
void check_replay_status(const Source &source);

// The function name(text[]) that is found under the name, quoted and qualified. It takes ids and returns those that it
// put back in line, as SETOF text or text[]. Raises 42883 where there is none, 42P13 where it returns anything else.
char *qualified_replay_function(const char *name);

// Locks those that are failed now and that no other transaction has locked, until the end of the transaction; their ids
// are in SPI_tuptable. `ids` is the text of an array, here and below. Both run between SPI_connect and SPI_finish,
// under pinned settings and with the caller's rights.
std::uint64_t lock_failed(const Source &source, const char *ids);

// The statement that puts deliveries back in line and returns the ids of those that it did, and NULLs: an UPDATE, or a
// call of the source's function. All names in it are qualified, so that it can run in the caller's own settings, as
// what it sets off may need them. Raises 55000 where the source cannot do it.
const char *requeue_statement(const Source &source, const char *ids);

}  // namespace insights::pg
