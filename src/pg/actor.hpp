// Who does it.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// The role that logged in.
const char *session_user_name();

// anomaly_insights.actor; null where it is not set.
const char *actor_or_null();

// The actor, else the session's user.
const char *acting_user();

}  // namespace insights::pg
