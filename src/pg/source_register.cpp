// delivery_source_register and delivery_source_drop.
#include "arguments.hpp"
#include "catalog.hpp"
#include "guard.hpp"
#include "local_time.hpp"
#include "replay_word.hpp"
#include "requeue.hpp"
#include "role.hpp"
#include "rollup_type.hpp"
#include "runs.hpp"
#include "scan.hpp"
#include "source_expression.hpp"
#include "source_store.hpp"
#include "statement.hpp"
#include "status_words.hpp"
#include "tick.hpp"
#include "trust.hpp"

extern "C" {
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "parser/parse_coerce.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"
}

namespace insights::pg {

namespace {

enum class FieldType { kAny, kTime, kNumber, kText };

constexpr int kUsualNames = 12;

// What is known of a field: the type that it needs, and the names that tables usually give it; then those of columns
// that hold one less.
struct FieldRule {
  FieldType type;
  bool required;
  const char *usual[kUsualNames];
  const char *one_less[2];
};

constexpr FieldRule kRules[kFieldCount] = {
    {FieldType::kAny, false, {"id", "delivery_id", "uuid"}},
    {FieldType::kTime,
     true,
     {"created_at", "created", "created_on", "time", "timestamp", "ts", "inserted_at", "enqueued_at", "occurred_at",
      "sent_at", "attempted_at"}},
    {FieldType::kTime, false, {"updated_at", "updated", "modified_at", "last_modified"}},
    {FieldType::kAny,
     false,
     {"tenant_id", "tenant", "account_id", "customer_id", "organization_id", "org_id", "project_id"}},
    {FieldType::kAny,
     true,
     {"endpoint", "target", "webhook_url", "url", "endpoint_url", "target_url", "destination", "destination_id"}},
    {FieldType::kAny, false, {"event_type", "event_name", "event"}},
    {FieldType::kAny, true, {"status", "state", "delivery_status", "outcome"}},
    {FieldType::kAny, false, {"triage_label"}},
    {FieldType::kNumber, false, {"triage_score"}},
    {FieldType::kNumber,
     false,
     {"attempts", "attempt_count", "attempt_number", "attempt", "tries"},
     {"retry_count", "retries"}},
    {FieldType::kNumber, false, {"max_attempts", "attempts_max", "max_tries"}, {"max_retries"}},
    {FieldType::kTime, false, {"next_retry_at", "next_attempt_at", "retry_at"}},
    {FieldType::kNumber, false, {"http_status", "status_code", "response_status", "response_code", "http_code"}},
    {FieldType::kText, false, {"error", "last_error", "error_message", "error_msg", "error_text", "failure_reason"}},
};

bool has_type(FieldType wanted, Oid type) {
  switch (wanted) {
    case FieldType::kTime:
      return type == TIMESTAMPTZOID || type == TIMESTAMPOID;
    case FieldType::kNumber:
      return TypeCategory(type) == TYPCATEGORY_NUMERIC;
    case FieldType::kText:
      return type != BOOLOID;
    case FieldType::kAny:
      return true;
  }
  return false;
}

// The registration while it is being checked.
struct Registration {
  Relation relation;
  JsonbContainer *mapping;  // as the caller gave it
  Source source;
  Oid types[kFieldCount];  // of the mapped expressions
};

// A member of the mapping that must be a text; null where it is not there. `is_null` tells an explicit null.
char *mapping_text(const Registration &registration, const char *key, bool *is_null) {
  JsonbValue value;
  *is_null = false;
  if (getKeyJsonValueFromContainer(registration.mapping, key, static_cast<int>(std::strlen(key)), &value) == nullptr) {
    return nullptr;
  }
  if (value.type == jbvNull) {
    *is_null = true;
    return nullptr;
  }
  if (value.type != jbvString || value.val.string.len == 0) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("mapping of \"%s\" must be a text%s", key, value.type == jbvString ? " that is not empty" : ""),
             errhint("Give a column's name, an SQL expression or the name of a time zone, or null for what is not "
                     "there.")));
  }
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

// What a mapping may hold beside fields.
constexpr const char *kOtherKeys[] = {"statuses", "where", "time_zone", "replay_status", "replay_function"};

void check_keys(JsonbContainer *mapping) {
  if (!JsonContainerIsObject(mapping)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("mapping must be a JSON object"),
                    errhint("For instance {\"endpoint\": \"webhook_url\", \"status\": \"lower(state)\"}.")));
  }
  JsonbIterator *iterator = JsonbIteratorInit(mapping);
  JsonbValue value;
  JsonbIteratorToken token;
  for (bool nested = false; (token = JsonbIteratorNext(&iterator, &value, nested)) != WJB_DONE; nested = true) {
    if (token != WJB_KEY) continue;
    const char *key = pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
    bool known = false;
    for (const char *other : kOtherKeys) known = known || std::strcmp(key, other) == 0;
    for (int i = 0; i < kFieldCount; ++i) known = known || std::strcmp(key, field_name(static_cast<Field>(i))) == 0;
    if (known) continue;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("mapping has unknown field \"%s\"", key),
                    errhint("Fields are id, created_at, updated_at, tenant_id, endpoint, event_type, status, "
                            "triage_label, triage_score, attempts, max_attempts, next_retry_at, http_status, error; "
                            "beside them there are statuses, where, time_zone, replay_status and replay_function.")));
  }
}

void check_relation(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_VIEW &&
      kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" holds no deliveries", RelationGetRelationName(relation)),
                    errhint("Register a table, a partitioned table, a view, a materialized view or a foreign table.")));
  }
  if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("temporary relation \"%s\" cannot be a delivery source", RelationGetRelationName(relation)),
                    errhint("Other sessions could not read it.")));
  }
}

// The first of these names under which the relation has a column of a fitting type.
MappedExpression *find_usual(const Registration &registration, FieldType type, const char *const *names, int count) {
  for (const char *const *name = names; name < names + count && *name != nullptr; ++name) {
    MappedExpression *column = map_usual_column(registration.relation, *name);
    if (column != nullptr && has_type(type, column->type)) return column;
  }
  return nullptr;
}

const MappedExpression *guess(const Registration &registration, Field field, const FieldRule &rule) {
  MappedExpression *column = find_usual(registration, rule.type, rule.usual, lengthof(rule.usual));
  if (column != nullptr) return column;
  column = find_usual(registration, rule.type, rule.one_less, lengthof(rule.one_less));
  if (column != nullptr) *column = map_one_more(registration.relation, field_name(field), column->sql);
  return column;
}

void map_field(Registration *registration, Field field) {
  const int index = static_cast<int>(field);
  const FieldRule &rule = kRules[index];
  bool explicitly_missing = false;
  const char *text = mapping_text(*registration, field_name(field), &explicitly_missing);
  MappedExpression mapped = {};
  if (text != nullptr) {
    mapped = map_expression(registration->relation, field_name(field), text);
    if (!has_type(rule.type, mapped.type)) {
      ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                      errmsg("expression for \"%s\" is of type %s", field_name(field), format_type_be(mapped.type)),
                      errdetail("The expression is: %s", text),
                      rule.type == FieldType::kTime
                          ? errhint("It must be timestamp with time zone, or timestamp without time zone together with "
                                    "\"time_zone\" in the mapping.")
                          : errhint("It must be a %s.", rule.type == FieldType::kText ? "text" : "number")));
    }
  } else if (const MappedExpression *column = explicitly_missing ? nullptr : guess(*registration, field, rule)) {
    mapped = *column;
  } else if (rule.required) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("no column of \"%s\" is known to hold \"%s\"",
                           RelationGetRelationName(registration->relation), field_name(field)),
                    errhint("Name it in the mapping: {\"%s\": \"a column or an expression\"}.", field_name(field))));
  }
  registration->source.fields[index] = mapped.sql;
  registration->types[index] = mapped.type;
}

void map_time_zone(Registration *registration) {
  bool missing = false;
  char *zone = mapping_text(*registration, "time_zone", &missing);
  const bool local = registration->types[static_cast<int>(Field::kCreatedAt)] == TIMESTAMPOID;
  if (local && zone == nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("created_at is a timestamp without time zone, so the mapping must say of which"),
             errhint("Add its zone, for instance {\"time_zone\": \"UTC\"} or {\"time_zone\": \"Europe/Berlin\"}.")));
  }
  if (!local && zone != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("created_at has a time zone, so \"time_zone\" makes no sense"), errhint("Leave it out.")));
  }
  if (zone != nullptr) require_time_zone(zone);
  registration->source.time_zone = zone;
}

// The statuses' JSON text, or null where the mapping has none.
char *map_statuses(Registration *registration) {
  JsonbValue value;
  if (getKeyJsonValueFromContainer(registration->mapping, "statuses", 8, &value) != nullptr && value.type != jbvNull) {
    if (value.type != jbvBinary) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("statuses must be a JSON object"),
                      errhint("For instance {\"ok\": \"delivered\", \"bounced\": \"failed\"}.")));
    }
    registration->source.statuses = read_statuses(value.val.binary.data);
    if (registration->source.statuses.count > 0)
      return JsonbToCString(nullptr, value.val.binary.data, value.val.binary.len);
  }
  return nullptr;
}

// Of the built-in texts all are the same only where their bytes are, but for what a collation says.
bool has_built_in_equality(Oid type) { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr < FirstNormalObjectId; }

const char *json_quoted(const char *text) {
  StringInfoData json;
  initStringInfo(&json);
  escape_json(&json, text);
  return json.data;
}

// Keys are told apart by their bytes, and so would be keys that their own type or collation takes for the same.
void refuse_inexact_key(const Source &source, Field field) {
  const char *key = source.field(field);
  if (key == nullptr) return;
  Oid collation = InvalidOid;
  const Oid type = expression_type(&source, key, &collation);
  const bool deterministic = !OidIsValid(collation) || get_collation_isdeterministic(collation);
  if (TypeCategory(type) != TYPCATEGORY_STRING || (deterministic && has_built_in_equality(type))) return;
  ereport(ERROR,
          (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
           deterministic ? errmsg("%s is of type %s, which takes different texts for the same", field_name(field),
                                  format_type_be(type))
                         : errmsg("%s has a nondeterministic collation, which takes different texts for the same",
                                  field_name(field)),
           errdetail("Deliveries are counted by the bytes of their tenant and endpoint."),
           errhint("Map it to one spelling: {\"%s\": %s}.", field_name(field),
                   json_quoted(psprintf("lower(%s)%s", key, deterministic ? "" : " COLLATE \"C\"")))));
}

// What names something: in the caller's settings, as his other SQL is.
void map_names(Registration *registration) {
  for (int i = 0; i < kFieldCount; ++i) map_field(registration, static_cast<Field>(i));
  bool missing = false;
  if (const char *filter = mapping_text(*registration, "where", &missing)) {
    registration->source.filter = map_condition(registration->relation, "where", filter).sql;
  }
  const char *function = mapping_text(*registration, "replay_function", &missing);
  if (function != nullptr) registration->source.replay_function = qualified_replay_function(function);
}

// Which raw status puts a delivery back in line, where the mapping says so.
void map_replay_status(Registration *registration) {
  bool missing = false;
  Source &source = registration->source;
  source.replay_status = mapping_text(*registration, "replay_status", &missing);
  if (source.replay_status != nullptr) check_replay_status(source);
}

void append_member(StringInfo json, const char *key, const char *text) {
  if (text == nullptr) return;
  appendStringInfoString(json, json->len > 1 ? ", " : "");
  escape_json(json, key);
  appendStringInfoString(json, ": ");
  escape_json(json, text);
}

// The mapping as it is stored: every field that is there, as PostgreSQL deparses it.
Datum resolved_mapping(const Source &source, const char *statuses) {
  StringInfoData json;
  initStringInfo(&json);
  appendStringInfoChar(&json, '{');
  for (int i = 0; i < kFieldCount; ++i) append_member(&json, field_name(static_cast<Field>(i)), source.fields[i]);
  append_member(&json, "where", source.filter);
  append_member(&json, "time_zone", source.time_zone);
  append_member(&json, "replay_status", source.replay_status);
  append_member(&json, "replay_function", source.replay_function);
  if (statuses != nullptr) appendStringInfo(&json, ", \"statuses\": %s", statuses);
  appendStringInfoChar(&json, '}');
  return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

// Starts the inner query as the relation's owner, without running it: that checks the types and his privileges; and
// looks at some statuses. What is called of his cannot leave anything behind.
void try_as_owner(Registration *registration) {
  Source &source = registration->source;
  const Oid owner = source.binding.owner.oid;
  require_usable_schema(owner, source.schema);
  const Identity caller = become_restricted(owner);
  const int settings = NewGUCNestLevel();
  const ScanRequest request = trial_request(&source, source.schema);
  SPIPlanPtr plan = prepare_rollup_query(request);
  require_usable_functions(owner, plan);
  require_trusted(source, plan);
  const Oid time_type = source.time_zone != nullptr ? TIMESTAMPOID : TIMESTAMPTZOID;
  Parameters parameters;
  parameters.put(time_type, TimestampTzGetDatum(0));
  parameters.put(time_type, TimestampTzGetDatum(0));
  parameters.put(own_type(source.schema, "delivery_rollup"), PointerGetDatum(make_flat(request.shape)));
  parameters.read(psprintf("SELECT * FROM (%s) q LIMIT 0", rollup_query(request)));
  const StatusSample sample =
      check_words(source, registration->relation, registration->types[static_cast<int>(Field::kStatus)]);
  if (source.replay_status == nullptr && source.replay_function == nullptr) {
    source.replay_status = const_cast<char *>(find_replay_word(source, registration->relation, &sample));
  }
  AtEOXact_GUC(false, settings);
  become(caller);
}

char *source_name_argument(FunctionCallInfo fcinfo, int number) {
  char *name = text_or_null(fcinfo, number);
  if (name == nullptr || *name == '\0') {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a delivery source must not be empty")));
  }
  return name;
}

// Registering gives the worker the rights of the relation's owner, so it takes them, as CREATE INDEX does.
void require_relation_owner(Relation relation) {
  const Oid owner = relation->rd_rel->relowner;
  if (has_privs_of_role(GetUserId(), owner)) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("must be owner of relation %s", RelationGetRelationName(relation)),
                  errdetail("The worker reads a source as the owner of its relation."),
                  errhint("Register it as role \"%s\" or as a member of it.", GetUserNameFromId(owner, false))));
}

// In the place of one of the same name, if there is one.
void replace_source(const Source &source, Datum mapping) {
  lock_sources(source.schema);
  if (const Source *existing = find_latest_source(source.schema, source.name)) require_management(*existing);
  store_source(source, mapping);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// delivery_source_register(relation, name, mapping) -> the mapping as it was understood
ANOMALY_INSIGHTS_FUNCTION(ai_source_register) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be NULL", PG_ARGISNULL(0) ? "relation" : "mapping")));
  }
  MemoryContext caller = CurrentMemoryContext;
  const Oid schema = extension_schema(fcinfo);
  Registration registration = {};
  registration.source.name = source_name_argument(fcinfo, 1);
  registration.mapping = &PG_GETARG_JSONB_P(2)->root;
  check_keys(registration.mapping);
  registration.relation = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
  if (registration.relation == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", PG_GETARG_OID(0))));
  }
  check_relation(registration.relation);
  require_relation_owner(registration.relation);

  SPI_connect();
  Source &source = registration.source;
  source.schema = schema;
  source.relation = psprintf("%s.%s", schema_name(RelationGetNamespace(registration.relation)),
                             quote_identifier(RelationGetRelationName(registration.relation)));
  source.registered_by = GetUserNameFromId(GetUserId(), false);
  map_names(&registration);
  // From here on as reports run: names of the caller's search_path are resolved by now.
  const int level = pin_settings(kPinnedPath);
  map_time_zone(&registration);
  const char *statuses = map_statuses(&registration);
  map_replay_status(&registration);
  for (const Field key : {Field::kTenantId, Field::kEndpoint}) refuse_inexact_key(source, key);

  source.binding = current_binding(source, registration.relation);
  try_as_owner(&registration);
  MemoryContext spi = MemoryContextSwitchTo(caller);
  const Datum mapping = resolved_mapping(source, statuses);
  MemoryContextSwitchTo(spi);
  replace_source(source, mapping);
  AtEOXact_GUC(true, level);
  SPI_finish();
  wake_worker_at_commit(source.name);
  relation_close(registration.relation, NoLock);
  return mapping;
}

// delivery_source_drop(name)
ANOMALY_INSIGHTS_FUNCTION(ai_source_drop) {
  const Oid schema = extension_schema(fcinfo);
  const char *wanted = source_name_argument(fcinfo, 0);
  lock_sources(schema);
  const Source *source = find_latest_source(schema, wanted);
  if (source == nullptr) source = find_source(schema, wanted);  // says that there is none
  require_management(*source);
  SPI_connect();
  delete_source(*source);
  const Identity caller = become(owner_of(own_table(schema, "delivery_sources")));
  resolve_incidents_of(schema, source->name, GetCurrentTransactionStartTimestamp());
  become(caller);
  wake_worker_at_commit(source->name);
  SPI_finish();
  PG_RETURN_VOID();
}
