#include "replay_obstacle.hpp"

#include "catalog.hpp"
#include "look.hpp"
#include "subtransaction.hpp"

namespace insights::pg {

namespace {

// Of the columns that a replay sets, those that the current user may not.
const char *columns_kept_from_user(Oid relation, const Requeue &requeue) {
  if (pg_class_aclcheck(relation, GetUserId(), ACL_UPDATE) == ACLCHECK_OK) return "";
  StringInfoData columns;
  initStringInfo(&columns);
  for (const Assignment &one : requeue) {
    const AttrNumber column = get_attnum(relation, one.column);
    if (pg_attribute_aclcheck(relation, column, GetUserId(), ACL_UPDATE) == ACLCHECK_OK) continue;
    appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", quote_identifier(one.column));
  }
  return columns.data;
}

// What the current user lacks. That the source itself is possible is known.
void require_rights(const Source &source, Possibility *possibility) {
  const char *user = GetUserNameFromId(GetUserId(), false);
  const Oid function = possibility->requeue.function;
  if (OidIsValid(function)) {
    if (function_aclcheck(function, GetUserId()) == ACLCHECK_OK) return;
    possibility->obstacle = psprintf("\"%s\" may not execute %s", user, source.replay_function);
    possibility->hint =
        psprintf("GRANT EXECUTE ON FUNCTION %s(text[]) TO %s;", source.replay_function, quote_identifier(user));
    return;
  }
  const char *columns = columns_kept_from_user(require_source_relation(&source), possibility->requeue);
  if (*columns == '\0') return;
  possibility->obstacle = psprintf("\"%s\" may not update %s of %s", user, columns, source.relation);
  possibility->hint = psprintf("GRANT UPDATE (%s) ON %s TO %s;", columns, source.relation, quote_identifier(user));
}

}  // namespace

Possibility find_possibility(const Source &source) {
  Possibility possibility = {};
  const ErrorData *error = in_subtransaction(
      [&] { possibility.requeue = look_safely(source, [&source] { return require_replayable(source); }); });
  if (error == nullptr) {
    require_rights(source, &possibility);
  } else {
    possibility.obstacle = error->message;
    possibility.hint = error->hint;
  }
  return possibility;
}

}  // namespace insights::pg
