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

// Puts deliveries back in line, with the caller's rights and settings: `ids` is the text of an array. SPI_tuptable has
// the ids of those that were. The default takes those that are failed and that no other transaction has locked.
// Raises 55000 where the source cannot do it, and what its triggers, policies or function raise.
// Between SPI_connect and SPI_finish.
std::uint64_t requeue(const Source &source, const char *ids);

}  // namespace insights::pg
