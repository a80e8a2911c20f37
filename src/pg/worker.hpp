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

// As whom it records its runs.
constexpr const char *kWorkerName = "anomaly_insights worker";

// Whether a worker runs in the database of this name by anomaly_insights.databases.
bool is_listed(const char *database);

// Whether one looks after this database by all settings.
bool has_worker();

}  // namespace insights::pg
