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

// The statement that puts deliveries back in line and returns the ids of those that it did; null where there is none to
// put back. `ids` is the text of an array. By default that is an UPDATE of those that are failed, which are locked now:
// what another transaction has locked is left out. All names in it are qualified, so that it can run in the caller's
// own settings, as what it sets off may need them. Raises 55000 where the source cannot do it. Between SPI_connect and
// SPI_finish, under pinned settings and with the caller's rights.
const char *requeue_statement(const Source &source, const char *ids);

}  // namespace insights::pg
