// Which tenants a role is restricted to: what insights_grants says of incidents, their events and mutes.
#pragma once

#include "statement.hpp"

namespace insights::pg {

// Who is asked for is GetUserId(), before become(): a function that is SECURITY DEFINER would not know its caller, who
// may be the owner of another such function and not the role of the session.

// The tenants of all rows that reach the role, as text[]; 0 where none restricts it, as none does a superuser, a role
// with BYPASSRLS or the tables' owner.
Datum tenants_of(Oid schema, Oid role);

// The same as an argument: NULL where none restricts it.
void put_tenants(Parameters &parameters, Datum tenants);

// Whether nothing can restrict the role, since row-level security does not hold for it.
bool is_beyond_tenants(Oid schema, Oid role);

}  // namespace insights::pg
