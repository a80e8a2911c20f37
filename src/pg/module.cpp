// What PostgreSQL sees first of the library.
#include "pg.hpp"
#include "settings.hpp"

extern "C" {

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "anomaly_insights", .version = "1.0");
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) { insights::pg::define_settings(); }
}
