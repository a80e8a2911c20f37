// How evaluations went: in shared memory where the library is preloaded; else in a table, which is written only when
// there is news.
#pragma once

#include "pg.hpp"
#include "tick.hpp"

extern "C" {
#include "storage/latch.h"
#include "storage/lwlock.h"
}

namespace insights::pg {

constexpr int kErrorLength = 512;

// What is known of the evaluations of a source. Times are 0 where there is none; a Duration is a time of uptime().
struct RunRecord {
  Oid database;  // InvalidOid: nothing is known
  std::uint64_t source_hash;
  TimestampTz last_run, last_success, last_error_at;
  Duration up_at_run, up_at_success, up_at_error;  // the same by uptime(), for the clock may have been ahead
  Duration next_run;                               // of the worker
  Duration touched;
  Duration turned_away;      // when an evaluation last found another session at it
  TickOutcome last_outcome;  // of the last evaluation, whether it came to anything or not
  Duration duration;
  std::uint64_t deliveries, unmapped;  // of the last that succeeded
  std::uint64_t left;                  // changes that it had no time to store
  bool raising;                        // its mapping raises on a delivery
  int failures;                        // in a row
  char run_by[NAMEDATALEN];
  char error[kErrorLength];  // the last one; empty: none, or it is over
};

// Whether so many of the deliveries have a status that nobody knows that what the source says of failures is worth
// nothing: more than 1 %.
inline bool is_unmapped(const RunRecord &run) { return run.unmapped > run.deliveries / 100; }

// What a worker is at: a source, or something of the database as a whole.
struct WorkerStep {
  Duration since;  // of uptime(); 0: nothing
  bool of_source;
  std::uint64_t source_hash;
  char name[NAMEDATALEN];  // of the source, as much as fits; or what it does
};

// What the launcher knows of a database that has the extension.
struct DatabaseRecord {
  Oid database;                     // InvalidOid: the record is free
  int worker_pid;                   // 0: none is running
  Duration last_start, next_start;  // of uptime()
  int failures;                     // starts in a row that came to nothing
  bool absent;                      // its extension has been dropped
  bool reported;                    // its worker came to an end by itself
  bool told;                        // or left a word in `error` of what kept it from that
  bool woken;                       // something that the worker should look at has happened
  bool waits;                       // its worker was turned away by a session that has not ended since
  WorkerStep step;
  char error[kErrorLength];
};

// What came of looking for the extension in a database.
struct Look {
  Oid database;
  bool done, found;
};

// So many of them as a setting says.
template <typename Record>
struct Records {
  Record *first;
  int count;
  Record *begin() const { return first; }
  Record *end() const { return first + count; }
};

// What the processes share. Fields are read and written under the lock.
struct Shared {
  LWLock *lock;
  int launcher_pid;
  Latch *launcher_latch;
  Duration launcher_started_at;
  Look look;
  Oid turned_down;     // a database with the extension for which there was no record left; the launcher tells
  Duration forgot_at;  // when a source's record that was in use last made room for another's
  Records<RunRecord> runs;
  Records<DatabaseRecord> databases;
};

// Null where the library is not preloaded.
extern Shared *shared;

// From _PG_init, while libraries are preloaded.
void request_shared_memory();

// Keeps how a tick of the worker went, and logs it where the source has become unmapped. `start` is when it began; of a
// tick that found another session at it only that is kept. Returns whether an error is another one than the last.
// Without shared memory: with the rights of the tables' owner.
bool record_run(Oid schema, const char *source, const char *run_by, TimestampTz start, const TickResult &result);

// The same of a scan by hand. Where a worker looks after this database neither what ended it nor who was in its way
// counts: that may have been the caller's own doing.
void record_scan(Oid schema, const char *source, TimestampTz start, const TickResult &result);

// All zero where nothing is known. No time of it is ahead of the clock.
RunRecord read_run(Oid schema, const char *source);

// Whether the mapping raised on a delivery when the source was evaluated last, as far as that is remembered.
bool was_raising(const char *source);

// When an evaluation of the source was last turned away, by the clock; 0 where that is not known.
TimestampTz last_turned_away(const char *source);

// Whether sources are evaluated of which nothing is known here since there are more than anomaly_insights.max_sources.
bool forgets_runs();

// The record of a database, which the caller's lock guards; null where there is none.
DatabaseRecord *find_database(Oid database);

// The same, but one that has the extension gets a record if any is free. Not before a naptime of the launcher is over
// does the first worker start: should one ever crash the server, the server has that long to be of use.
DatabaseRecord *find_or_add_database(Oid database);

// Makes the launcher know that this database has the extension; false where there is no room for it yet.
bool announce_database();

// When a worker starts that is woken: once in a second at most, whatever sessions do.
Duration woken_start(const DatabaseRecord &record);

// What the worker is at, from now on; `source` is null where that is no source, but `name`.
void note_step(const char *source, const char *name);
void note_step_end();

// What became of a step that did not end in time.
constexpr const char *kNotStopped = "it did not stop at anomaly_insights.statement_timeout, so its worker was ended";

// The step of the database's worker. Where it has taken longer than `limit` it is `overdue`, and the source whose
// evaluation it is has failed; `news` tells whether in another way than before.
struct CheckedStep {
  WorkerStep step;
  bool overdue, news;
};
CheckedStep check_step(Oid database, Duration limit);

// Under the lock: the evaluation of a source that was the worker's step has failed. Returns whether that is news.
bool fail_step(Oid database, const WorkerStep &step, const char *problem);

// At commit, makes the launcher start a worker in this database soon, which finds nothing known of the source's runs.
void wake_worker_at_commit(const char *changed_source);

// At the end of the transaction, makes the launcher start a worker soon if one was turned away meanwhile.
void wake_turned_away_at_end();

}  // namespace insights::pg
