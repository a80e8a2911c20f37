// The launcher, which starts a short-lived worker in each database that has the extension, as autovacuum does: a
// resident one would keep the database from being dropped, renamed or copied.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// What a worker is told in bgw_extra.
struct WorkerOrder {
  Oid role;  // InvalidOid: the bootstrap superuser
};

// From _PG_init, while libraries are preloaded.
void register_launcher();

// Whether a worker runs in this database by the settings; with a name as they list it.
bool is_listed(const char *database);

}  // namespace insights::pg
