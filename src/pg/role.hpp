// Acting with the rights of another role. An error ends it by itself: the abort of the (sub)transaction puts the caller
// back.
#pragma once

#include "pg.hpp"

namespace insights::pg {

struct Identity {
  Oid role;
  int context;
};

// Becomes `role` until become(previous). What is called meanwhile cannot SET ROLE.
Identity become(Oid role);

// The same for code that is not ours (mappings, views, policies): it can leave nothing behind in the session, neither.
Identity become_restricted(Oid role);

void become(Identity previous);

}  // namespace insights::pg
