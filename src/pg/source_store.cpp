#include "source_store.hpp"

#include "catalog.hpp"
#include "role.hpp"
#include "statement.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace insights::pg {

namespace {

Oid owner_of_sources(Oid schema) { return owner_of(own_table(schema, "delivery_sources")); }

void run_as_owner(Oid schema, Parameters &parameters, const char *statement, int expected) {
  const Identity caller = become(owner_of_sources(schema));
  parameters.run(own_statement(schema, statement), expected);
  become(caller);
}

void put_binding(Parameters &parameters, const Binding &binding) {
  parameters.text(binding.owner.name);
  parameters.put(OIDOID, ObjectIdGetDatum(binding.owner.oid));
  parameters.count(binding.system_identifier);
  parameters.text(binding.relation_kind);
  parameters.text(binding.created_at_type);
  parameters.put(JSONBOID, needs_to_jsonb(binding));
}

bool acts_for(Oid role) { return OidIsValid(role) && has_privs_of_role(GetUserId(), role); }

}  // namespace

void lock_sources(Oid schema) {
  PreventCommandDuringRecovery("a change of delivery sources");
  relation_close(open_own_table(schema, "delivery_sources", ShareRowExclusiveLock), NoLock);
}

Source *find_latest_source(Oid schema, const char *name) {
  PushActiveSnapshot(GetLatestSnapshot());
  Source *source = find_source_if_exists(schema, name);
  PopActiveSnapshot();
  return source;
}

void require_management(const Source &source) {
  const Oid relation = find_relation(source.relation);
  if (acts_for(owner_of_sources(source.schema)) || acts_for(find_bound_owner(source)) ||
      (OidIsValid(relation) && acts_for(owner_of(relation)))) {
    return;
  }
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of delivery source \"%s\"", source.name),
           errdetail("It belongs to whoever owns %s: \"%s\" when it was registered.", source.relation,
                     source.binding.owner.name)));
}

void store_source(const Source &source, Datum mapping) {
  Parameters parameters;
  for (const char *text : {source.name, source.relation}) parameters.text(text);
  parameters.put(JSONBOID, mapping);
  parameters.text(source.registered_by);
  put_binding(parameters, source.binding);
  run_as_owner(source.schema, parameters,
               "INSERT INTO @.delivery_sources (name, relation, mapping, registered_by, owner_name, owner_oid, "
               "system_identifier, relation_kind, created_at_type, needs) "
               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO UPDATE SET "
               "relation = excluded.relation, mapping = excluded.mapping, registered_by = excluded.registered_by, "
               "registered_at = excluded.registered_at, owner_name = excluded.owner_name, "
               "owner_oid = excluded.owner_oid, system_identifier = excluded.system_identifier, "
               "relation_kind = excluded.relation_kind, created_at_type = excluded.created_at_type, "
               "needs = excluded.needs",
               SPI_OK_INSERT);
}

void store_binding(const Source &source, const Binding &binding) {
  Parameters parameters;
  put_binding(parameters, binding);
  parameters.text(source.name);
  parameters.text(source.binding.owner.name);
  parameters.put(OIDOID, ObjectIdGetDatum(source.binding.owner.oid));
  parameters.count(source.binding.system_identifier);
  run_as_owner(source.schema, parameters,
               "UPDATE @.delivery_sources SET owner_name = $1, owner_oid = $2, system_identifier = $3, "
               "relation_kind = $4, created_at_type = $5, needs = $6 "
               "WHERE name = $7 AND owner_name = $8 AND owner_oid = $9 AND system_identifier = $10",
               SPI_OK_UPDATE);
}

void delete_source(const Source &source) {
  Parameters parameters;
  parameters.text(source.name);
  run_as_owner(source.schema, parameters, "DELETE FROM @.delivery_sources WHERE name = $1", SPI_OK_DELETE);
}

}  // namespace insights::pg
