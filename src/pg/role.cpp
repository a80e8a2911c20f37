#include "role.hpp"

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

}  // namespace insights::pg
