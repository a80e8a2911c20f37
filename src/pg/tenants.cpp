#include "tenants.hpp"

#include "catalog.hpp"
#include "guard.hpp"
#include "role.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/array.h"
}

namespace insights::pg {

namespace {

Oid grants_table(Oid schema) { return own_table(schema, "insights_grants"); }

// What a statement on insights_grants gives, a text[]; 0 for NULL. It runs with the rights of the table's owner, since
// nobody else need have any.
Datum read_grants(Oid schema, Parameters &parameters, const char *statement) {
  SPI_connect();
  const Identity caller = become(owner_of(grants_table(schema)));
  parameters.read(own_statement(schema, statement));
  become(caller);
  bool null = false;
  const Datum tenants = Columns(0).typed(TEXTARRAYOID, &null);
  const Datum copy = null ? static_cast<Datum>(0) : SPI_datumTransfer(tenants, false, -1);
  SPI_finish();
  return copy;
}

// insights_grant leaves this mark, which goes with the role where it is renamed: the row goes by its name.
bool is_marked(Oid schema, Oid role) {
  const Oid table = grants_table(schema);
  return pg_attribute_aclcheck(table, get_attnum(table, "tenants"), role, ACL_REFERENCES) == ACLCHECK_OK;
}

bool has_right_of_its_own(Oid table, Oid role) {
  constexpr AclMode kAny = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
  return pg_class_aclmask(table, role, kAny, ACLMASK_ANY) != ACL_NO_RIGHTS ||
         pg_attribute_aclcheck_all(table, role, kAny, ACLMASK_ANY) == ACLCHECK_OK;
}

bool is_anybody_restricted(Oid schema) {
  Parameters none;
  return read_grants(schema, none,
                     "SELECT (SELECT tenants FROM @.insights_grants WHERE tenants IS NOT NULL LIMIT 1)") !=
         static_cast<Datum>(0);
}

// A policy is asked about whoever reads, also where the rights are those of a view's owner, who may be restricted.
void require_right_of_its_own(Oid schema, Oid table, Oid role) {
  if (has_right_of_its_own(table, role) || is_beyond_tenants(schema, role) || !is_anybody_restricted(schema)) return;
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("role \"%s\" may read table %s only by a view", GetUserNameFromId(role, false), relation_name(table)),
           errdetail("Roles are restricted to tenants, and the view's owner may be one of them."),
           errhint("Grant the role SELECT on the table, or give the view to the extension's owner.")));
}

}  // namespace

bool is_beyond_tenants(Oid schema, Oid role) {
  return superuser_arg(role) || has_bypassrls_privilege(role) ||
         has_privs_of_role(role, owner_of(grants_table(schema)));
}

Datum tenants_of(Oid schema, Oid role) {
  if (is_beyond_tenants(schema, role)) return static_cast<Datum>(0);
  Parameters parameters;
  parameters.put(OIDOID, ObjectIdGetDatum(role));
  const Datum tenants = read_grants(
      schema, parameters,
      "SELECT array_agg(DISTINCT tenant) FROM @.insights_grants g JOIN pg_catalog.pg_roles r ON r.rolname = "
      "g.role_name, unnest(g.tenants) tenant WHERE pg_catalog.pg_has_role($1, r.oid, 'USAGE')");
  if (tenants != static_cast<Datum>(0) || !is_marked(schema, role)) return tenants;
  return PointerGetDatum(construct_empty_array(TEXTOID));
}

void put_tenants(Parameters &parameters, Datum tenants) {
  tenants != static_cast<Datum>(0) ? parameters.put(TEXTARRAYOID, tenants) : parameters.null(TEXTARRAYOID);
}

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// insights_tenants(relation) -> text[]
ANOMALY_INSIGHTS_FUNCTION(ai_tenants) {
  const Oid schema = extension_schema(fcinfo);
  const Datum tenants = tenants_of(schema, GetUserId());
  if (tenants != static_cast<Datum>(0)) return tenants;
  if (!PG_ARGISNULL(0)) require_right_of_its_own(schema, PG_GETARG_OID(0), GetUserId());
  PG_RETURN_NULL();
}
