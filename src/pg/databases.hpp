// The databases as the launcher knows them: which of them may have a worker, and which of them is due.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Gives every database in which a worker may run a record, and takes those of others away. Not before a naptime is over
// does its first worker start: should one ever crash the server, the server has that long to be of use.
void update_records(Duration first_start);

// The database that has been due for longest and of which nothing is running; InvalidOid where none is. `next`: when
// the next one will be.
Oid due_database(Duration now, bool (*is_running)(Oid), Duration *next);

void mark_started(Oid database);

// Notes why no worker ran, and says so in the log if it is news. Null: the worker has done that itself.
void note_failure(Oid database, const char *problem);

// `ended`: by us, and what it was at has been told of.
void note_end(Oid database, bool ended);

// The source that held up the worker has failed by itself: the others' next worker starts at once.
void start_next_at_once(Oid database);

}  // namespace insights::pg
