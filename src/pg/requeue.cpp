#include "requeue.hpp"

#include "array.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "query.hpp"
#include "replay_word.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "parser/parse_func.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

[[noreturn]] void cannot_replay(const Source &source, const char *why, const char *hint) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("deliveries of source \"%s\" cannot be put back in line: %s", source.name, why),
                  errhint("%s", hint)));
  pg_unreachable();
}

// Why a column cannot hold a text; null where it can, or where that is not known before it is tried.
const char *why_not_taken(const Form_pg_attribute column, const char *text) {
  Oid input = InvalidOid, parameter = InvalidOid;
  getTypeInputInfo(column->atttypid, &input, &parameter);
  const ErrorData *error =
      in_subtransaction([&] { (void)OidInputFunctionCall(input, pstrdup(text), parameter, column->atttypmod); });
  return error != nullptr && is_of_value(error) ? error->message : nullptr;
}

// The raw status to set: as the mapping says, as it was found when the source was registered, or as it is found now.
// That status is a column is known from require_updatable().
const char *pending_status(const Source &source, Relation relation) {
  const char *word = source.replay_status != nullptr ? source.replay_status : find_replay_word(source, relation);
  if (word == nullptr) {
    cannot_replay(source, "which status to set is not known: none or several of its words for pending are known",
                  "Say which: \"replay_status\" in the mapping; or register a function that does it: "
                  "\"replay_function\".");
  }
  if (const char *why = why_not_taken(column_of(relation, source.field(Field::kStatus)), word)) {
    cannot_replay(source, psprintf("its status cannot be \"%s\": %s", word, why),
                  "Say which to set: \"replay_status\" in the mapping.");
  }
  return word;
}

// Whether an UPDATE may set it.
bool is_settable(Form_pg_attribute column) {
  return column != nullptr && column->attgenerated == '\0' && column->attidentity != ATTRIBUTE_IDENTITY_ALWAYS;
}

Form_pg_attribute require_settable(const Source &source, Relation relation, Field field) {
  const Form_pg_attribute column = column_of(relation, source.field(field));
  if (is_settable(column)) return column;
  cannot_replay(source,
                psprintf("%s is %s, which is no column that could be set", field_name(field), source.field(field)),
                kNeedsFunction);
}

// Which column to set to 0: that of the attempts, or the one that holds one less.
Form_pg_attribute attempts_column(const Source &source, Relation relation) {
  const char *attempts = source.field(Field::kAttempts);
  const Form_pg_attribute below = column_of(relation, attempts) == nullptr ? column_below(relation, attempts) : nullptr;
  return is_settable(below) ? below : require_settable(source, relation, Field::kAttempts);
}

const char *now(const Source &source, const Form_pg_attribute column) {
  const bool local = source.time_zone != nullptr && getBaseType(column->atttypid) == TIMESTAMPOID;
  return local ? psprintf("pg_catalog.now() AT TIME ZONE %s", quote_literal_cstr(source.time_zone))
               : "pg_catalog.now()";
}

void assign(Requeue *requeue, const Form_pg_attribute column, const char *value) {
  requeue->assignments[requeue->count++] = {pstrdup(NameStr(column->attname)), column->atttypid, column->atttypmod,
                                            value};
}

// status pending, attempts 0, next retry now; and updated_at, for whoever follows changes by it.
Requeue requeue_of(const Source &source, Relation relation) {
  Requeue requeue = {};
  requeue.word = pending_status(source, relation);
  assign(&requeue, require_settable(source, relation, Field::kStatus), quote_literal_cstr(requeue.word));
  if (source.field(Field::kAttempts) != nullptr) assign(&requeue, attempts_column(source, relation), "0");
  if (source.field(Field::kNextRetryAt) != nullptr) {
    const Form_pg_attribute next = require_settable(source, relation, Field::kNextRetryAt);
    assign(&requeue, next, now(source, next));
  }
  const char *updated_at = source.field(Field::kUpdatedAt);
  const Form_pg_attribute updated = updated_at != nullptr ? column_of(relation, updated_at) : nullptr;
  if (is_settable(updated)) assign(&requeue, updated, now(source, updated));
  return requeue;
}

// A condition: of these ids, and failed.
void append_failed_of(StringInfo query, const Source &source, const char *ids) {
  append_id_in(query, source, ids);
  appendStringInfoString(query, " AND ");
  append_status_in(query, source, kFailedStatuses);
}

// A table's rows by where they lie: no expression of the mapping is needed to find them again, and no other row of the
// same id is touched.
const char *places(const Taken &taken) {
  StringInfoData condition;
  initStringInfo(&condition);
  List *tables = NIL;
  for (const TakenRow &row : taken) tables = list_append_unique_oid(tables, row.table);
  const ListCell *cell = nullptr;
  foreach (cell, tables) {
    appendStringInfo(&condition, "%s(tableoid OPERATOR(pg_catalog.=) %u AND ctid OPERATOR(pg_catalog.=) ANY (ARRAY[",
                     condition.len > 0 ? " OR " : "", lfirst_oid(cell));
    const char *separator = "";
    for (const TakenRow &row : taken) {
      if (row.table != lfirst_oid(cell)) continue;
      appendStringInfo(&condition, "%s'%.*s'", separator, static_cast<int>(row.ctid.size()), row.ctid.data());
      separator = ", ";
    }
    appendStringInfoString(&condition, "]::pg_catalog.tid[]))");
  }
  return condition.data;
}

// Whether rows can be found again by where they lie; whoever may select some of the columns only may not see that.
bool shows_places(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) &&
         pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

const char *update_statement(const Source &source, const char *ids, const Taken &taken) {
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "UPDATE %s SET ", source.relation);
  const Requeue requeue = requeue_of(source, relation);
  for (const Assignment &one : requeue) {
    appendStringInfo(&query, "%s%s = %s", &one == requeue.begin() ? "" : ", ", quote_identifier(one.column), one.value);
  }
  relation_close(relation, NoLock);
  appendStringInfoString(&query, " WHERE ");
  if (!is_null(taken.rows->ctid)) {
    appendStringInfoString(&query, places(taken));
  } else {
    append_failed_of(&query, source, ids);
  }
  appendStringInfo(&query, " RETURNING %s, ", source.field(Field::kId));
  append_status_in(&query, source, kFailedStatuses);
  return query.data;
}

Oid find_function(List *names) {
  Oid types[] = {TEXTARRAYOID};
  const Oid function = LookupFuncName(names, lengthof(types), types, true);
  if (!OidIsValid(function)) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function %s(text[]) does not exist", NameListToString(names)),
             errhint("\"replay_function\" of a mapping takes the ids and returns those that it put back in "
                     "line, as SETOF text or text[].")));
  }
  return function;
}

bool returns_array(Oid function, List *names) {
  if (OidIsValid(get_func_variadictype(function))) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                    errmsg("function %s(text[]) is variadic", NameListToString(names)),
                    errhint("It must take the ids as one array.")));
  }
  const Oid type = get_func_rettype(function);
  const bool set = get_func_retset(function);
  if ((set && type == TEXTOID) || (!set && type == TEXTARRAYOID)) return !set;
  ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                  errmsg("function %s(text[]) returns %s%s", NameListToString(names), set ? "SETOF " : "",
                         format_type_be(type)),
                  errhint("It must return the ids that it put back in line, as SETOF text or text[].")));
}

const char *function_statement(const Source &source, const char *ids) {
  List *names = textToQualifiedNameList(cstring_to_text(source.replay_function));
  const bool array = returns_array(find_function(names), names);
  const char *format =
      array ? "SELECT pg_catalog.unnest(%s(%s::pg_catalog.text[]))" : "SELECT %s(%s::pg_catalog.text[])";
  return psprintf(format, source.replay_function, quote_literal_cstr(ids));
}

// Whether a rule makes another statement of an UPDATE.
bool is_rewritten(Relation relation) {
  const RuleLock *rules = relation->rd_rules;
  for (int i = 0; rules != nullptr && i < rules->numLocks; ++i) {
    if (rules->rules[i]->event == CMD_UPDATE && rules->rules[i]->isInstead) return true;
  }
  return false;
}

// What an update in the caller's settings can do without the mapping's other expressions. What a view's trigger or a
// rule does instead locks nothing that we could see: two replays at once would both do it.
bool require_updatable(const Source &source, Relation relation) {
  if ((relation_is_updatable(RelationGetRelid(relation), NIL, false, nullptr) & (1 << CMD_UPDATE)) == 0) {
    cannot_replay(source, psprintf("%s cannot be updated, or only by a trigger", source.relation), kNeedsFunction);
  }
  if (is_rewritten(relation)) {
    cannot_replay(source, psprintf("a rule does something else than an update of %s", source.relation), kNeedsFunction);
  }
  if (column_of(relation, source.field(Field::kId)) == nullptr) {
    cannot_replay(source, psprintf("id is %s, which is no column", source.field(Field::kId)), kNeedsFunction);
  }
  require_settable(source, relation, Field::kStatus);
  const bool places = shows_places(relation);
  if (!places && source.filter != nullptr) {
    cannot_replay(source,
                  "\"where\" of its mapping cannot be used in an update of what is no table, or some columns of one",
                  kNeedsFunction);
  }
  return places;
}

// The latest rows, which are id or id, tableoid and ctid.
Taken read_taken(bool by_place) {
  const Rows rows = Rows::latest();
  Taken taken = {static_cast<TakenRow *>(palloc_extended(sizeof(TakenRow) * (rows.count() + 1), MCXT_ALLOC_HUGE)), 0};
  for (std::uint64_t i = 0; i < rows.count(); ++i) {
    Columns columns(i, rows);
    TakenRow &row = taken.rows[taken.count++];
    row = {columns.text(), Text(), InvalidOid};
    if (!by_place) continue;
    row.table = columns.oid();
    row.ctid = columns.text();
  }
  return taken;
}

}  // namespace

void check_replay_status(const Source &source) {
  if (class_of(source, source.replay_status) == StatusClass::kPending) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("replay_status \"%s\" does not mean pending", source.replay_status),
                  errhint("Give a status that \"statuses\" maps to \"pending\", or one of the usual words for it.")));
}

char *qualified_replay_function(const char *name) {
  List *names = textToQualifiedNameList(cstring_to_text(name));
  const Oid function = find_function(names);
  returns_array(function, names);
  return pstrdup(qualified_function_name(function));
}

Requeue require_replayable(const Source &source) {
  require_id(&source);
  if (source.replay_function != nullptr) {
    List *names = textToQualifiedNameList(cstring_to_text(source.replay_function));
    Requeue requeue = {};
    requeue.function = find_function(names);
    returns_array(requeue.function, names);
    return requeue;
  }
  id_comparison(source);
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  require_updatable(source, relation);
  const Requeue requeue = requeue_of(source, relation);
  relation_close(relation, NoLock);
  return requeue;
}

Taken take_failed(const Source &source, const char *ids) {
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  const bool by_place = require_updatable(source, relation);
  relation_close(relation, NoLock);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT (%s)::text%s FROM %s WHERE ", source.field(Field::kId),
                   by_place ? ", tableoid, ctid::text" : "", source.relation);
  append_failed_of(&query, source, ids);
  if (source.filter != nullptr) appendStringInfo(&query, " AND (%s)", source.filter);
  // Weaker than FOR UPDATE only towards those who insert rows that refer to these: they are not in the way.
  appendStringInfoString(&query, " FOR NO KEY UPDATE SKIP LOCKED");
  run_statement(query.data, SPI_OK_SELECT, false);
  return read_taken(by_place);
}

const char *requeue_statement(const Source &source, const char *ids, const Taken &taken) {
  return source.replay_function != nullptr ? function_statement(source, ids) : update_statement(source, ids, taken);
}

void read_requeued() {
  const Rows updated = Rows::latest();
  ArrayBuilder ids(updated.type(1));
  for (std::uint64_t i = 0; i < updated.count(); ++i) {
    Columns columns(i, updated);
    bool null = false;
    const Datum id = columns.typed(updated.type(1), &null);
    if (!columns.boolean_or_null().value_or(false)) ids.add(id, null);
  }
  Parameters parameters;
  parameters.put(ids.type(), ids.array());
  parameters.read("SELECT id::text FROM unnest($1) AS u (id)");
}

}  // namespace insights::pg
