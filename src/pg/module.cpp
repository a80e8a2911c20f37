// What PostgreSQL sees first of the library.
#include "pg.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "worker.hpp"

extern "C" {

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "anomaly_insights", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  insights::pg::define_settings();
  // Without preloading all functions work, and any scheduler can call anomalies_scan(); only the worker is not there.
  if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
  insights::pg::request_shared_memory();
  insights::pg::register_launcher();
}
}
