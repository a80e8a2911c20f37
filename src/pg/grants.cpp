// insights_grant and insights_revoke: the privileges of a role by tier, and its tenants.
#include "arguments.hpp"
#include "array.hpp"
#include "catalog.hpp"
#include "guard.hpp"
#include "tenants.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/array.h"
}

namespace insights::pg {

namespace {

// What a tier adds to the one before it; `@` is our schema.
struct Tier {
  const char *name;
  const char *privileges[3];
};

constexpr Tier kTiers[] = {
    {"viewer",
     {"USAGE ON SCHEMA @", "EXECUTE ON FUNCTION @.delivery_search",
      "SELECT (name, relation) ON TABLE @.delivery_sources"}},
    {"operator",
     {"SELECT ON TABLE @.anomalies, @.anomaly_events, @.anomaly_mutes",
      "EXECUTE ON FUNCTION @.anomaly_acknowledge, @.anomaly_resolve, @.anomaly_mute, @.anomaly_unmute, "
      "@.replay_execute, @.anomaly_insights_status"}},
    {"admin", {"SELECT ON TABLE @.operator_audit"}}};
constexpr int kTierCount = 3;
constexpr int kAdmin = kTierCount - 1;

// What marks a role as restricted, whatever becomes of its name.
constexpr const char *kMark = "REFERENCES (tenants) ON TABLE @.insights_grants";

const char *name_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  const char *value = text_or_null(fcinfo, number);
  if (value == nullptr) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
  return value;
}

int tier_by_name(const char *name) {
  for (int i = 0; i < kTierCount; ++i) {
    if (std::strcmp(kTiers[i].name, name) == 0) return i;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown tier \"%s\"", name),
                  errhint("Tiers are \"viewer\", \"operator\" and \"admin\".")));
  pg_unreachable();
}

[[noreturn]] void no_such_role(const char *name) {
  if (std::strcmp(name, "public") == 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("PUBLIC is no role, and holds no tier"),
                    errhint("Create a role for those who are meant, and name that.")));
  }
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role \"%s\" does not exist", name),
                  errhint("Create it first. Its name is taken as it is: without quotes, and case counts.")));
  pg_unreachable();
}

// 0 for NULL, which is every tenant.
Datum tenants_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) return static_cast<Datum>(0);
  ArrayType *tenants = PG_GETARG_ARRAYTYPE_P(number);
  if (array_contains_nulls(tenants)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a tenant must not be NULL"),
                    errhint("What is of no tenant is seen by roles that are not restricted.")));
  }
  if (ARR_NDIM(tenants) > 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tenants must be a plain list"),
                    errhint("For instance ARRAY['acme', 'globex'].")));
  }
  if (ArrayGetNItems(ARR_NDIM(tenants), ARR_DIMS(tenants)) == 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tenants must not be empty"),
                    errhint("NULL is every tenant; a role that may see none needs no tier.")));
  }
  return PointerGetDatum(tenants);
}

void require_restrictable(Oid schema, Oid role, const char *name, int tier) {
  if (tier == kAdmin) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tier \"admin\" cannot be restricted to tenants"),
                    errdetail("It adds the audit to \"operator\", and that is one for all tenants."),
                    errhint("Grant \"operator\" with these tenants.")));
  }
  if (!is_beyond_tenants(schema, role)) return;
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("role \"%s\" cannot be restricted to tenants", name),
           errdetail("Row-level security does not hold for a superuser, a role with BYPASSRLS or a member of the "
                     "extension's owner."),
           errhint("Grant the tier to another role.")));
}

// Between SPI_connect and SPI_finish, as is all that follows.
void run_utility(const char *statement) { run_statement(statement, SPI_OK_UTILITY, false); }

void give(Oid schema, const char *privilege, const char *role) {
  run_utility(psprintf("GRANT %s TO %s", own_statement(schema, privilege), quote_identifier(role)));
}

void take(Oid schema, const char *privilege, const char *role) {
  run_utility(psprintf("REVOKE %s FROM %s", own_statement(schema, privilege), quote_identifier(role)));
}

template <typename Change>
void for_privileges(const Tier &tier, Change change) {
  for (const char *privilege : tier.privileges) {
    if (privilege != nullptr) change(privilege);
  }
}

// Whether the role inherits what a tier adds from another role that was granted it, or a higher one.
bool inherits(Oid schema, Oid role, int tier) {
  ArrayBuilder tiers(TEXTOID);
  for (int i = tier; i < kTierCount; ++i) tiers.add(Text(kTiers[i].name));
  Parameters parameters;
  parameters.put(OIDOID, ObjectIdGetDatum(role));
  parameters.put(TEXTARRAYOID, tiers.array());
  return parameters.run(own_statement(schema,
                                      "SELECT FROM @.insights_grants g JOIN pg_catalog.pg_roles r ON r.rolname = "
                                      "g.role_name WHERE g.tier = ANY ($2) AND r.oid <> $1 AND "
                                      "pg_catalog.pg_has_role($1, r.oid, 'USAGE')"),
                        SPI_OK_SELECT) > 0;
}

// The tier that the role was granted last; below the first for none.
int former_tier(Oid schema, const char *role) {
  Parameters parameters;
  parameters.text(role);
  const char *statement = own_statement(schema, "SELECT tier FROM @.insights_grants WHERE role_name = $1");
  if (parameters.run(statement, SPI_OK_SELECT) == 0) return -1;
  const Text tier = Columns(0).text();
  return tier_by_name(pnstrdup(tier.data(), tier.size()));
}

// Two at a time would meet in the same rows of the catalog.
void lock_grants(Oid schema) {
  run_utility(own_statement(schema, "LOCK TABLE @.insights_grants IN SHARE ROW EXCLUSIVE MODE"));
}

void set_privileges(Oid schema, Oid role, const char *name, int tier) {
  for (int i = former_tier(schema, name); i > tier; --i) {
    for_privileges(kTiers[i], [&](const char *privilege) { take(schema, privilege, name); });
  }
  for (int i = 0; i <= tier; ++i) {
    if (i < tier && inherits(schema, role, i)) continue;
    for_privileges(kTiers[i], [&](const char *privilege) { give(schema, privilege, name); });
  }
}

void store_grant(Oid schema, const char *name, int tier, Datum tenants) {
  tenants != static_cast<Datum>(0) ? give(schema, kMark, name) : take(schema, kMark, name);
  Parameters parameters;
  parameters.text(name);
  parameters.text(kTiers[tier].name);
  put_tenants(parameters, tenants);
  parameters.run(
      own_statement(schema,
                    "INSERT INTO @.insights_grants (role_name, tier, tenants) VALUES ($1, $2, $3) "
                    "ON CONFLICT (role_name) DO UPDATE SET tier = excluded.tier, tenants = excluded.tenants"),
      SPI_OK_INSERT);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// insights_grant(tier, role_name, tenants)
ANOMALY_INSIGHTS_FUNCTION(ai_grant) {
  const Oid schema = extension_schema(fcinfo);
  const int tier = tier_by_name(name_argument(fcinfo, 0, "tier"));
  const char *name = name_argument(fcinfo, 1, "role_name");
  const Datum tenants = tenants_argument(fcinfo, 2);
  const Oid role = get_role_oid(name, true);
  if (!OidIsValid(role)) no_such_role(name);
  if (tenants != static_cast<Datum>(0)) require_restrictable(schema, role, name, tier);
  SPI_connect();
  lock_grants(schema);
  set_privileges(schema, role, name, tier);
  store_grant(schema, name, tier, tenants);
  SPI_finish();
  PG_RETURN_VOID();
}

// insights_revoke(role_name). The row of a role that is gone goes, too.
ANOMALY_INSIGHTS_FUNCTION(ai_revoke) {
  const Oid schema = extension_schema(fcinfo);
  const char *name = name_argument(fcinfo, 0, "role_name");
  const bool exists = OidIsValid(get_role_oid(name, true));
  SPI_connect();
  lock_grants(schema);
  Parameters parameters;
  parameters.text(name);
  const char *statement = own_statement(schema, "DELETE FROM @.insights_grants WHERE role_name = $1");
  if (parameters.run(statement, SPI_OK_DELETE) == 0 && !exists) no_such_role(name);
  if (exists) {
    take(schema, kMark, name);
    for (const Tier &tier : kTiers) {
      for_privileges(tier, [&](const char *privilege) { take(schema, privilege, name); });
    }
  }
  SPI_finish();
  PG_RETURN_VOID();
}
