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

// What is known of the evaluations of a source. Times are 0 where there is none.
struct RunRecord {
  Oid database;  // InvalidOid: nothing is known
  std::uint64_t source_hash;
  TimestampTz last_run, last_success, last_error_at;
  TimestampTz next_run;  // of the worker
  TimestampTz touched;
  Duration duration;
  std::uint64_t deliveries;
  int failures;  // in a row
  char run_by[NAMEDATALEN];
  char error[kErrorLength];  // the last one; empty: none, or it is over
};

// What the launcher knows of a database.
struct DatabaseRecord {
  Oid database;    // InvalidOid: the record is free
  int worker_pid;  // 0: none is running
  TimestampTz last_start, next_start;
  int failures;   // starts in a row that came to nothing
  bool absent;    // it has no extension
  bool reported;  // its worker came to an end by itself
  bool told;      // or left a word in `error` of what kept it from that
  bool woken;     // something that the worker should look at has happened
  char error[kErrorLength];
};

constexpr int kMostDatabases = 256;

// What the processes share. Fields are read and written under the lock.
struct Shared {
  LWLock *lock;
  int launcher_pid;
  Latch *launcher_latch;
  RunRecord runs[512];
  DatabaseRecord databases[kMostDatabases];
};

// Null where the library is not preloaded.
extern Shared *shared;

// From _PG_init, while libraries are preloaded.
void request_shared_memory();

// Keeps how a tick went. `start` is when it began; nothing is kept of a tick that found another session at it. Returns
// whether an error is another one than the last. Without shared memory: with the rights of the tables' owner.
bool record_run(Oid schema, const char *source, const char *run_by, TimestampTz start, const TickResult &result);

// All zero where nothing is known.
RunRecord read_run(Oid schema, const char *source);

// The record of a database, which the caller's lock guards; null where there is none.
DatabaseRecord *find_database(Oid database);

// At commit, makes the launcher start a worker in this database soon.
void wake_worker_at_commit();

}  // namespace insights::pg
