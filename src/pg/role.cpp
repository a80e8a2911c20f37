#include "role.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/syscache.h"
}

namespace insights::pg {

namespace {

Identity switch_to(Oid role, int restrictions) {
  Identity previous = {};
  GetUserIdAndSecContext(&previous.role, &previous.context);
  SetUserIdAndSecContext(role, previous.context | restrictions);
  return previous;
}

}  // namespace

Identity become(Oid role) { return switch_to(role, SECURITY_LOCAL_USERID_CHANGE); }

Identity become_restricted(Oid role) {
  return switch_to(role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void become(Identity previous) { SetUserIdAndSecContext(previous.role, previous.context); }

Oid owner_of(Oid table) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", table);
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

}  // namespace insights::pg
