#include "source_expression.hpp"

#include "catalog.hpp"

extern "C" {
#include "access/transam.h"
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
#include "utils/lsyscache.h"
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

Node *transform(Relation relation, Node *raw, bool condition, bool check) {
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
  if (check) check_contents(state, expression);
  return expression;
}

MappedExpression analyse(Relation relation, Node *raw, bool condition) {
  Node *expression = transform(relation, raw, condition, true);
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

char *deparse(Relation relation, Node *expression) {
  // Under an empty search_path every name that is not of pg_catalog comes out qualified.
  const int level = pin_settings("");
  List *context = deparse_context_for(RelationGetRelationName(relation), RelationGetRelid(relation));
  char *sql = deparse_expression(expression, context, false, false);
  AtEOXact_GUC(true, level);
  return sql;
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

namespace {

// The first column whose name fits.
template <typename Fits>
MappedExpression *map_column_that(Relation relation, Fits fits) {
  const TupleDesc descriptor = RelationGetDescr(relation);
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped || !fits(NameStr(attribute->attname))) continue;
    auto *mapped = static_cast<MappedExpression *>(palloc(sizeof(MappedExpression)));
    const int level = pin_settings("");  // column_of() compares these texts
    mapped->sql = pstrdup(quote_identifier(NameStr(attribute->attname)));
    AtEOXact_GUC(true, level);
    mapped->type = getBaseType(attribute->atttypid);
    return mapped;
  }
  return nullptr;
}

// Whether they are the same but for case and underscores; `usual` is in lower case.
bool is_spelling_of(const char *column, const char *usual) {
  for (;; ++column, ++usual) {
    while (*column == '_') ++column;
    while (*usual == '_') ++usual;
    if (pg_ascii_tolower(static_cast<unsigned char>(*column)) != static_cast<unsigned char>(*usual)) return false;
    if (*usual == '\0') return true;
  }
}

bool is_one(const Const *constant) {
  if (constant->constisnull) return false;
  Oid output = InvalidOid;
  bool varlena = false;
  getTypeOutputInfo(constant->consttype, &output, &varlena);
  return std::strcmp(OidOutputFunctionCall(output, constant->constvalue), "1") == 0;
}

bool is_one(Node *node) { return IsA(node, Const) && is_one(castNode(Const, node)); }

Node *without_casts(Node *node) {
  while (IsA(node, FuncExpr)) {
    const auto *call = castNode(FuncExpr, node);
    if (call->funcformat == COERCE_EXPLICIT_CALL || call->funcid >= FirstGenbkiObjectId) break;
    node = static_cast<Node *>(linitial(call->args));
  }
  return node;
}

// The column of x + 1 or 1 + x, with whatever casts the types need; 0 where it is anything else.
AttrNumber column_plus_one(Node *expression) {
  const auto *sum = reinterpret_cast<OpExpr *>(without_casts(expression));
  if (!IsA(sum, OpExpr) || list_length(sum->args) != 2) return InvalidAttrNumber;
  if (std::strcmp(qualified_operator_name(sum->opno), "OPERATOR(pg_catalog.+)") != 0) return InvalidAttrNumber;
  Node *left = without_casts(static_cast<Node *>(linitial(sum->args)));
  Node *right = without_casts(static_cast<Node *>(lsecond(sum->args)));
  if (is_one(left)) std::swap(left, right);
  return is_one(right) && IsA(left, Var) ? castNode(Var, left)->varattno : InvalidAttrNumber;
}

}  // namespace

MappedExpression *map_column(Relation relation, const char *column) {
  return map_column_that(relation, [&](const char *name) { return std::strcmp(name, column) == 0; });
}

MappedExpression *map_usual_column(Relation relation, const char *name) {
  MappedExpression *exact = map_column(relation, name);
  if (exact != nullptr) return exact;
  return map_column_that(relation, [&](const char *column) { return is_spelling_of(column, name); });
}

MappedExpression map_one_more(Relation relation, const char *field, const char *sql) {
  // As a bigint, so that there is one more than the largest integer.
  return map_expression(relation, field, psprintf("%s OPERATOR(pg_catalog.+) '1'::pg_catalog.int8", sql));
}

Form_pg_attribute column_below(Relation relation, const char *expression) {
  // Not planned: that may call functions of the mapping.
  const AttrNumber column = column_plus_one(transform(relation, parse(expression), false, false));
  return column > 0 ? TupleDescAttr(RelationGetDescr(relation), column - 1) : nullptr;
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
