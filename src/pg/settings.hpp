// The settings (GUCs) of the extension: the only global state.
#pragma once

#include "../core/detection.hpp"
#include "pg.hpp"

namespace insights::pg {

enum DebugFault : int { kNoFault, kFaultBadAlloc, kFaultRuntimeError };

extern int default_method;  // a Method
extern bool silence;        // whether a silent endpoint is an anomaly
extern int max_groups;      // the most pairs of tenant and endpoint in a rollup
extern int debug_fault;     // a DebugFault

// The policy of the current anomaly_insights.sensitivity.
RatePolicy rate_policy();

// The method that is called `name`; the default one for NULL. Raises 22023 for any other.
Method method_by_name(const char *name);

// Defines them; from _PG_init.
void define_settings();

}  // namespace insights::pg
