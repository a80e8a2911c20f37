#include "catalog.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

[[noreturn]] void gone(const char *what, Oid oid) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s with OID %u was dropped", what, oid),
                  errhint("Another session dropped it in the meantime: try again.")));
  pg_unreachable();
}

[[noreturn]] void own_object_gone(const char *what, const char *name) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("%s %s of anomaly_insights is missing", what, name),
                  errhint("It, its schema or the extension was dropped: create the extension again.")));
  pg_unreachable();
}

// A row of a catalog while it is being read.
template <typename Form, typename Read>
auto read_catalog(int cache, Oid oid, const char *what, Read read) {
  HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(oid));
  if (!HeapTupleIsValid(tuple)) gone(what, oid);
  const auto value = read(reinterpret_cast<Form>(GETSTRUCT(tuple)));
  ReleaseSysCache(tuple);
  return value;
}

// A schema, and the name in it; palloc'd.
struct QualifiedName {
  Oid schema;
  const char *name;
};

}  // namespace

const char *schema_name(Oid schema) {
  const char *name = get_namespace_name(schema);
  if (name == nullptr) gone("schema", schema);
  return quote_identifier(name);
}

const char *relation_name(Oid relation) {
  const char *name = get_rel_name(relation);
  if (name == nullptr) gone("relation", relation);
  return quote_identifier(name);
}

const char *qualified_function_name(Oid function) {
  const auto found = read_catalog<Form_pg_proc>(PROCOID, function, "function", [](Form_pg_proc row) {
    return QualifiedName{row->pronamespace, pstrdup(NameStr(row->proname))};
  });
  return psprintf("%s.%s", schema_name(found.schema), quote_identifier(found.name));
}

const char *qualified_operator_name(Oid operator_oid) {
  const auto found = read_catalog<Form_pg_operator>(OPEROID, operator_oid, "operator", [](Form_pg_operator row) {
    return QualifiedName{row->oprnamespace, pstrdup(NameStr(row->oprname))};
  });
  return psprintf("OPERATOR(%s.%s)", schema_name(found.schema), found.name);
}

Oid owner_of(Oid relation) {
  return read_catalog<Form_pg_class>(RELOID, relation, "relation", [](Form_pg_class row) { return row->relowner; });
}

Oid function_owner(Oid function) {
  return read_catalog<Form_pg_proc>(PROCOID, function, "function", [](Form_pg_proc row) { return row->proowner; });
}

Oid operator_owner(Oid operator_oid) {
  return read_catalog<Form_pg_operator>(OPEROID, operator_oid, "operator",
                                        [](Form_pg_operator row) { return row->oprowner; });
}

Oid type_owner(Oid type) {
  return read_catalog<Form_pg_type>(TYPEOID, type, "type", [](Form_pg_type row) { return row->typowner; });
}

Oid domain_base(Oid type) {
  return read_catalog<Form_pg_type>(TYPEOID, type, "type", [](Form_pg_type row) { return row->typbasetype; });
}

Oid collation_owner(Oid collation) {
  return read_catalog<Form_pg_collation>(COLLOID, collation, "collation",
                                         [](Form_pg_collation row) { return row->collowner; });
}

Oid find_relation(const char *qualified_name) {
  const RangeVar *name = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(qualified_name)));
  const Oid schema = name->schemaname != nullptr ? get_namespace_oid(name->schemaname, true) : InvalidOid;
  return OidIsValid(schema) ? get_relname_relid(name->relname, schema) : InvalidOid;
}

Oid extension_schema(FunctionCallInfo fcinfo) {
  return read_catalog<Form_pg_proc>(PROCOID, fcinfo->flinfo->fn_oid, "function",
                                    [](Form_pg_proc row) { return row->pronamespace; });
}

Oid own_table(Oid schema, const char *name) {
  const Oid table = get_relname_relid(name, schema);
  if (!OidIsValid(table)) own_object_gone("table", name);
  return table;
}

Relation open_own_table(Oid schema, const char *name, LOCKMODE lock) {
  Relation table = try_relation_open(own_table(schema, name), lock);
  if (table == nullptr) own_object_gone("table", name);
  return table;
}

Oid own_type(Oid schema, const char *name) {
  const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name), ObjectIdGetDatum(schema));
  if (!OidIsValid(type)) own_object_gone("type", name);
  return type;
}

char *own_statement(Oid schema, const char *format) {
  const char *name = schema_name(schema);
  StringInfoData statement;
  initStringInfo(&statement);
  for (const char *at = format; *at != '\0'; ++at) {
    *at == '@' ? appendStringInfoString(&statement, name) : appendStringInfoChar(&statement, *at);
  }
  return statement.data;
}

}  // namespace insights::pg
