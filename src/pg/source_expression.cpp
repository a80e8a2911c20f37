#include "source_expression.hpp"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
}

namespace insights::pg {

namespace {

[[noreturn]] void refuse(const char *what) {
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("it may not hold %s", what),
                  errhint("Put it into a view and register the view.")));
  pg_unreachable();
}

// The one expression that the text is. The parser takes what may follow SELECT, so the rest of a query is refused here;
// a second statement it refuses itself.
Node *parse(const char *text) {
  List *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
  auto *select = reinterpret_cast<SelectStmt *>(linitial_node(RawStmt, statements)->stmt);
  const bool plain = IsA(select, SelectStmt) && select->op == SETOP_NONE && select->distinctClause == NIL &&
                     select->intoClause == nullptr && select->fromClause == NIL && select->whereClause == nullptr &&
                     select->groupClause == NIL && select->havingClause == nullptr && select->windowClause == NIL &&
                     select->valuesLists == NIL && select->sortClause == NIL && select->limitOffset == nullptr &&
                     select->limitCount == nullptr && select->lockingClause == NIL && select->withClause == nullptr;
  if (!plain) refuse("more than one expression, such as a FROM or WHERE clause");
  if (list_length(select->targetList) != 1) refuse("more or less than one expression");
  const auto *target = linitial_node(ResTarget, select->targetList);
  if (target->name != nullptr) refuse("a column alias");
  if (IsA(target->val, ColumnRef) && IsA(llast(castNode(ColumnRef, target->val)->fields), A_Star)) {
    refuse("a whole row");
  }
  return target->val;
}

bool has_whole_row(Node *node, void *context) {
  if (node == nullptr) return false;
  if (IsA(node, Var)) return reinterpret_cast<Var *>(node)->varattno == InvalidAttrNumber;
  return expression_tree_walker(node, AI_WALKER(has_whole_row), context);
}

void check_contents(const ParseState *state, Node *expression) {
  if (state->p_hasSubLinks) refuse("a subquery");
  if (state->p_hasAggs) refuse("an aggregate");
  if (state->p_hasWindowFuncs) refuse("a window function");
  if (state->p_hasTargetSRFs) refuse("a set-returning function");
  // Planned, since only the planner puts in the defaults of a function's arguments.
  Expr *planned = expression_planner(static_cast<Expr *>(copyObjectImpl(expression)));
  if (contain_volatile_functions(reinterpret_cast<Node *>(planned))) refuse("a volatile function");
  if (has_whole_row(expression, nullptr)) refuse("a whole row");
}

char *deparse(Relation relation, Node *expression) {
  // Under an empty search_path every name that is not of pg_catalog comes out qualified.
  const int level = pin_settings("");
  List *context = deparse_context_for(RelationGetRelationName(relation), RelationGetRelid(relation));
  char *sql = deparse_expression(expression, context, false, false);
  AtEOXact_GUC(true, level);
  return sql;
}

MappedExpression analyse(Relation relation, Node *raw, bool condition) {
  ParseState *state = make_parsestate(nullptr);
  ParseNamespaceItem *item = addRangeTableEntryForRelation(state, relation, AccessShareLock, nullptr, false, true);
  addNSItemToQuery(state, item, false, true, true);
  Node *expression = transformExpr(state, raw, EXPR_KIND_SELECT_TARGET);
  if (condition) {
    expression = coerce_to_boolean(state, expression, "where");
  } else if (exprType(expression) == UNKNOWNOID) {
    expression =
        coerce_to_target_type(state, expression, UNKNOWNOID, TEXTOID, -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
  }
  assign_expr_collations(state, expression);
  check_contents(state, expression);
  return MappedExpression{deparse(relation, expression), exprType(expression)};
}

// Says of which field an error is.
[[noreturn]] void raise_for_field(ErrorData *error, const char *field, const char *text) {
  error->message = psprintf("invalid expression for \"%s\": %s", field, error->message);
  error->detail = error->detail != nullptr ? psprintf("The expression is: %s. %s", text, error->detail)
                                           : psprintf("The expression is: %s", text);
  error->cursorpos = 0;
  error->internalpos = 0;
  ReThrowError(error);
  pg_unreachable();
}

MappedExpression map(Relation relation, const char *field, const char *text, bool condition) {
  MemoryContext context = CurrentMemoryContext;
  MappedExpression mapped = {};
  PG_TRY();
  { mapped = analyse(relation, parse(text), condition); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    raise_for_field(error, field, text);
  }
  PG_END_TRY();
  return mapped;
}

struct Setting {
  const char *name, *value;
};

void pin(const Setting &setting) {
  (void)set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

}  // namespace

int pin_settings(const char *search_path) {
  const int level = NewGUCNestLevel();
  const Setting settings[] = {{"search_path", search_path},          {"DateStyle", "ISO"},
                              {"IntervalStyle", "postgres"},         {"extra_float_digits", "3"},
                              {"standard_conforming_strings", "on"}, {"quote_all_identifiers", "off"}};
  for (const Setting &setting : settings) pin(setting);
  return level;
}

int pin_for_scan() {
  const int level = pin_settings("pg_catalog, pg_temp");
  constexpr Setting kSettings[] = {{"DateStyle", "ISO, MDY"},
                                   {"TimeZone", "UTC"},
                                   {"timezone_abbreviations", "Default"},
                                   {"bytea_output", "hex"},
                                   {"xmlbinary", "base64"},
                                   {"xmloption", "content"},
                                   {"lc_monetary", "C"},
                                   {"lc_numeric", "C"},
                                   {"lc_time", "C"},
                                   {"default_text_search_config", "pg_catalog.simple"},
                                   {"array_nulls", "on"},
                                   {"transform_null_equals", "off"}};
  for (const Setting &setting : kSettings) pin(setting);
  return level;
}

Form_pg_attribute column_of(Relation relation, const char *expression) {
  const TupleDesc descriptor = RelationGetDescr(relation);
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (!attribute->attisdropped && std::strcmp(quote_identifier(NameStr(attribute->attname)), expression) == 0) {
      return attribute;
    }
  }
  return nullptr;
}

MappedExpression *map_column(Relation relation, const char *column) {
  const TupleDesc descriptor = RelationGetDescr(relation);
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped || std::strcmp(NameStr(attribute->attname), column) != 0) continue;
    auto *mapped = static_cast<MappedExpression *>(palloc(sizeof(MappedExpression)));
    const int level = pin_settings("");  // column_of() compares these texts
    mapped->sql = pstrdup(quote_identifier(column));
    AtEOXact_GUC(true, level);
    mapped->type = getBaseType(attribute->atttypid);
    return mapped;
  }
  return nullptr;
}

MappedExpression map_expression(Relation relation, const char *field, const char *text) {
  if (const MappedExpression *column = map_column(relation, text)) return *column;
  MappedExpression mapped = map(relation, field, text, false);
  mapped.type = getBaseType(mapped.type);
  return mapped;
}

MappedExpression map_condition(Relation relation, const char *field, const char *text) {
  return map(relation, field, text, true);
}

}  // namespace insights::pg
