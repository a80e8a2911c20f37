// Whose code a scan runs that is made in the name of the relation's owner.
#pragma once

#include "pg.hpp"

namespace insights::pg {

struct Source;

// Raises 42501 where the current user, who owns the relation, is a superuser and the plan's rewritten query has
// anything that is neither built in nor owned by a superuser: whoever owns that would become superuser by it.
void require_trusted(const Source &source, SPIPlanPtr plan);

// The first such thing, and what to do, as texts; null where `owner` is no superuser or there is none.
const char *find_untrusted(Oid owner, SPIPlanPtr plan);

// Raises 42501, with the GRANT to type, where the relation's owner may not use the extension's schema or execute a
// function of the query.
void require_usable_schema(Oid owner, Oid schema);
void require_usable_functions(Oid owner, SPIPlanPtr plan);

}  // namespace insights::pg
