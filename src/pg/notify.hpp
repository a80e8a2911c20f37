// Telling those who listen.
#pragma once

#include "../core/event_json.hpp"
#include "pg.hpp"

namespace insights::pg {

bool notifications_are_on();

// NOTIFY at commit, with details if the setting says so. Texts are in the server's encoding.
void notify(EventNotice notice);

}  // namespace insights::pg
