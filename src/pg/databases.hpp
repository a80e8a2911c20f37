// The databases as the launcher knows them: in which of them a worker may run, which have the extension, and which of
// those is due. A record in shared memory is for those that have it; of the others there may be thousands, and the
// launcher has only looked into them.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Whether a worker may run in a database, by what the catalog and the settings say.
enum class Eligibility { kEligible, kGone, kTemplate, kClosed, kNotListed };

// In a transaction.
Eligibility eligibility_of(Oid database);

// Whether a worker looks after this database by all settings.
bool has_worker();

// ---- the launcher's ----

// Reads again which databases there are, if it is time. Those that have the extension get a record while there are any;
// else the log says so, once until there is room again. In a transaction; `next`: when it is time next.
void refresh_databases(Duration now, Duration *next);
// At the next turn, and what could not be looked into is tried again: the settings may be others.
void look_again();

// Says so in the log, once, where there are more sources than records of their runs.
void tell_of_forgotten_runs();

// The database that has been due for longest and of which nothing is running; InvalidOid where none is. `next`: when
// the next one will be.
Oid due_database(Duration now, bool (*is_running)(Oid), Duration *next);

// The database to look into for the extension now; the same.
Oid database_to_look_into(Duration *next);

const char *name_of(Oid database);

// Whether the worker may start; else forgets the database.
bool is_still_there(Oid database);

void mark_started(Oid database);
void mark_looked_into(Oid database);

// Notes why no worker ran, and says so in the log if it is news. Null: the worker has done that itself.
void note_failure(Oid database, const char *problem);
// The same where it could not be looked into, for a reason that holds for all. `problem` is a constant.
void note_no_look(Oid database, const char *problem);

// `ended`: by us, and what it was at has been told of.
void note_end(Oid database, bool ended);
void note_end_of_look(Oid database);

// The source that held up the worker has failed by itself: the others' next worker starts after `wait`.
void note_source_failure(Oid database, const char *source, const char *problem, bool news, Duration wait);

}  // namespace insights::pg
