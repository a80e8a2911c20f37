// The launcher, which starts a short-lived worker in each database that has the extension, as autovacuum does: a
// resident one would keep the database from being dropped, renamed or copied.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// What a worker is told in bgw_extra.
struct WorkerOrder {
  Oid role;    // InvalidOid: the bootstrap superuser
  bool looks;  // only for the extension
  char database[NAMEDATALEN];
};

// From _PG_init, while libraries are preloaded.
void register_launcher();

// As whom it records its runs.
constexpr const char *kWorkerName = "anomaly_insights worker";

// ' of database "x"', in its worker; nothing in a session, whose log lines name it.
const char *of_worker_database();

// Before it connects: no timeout that is set for all, a role or a database ends a process of ours.
void set_no_timeouts();

}  // namespace insights::pg
