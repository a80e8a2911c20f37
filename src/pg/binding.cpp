#include "binding.hpp"

#include "catalog.hpp"
#include "needs.hpp"
#include "query.hpp"
#include "source.hpp"
#include "statement.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_func.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "storage/lockdefs.h"
#include "utils/acl.h"
#include "utils/json.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

RoleReference reference_to(Oid role) { return {GetUserNameFromId(role, false), role}; }

const char *kind_of(Relation relation) {
  switch (relation->rd_rel->relkind) {
    case RELKIND_VIEW:
      return "view";
    case RELKIND_MATVIEW:
      return "materialized view";
    default:
      return "table";
  }
}

// ---- what the mapping needs ----

// Fields that some report compares with a value.
constexpr Field kKeys[] = {Field::kId, Field::kTenantId, Field::kEndpoint};

// The raw created_at, the raw keys, and every field with the cast that reports put on it.
char *needs_query(const Source &source) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT %s", source.field(Field::kCreatedAt));
  for (const Field key : kKeys) {
    if (source.field(key) != nullptr) appendStringInfo(&query, ", %s", source.field(key));
  }
  appendStringInfoString(&query, ", ");
  append_created_at(&query, source);
  for (int i = 0; i < kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    if (source.field(field) != nullptr && field != Field::kCreatedAt) {
      append_as(&query, source.field(field), reported_type(field));
    }
  }
  appendStringInfo(&query, " FROM %s", source.relation);
  if (source.filter != nullptr) appendStringInfo(&query, " WHERE %s", source.filter);
  return query.data;
}

// By hand, so that no other extension takes it for a statement of somebody's.
Query *analyse(const char *text) {
  require_pinned_path(text);
  ParseState *state = make_parsestate(nullptr);
  state->p_sourcetext = text;
  Query *query = transformTopLevelStmt(state, linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT)));
  free_parsestate(state);
  return query;
}

Oid target_type(const Query *query, int target) {
  return exprType(reinterpret_cast<Node *>(list_nth_node(TargetEntry, query->targetList, target)->expr));
}

// What the keys are compared by.
void add_equalities(const Source &source, const Query *query, Needs *needs) {
  int target = 1;  // behind created_at
  for (const Field key : kKeys) {
    if (source.field(key) != nullptr) needs->add_equality(getBaseType(target_type(query, target++)));
  }
}

void add_replay_function(const Source &source, Needs *needs) {
  if (source.replay_function == nullptr) return;
  List *names = textToQualifiedNameList(cstring_to_text(source.replay_function));
  Oid types[] = {TEXTARRAYOID};
  const Oid function = LookupFuncName(names, lengthof(types), types, true);
  if (OidIsValid(function)) needs->add_function(function);
}

const char *volatility_of(const ObjectAddress &object) {
  if (object.classId != ProcedureRelationId) return "";
  switch (func_volatile(object.objectId)) {
    case PROVOLATILE_IMMUTABLE:
      return "immutable";
    case PROVOLATILE_STABLE:
      return "stable";
    default:
      return "volatile";
  }
}

int by_object(const void *a, const void *b) {
  return std::strcmp(static_cast<const Need *>(a)->object, static_cast<const Need *>(b)->object);
}

void put_needs(const Needs &needs, Binding *binding) {
  binding->needs = static_cast<Need *>(palloc(sizeof(Need) * (list_length(needs.objects()) + 1)));
  const ListCell *cell = nullptr;
  foreach (cell, needs.objects()) {
    const auto *object = static_cast<ObjectAddress *>(lfirst(cell));
    binding->needs[binding->need_count++] = {describe_object(*object), volatility_of(*object),
                                             reference_to(owner_of_object(*object))};
  }
  qsort(binding->needs, binding->need_count, sizeof(Need), by_object);
}

// ---- what is stored of it ----

[[noreturn]] void refuse_needs() {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("needs of a delivery source are not as they were stored"), errhint("Register it again.")));
  pg_unreachable();
}

const char *member(JsonbContainer *object, const char *key) {
  JsonbValue value;
  if (getKeyJsonValueFromContainer(object, key, static_cast<int>(std::strlen(key)), &value) == nullptr ||
      value.type != jbvString) {
    refuse_needs();
  }
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

void append_text_member(StringInfo json, const char *separator, const char *key, const char *value) {
  appendStringInfo(json, "%s\"%s\": ", separator, key);
  escape_json(json, value);
}

// ---- what differs ----

bool is_same_role(const RoleReference &stored, const RoleReference &current, bool same_cluster) {
  return same_cluster ? stored.oid == current.oid : std::strcmp(stored.name, current.name) == 0;
}

bool is_same_text(const char *a, const char *b) { return std::strcmp(a, b) == 0; }

const char *need_difference(const Binding &stored, const Binding &current, bool same_cluster) {
  int i = 0;
  int j = 0;
  while (i < stored.need_count || j < current.need_count) {
    const int order = i == stored.need_count    ? 1
                      : j == current.need_count ? -1
                                                : by_object(&stored.needs[i], &current.needs[j]);
    if (order < 0) return psprintf("It no longer uses %s.", stored.needs[i].object);
    if (order > 0) {
      return psprintf("It now uses %s of role \"%s\".", current.needs[j].object, current.needs[j].owner.name);
    }
    const Need &was = stored.needs[i++];
    const Need &is = current.needs[j++];
    if (!is_same_role(was.owner, is.owner, same_cluster)) {
      return psprintf("The owner of %s is \"%s\", and was \"%s\".", is.object, is.owner.name, was.owner.name);
    }
    if (!is_same_text(was.volatility, is.volatility)) {
      return psprintf("%s is %s, and was %s.", is.object, is.volatility, was.volatility);
    }
  }
  return nullptr;
}

// What differs of the relation; null where nothing does. Its mapping is not even analysed before that is known, since
// that happens in the name of who owned it.
const char *relation_difference(const Source &source, Relation relation) {
  const Binding &stored = source.binding;
  const RoleReference owner = reference_to(relation->rd_rel->relowner);
  if (!is_same_role(stored.owner, owner, stored.system_identifier == GetSystemIdentifier())) {
    return psprintf("The owner of %s is \"%s\", and was \"%s\".", source.relation, owner.name, stored.owner.name);
  }
  if (!is_same_text(stored.relation_kind, kind_of(relation))) {
    return psprintf("%s is a %s, and was a %s.", source.relation, kind_of(relation), stored.relation_kind);
  }
  return nullptr;
}

// What differs of the mapping.
const char *mapping_difference(const Binding &stored, const Binding &current) {
  if (!is_same_text(stored.created_at_type, current.created_at_type)) {
    return psprintf("created_at is of type %s, and was of type %s.", current.created_at_type, stored.created_at_type);
  }
  return need_difference(stored, current, stored.system_identifier == current.system_identifier);
}

// Its relation, locked until the end of the transaction.
Relation open_relation(const Source &source) {
  return relation_open(require_source_relation(&source, AccessShareLock), NoLock);
}

[[noreturn]] void raise_changed(const Source &source, const char *what) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("delivery source \"%s\" changed since it was registered", source.name),
                  errdetail_internal("%s", what), errhint("%s", register_again(source, source.schema))));
  pg_unreachable();
}

// An error of the parser's that says that the mapping does not fit any more is a change like any other.
Binding analyse_binding(const Source &source, Relation relation) {
  MemoryContext context = CurrentMemoryContext;
  Binding binding = {};
  PG_TRY();
  { binding = current_binding(source, relation); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    if (!is_of_the_mapping(error)) PG_RE_THROW();
    FlushErrorState();
    raise_changed(source, psprintf("Its mapping no longer fits: %s.", error->message));
  }
  PG_END_TRY();
  return binding;
}

}  // namespace

Datum needs_to_jsonb(const Binding &binding) {
  StringInfoData json;
  initStringInfo(&json);
  appendStringInfoChar(&json, '[');
  for (int i = 0; i < binding.need_count; ++i) {
    const Need &need = binding.needs[i];
    append_text_member(&json, i > 0 ? ", {" : "{", "object", need.object);
    append_text_member(&json, ", ", "volatility", need.volatility);
    append_text_member(&json, ", ", "owner", need.owner.name);
    appendStringInfo(&json, ", \"owner_oid\": \"%u\"}", need.owner.oid);
  }
  appendStringInfoChar(&json, ']');
  return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

void read_needs(JsonbContainer *array, Binding *binding) {
  if (!JsonContainerIsArray(array)) refuse_needs();
  binding->needs = static_cast<Need *>(palloc(sizeof(Need) * (JsonContainerSize(array) + 1)));
  for (uint32 i = 0; i < JsonContainerSize(array); ++i) {
    const JsonbValue *element = getIthJsonbValueFromContainer(array, i);
    if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data)) refuse_needs();
    JsonbContainer *object = element->val.binary.data;
    const auto owner_oid = static_cast<Oid>(std::strtoul(member(object, "owner_oid"), nullptr, 10));
    binding->needs[binding->need_count++] = {
        member(object, "object"), member(object, "volatility"), {member(object, "owner"), owner_oid}};
  }
  qsort(binding->needs, binding->need_count, sizeof(Need), by_object);
}

Binding current_binding(const Source &source, Relation relation) {
  Query *query = analyse(needs_query(source));
  Needs needs(false);
  needs.add_query(query);
  add_equalities(source, query, &needs);
  add_replay_function(source, &needs);
  Binding binding = {};
  binding.owner = reference_to(relation->rd_rel->relowner);
  binding.system_identifier = GetSystemIdentifier();
  binding.relation_kind = kind_of(relation);
  binding.created_at_type = format_type_extended(target_type(query, 0), -1, FORMAT_TYPE_FORCE_QUALIFY);
  put_needs(needs, &binding);
  return binding;
}

Binding require_binding(const Source &source) {
  Relation relation = open_relation(source);
  if (const char *what = relation_difference(source, relation)) raise_changed(source, what);
  const Binding current = analyse_binding(source, relation);
  relation_close(relation, NoLock);
  if (const char *what = mapping_difference(source.binding, current)) raise_changed(source, what);
  return current;
}

const char *find_change(const Source &source) {
  Relation relation = open_relation(source);
  const char *change = relation_difference(source, relation);
  if (change == nullptr) change = mapping_difference(source.binding, current_binding(source, relation));
  relation_close(relation, NoLock);
  return change;
}

bool is_of_the_mapping(const ErrorData *error) {
  switch (error->sqlerrcode) {
    case ERRCODE_UNDEFINED_COLUMN:
    case ERRCODE_UNDEFINED_FUNCTION:
    case ERRCODE_UNDEFINED_TABLE:
    case ERRCODE_UNDEFINED_OBJECT:
    case ERRCODE_DATATYPE_MISMATCH:
    case ERRCODE_CANNOT_COERCE:
      return true;
    default:
      return false;
  }
}

const char *register_again(const Source &source, Oid schema) {
  return psprintf(
      "If it is to be so, register it again: SELECT %s.delivery_source_register(relation, name, mapping) FROM "
      "%s.delivery_sources WHERE name = %s;",
      schema_name(schema), schema_name(schema), quote_literal_cstr(source.name));
}

Oid find_bound_owner(const Source &source) {
  const Binding &binding = source.binding;
  if (binding.system_identifier != GetSystemIdentifier()) return get_role_oid(binding.owner.name, true);
  return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(binding.owner.oid)) ? binding.owner.oid : InvalidOid;
}

Oid bound_owner(const Source &source) {
  const Oid owner = find_bound_owner(source);
  if (OidIsValid(owner)) return owner;
  raise_changed(source, psprintf("Role \"%s\", who owned %s, is no more.", source.binding.owner.name, source.relation));
}

bool is_outdated(const Binding &stored, const Binding &current) {
  const auto differs = [](const RoleReference &a, const RoleReference &b) {
    return a.oid != b.oid || !is_same_text(a.name, b.name);
  };
  if (stored.system_identifier != current.system_identifier || differs(stored.owner, current.owner)) return true;
  for (int i = 0; i < stored.need_count; ++i) {
    if (differs(stored.needs[i].owner, current.needs[i].owner)) return true;
  }
  return false;
}

}  // namespace insights::pg
