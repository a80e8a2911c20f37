// The settings (GUCs) of the extension: the only global state.
#pragma once

#include "../core/detection.hpp"
#include "../core/lifecycle.hpp"
#include "pg.hpp"

namespace insights::pg {

enum DebugFault : int { kNoFault, kFaultBadAlloc, kFaultRuntimeError };

extern int default_method;  // a Method
extern bool silence;        // whether a silent endpoint is an anomaly
extern int max_groups;      // the most pairs of tenant and endpoint in a rollup
extern int debug_fault;     // a DebugFault

extern char *actor;           // the application's user, or empty
extern char *notify_channel;  // empty: nobody is notified
extern bool notify_details;   // whether notifications name tenant and endpoint
extern int retention_days;    // of resolved incidents and events; 0: for ever
extern int naptime;           // s between two runs of the worker in a database; 0: it does not run
extern int worker_statement_timeout, worker_lock_timeout;  // ms
extern char *worker_role;                                  // as whom workers connect; empty: the bootstrap superuser
extern char *worker_databases;                             // comma-separated; empty: all
extern int max_databases;                                  // that have a worker
extern int max_sources;                                    // of which it is remembered how their evaluations went

// How incidents open and close, by the current settings.
LifecyclePolicy lifecycle_policy();

// The policy of the current anomaly_insights.sensitivity.
RatePolicy rate_policy();

// Puts the settings that shape what a scan finds to what is configured for all sessions of the database (in the file,
// by ALTER SYSTEM, on the command line, by ALTER DATABASE), until the GUC nest level of the caller ends: who may scan
// does not decide what is found. Raises 55000 where the library was loaded too late to know.
void pin_configured_settings();

// The method that is called `name`; the default one for NULL. Raises 22023 for any other.
Method method_by_name(const char *name);

// Defines them; from _PG_init.
void define_settings();

}  // namespace insights::pg
