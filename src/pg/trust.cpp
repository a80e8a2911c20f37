#include "trust.hpp"

#include "catalog.hpp"
#include "needs.hpp"
#include "source.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/plancache.h"
}

namespace insights::pg {

namespace {

// What the plan's query needs, views and policies included.
const List *needs_of(SPIPlanPtr plan, bool relations) {
  Needs needs(relations);
  const ListCell *source = nullptr;
  foreach (source, SPI_plan_get_plan_sources(plan)) {
    const ListCell *query = nullptr;
    foreach (query, static_cast<CachedPlanSource *>(lfirst(source))->query_list)
      needs.add_query(lfirst_node(Query, query));
  }
  return needs.objects();
}

const char *quoted_role(Oid role) { return quote_identifier(GetUserNameFromId(role, false)); }

}  // namespace

const char *find_untrusted(Oid owner, SPIPlanPtr plan) {
  if (!superuser_arg(owner)) return nullptr;
  const ListCell *cell = nullptr;
  foreach (cell, needs_of(plan, true)) {
    const auto *object = static_cast<ObjectAddress *>(lfirst(cell));
    const Oid whose = owner_of_object(*object);
    if (superuser_arg(whose)) continue;
    return psprintf("It uses %s of role \"%s\", who is no superuser.", describe_object(*object),
                    GetUserNameFromId(whose, false));
  }
  return nullptr;
}

void require_trusted(const Source &source, SPIPlanPtr plan) {
  const char *what = find_untrusted(GetUserId(), plan);
  if (what == nullptr) return;
  ereport(
      ERROR,
      (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
       errmsg("delivery source \"%s\" cannot be read as superuser \"%s\", who owns %s", source.name,
              GetUserNameFromId(GetUserId(), false), source.relation),
       errdetail_internal("%s", what),
       errhint("Give the relation an owner who is no superuser: ALTER TABLE %s OWNER TO ...; and register it again.",
               source.relation)));
}

void require_usable_schema(Oid owner, Oid schema) {
  if (namespace_aclcheck(schema, owner, ACL_USAGE) == ACLCHECK_OK) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("role \"%s\", who owns the relation, may not use schema %s", GetUserNameFromId(owner, false),
                         schema_name(schema)),
                  errdetail("The worker reads a source as the owner of its relation."),
                  errhint("GRANT USAGE ON SCHEMA %s TO %s;", schema_name(schema), quoted_role(owner))));
}

void require_usable_functions(Oid owner, SPIPlanPtr plan) {
  const ListCell *cell = nullptr;
  foreach (cell, needs_of(plan, false)) {
    const auto *object = static_cast<ObjectAddress *>(lfirst(cell));
    if (object->classId != ProcedureRelationId || function_aclcheck(object->objectId, owner) == ACLCHECK_OK) continue;
    const char *function = getObjectIdentity(object, false);
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("role \"%s\", who owns the relation, may not execute function %s",
                           GetUserNameFromId(owner, false), function),
                    errdetail("The worker reads a source as the owner of its relation."),
                    errhint("GRANT EXECUTE ON FUNCTION %s TO %s;", function, quoted_role(owner))));
  }
}

}  // namespace insights::pg
