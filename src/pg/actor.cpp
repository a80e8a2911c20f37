#include "actor.hpp"

#include "settings.hpp"

namespace insights::pg {

const char *session_user_name() { return GetUserNameFromId(GetSessionUserId(), false); }

const char *actor_or_null() { return actor == nullptr || *actor == '\0' ? nullptr : actor; }

const char *acting_user() {
  const char *application_user = actor_or_null();
  return application_user != nullptr ? application_user : session_user_name();
}

}  // namespace insights::pg
