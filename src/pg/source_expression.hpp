// A mapping's expressions: checked, and brought into a form that means the same to everybody.
#pragma once

#include "pg.hpp"

extern "C" {
#include "nodes/nodes.h"
#include "utils/relcache.h"
}

namespace insights::pg {

// Sets search_path, and all settings that change how expressions are written and read, until
// AtEOXact_GUC(true, <what this returns>) or an error.
int pin_settings(const char *search_path);

// The same, and all that change what an expression gives: a scan finds the same tenants and endpoints in any session.
int pin_for_scan();

// One expression over one relation.
struct MappedExpression {
  char *sql;  // as PostgreSQL deparses it under an empty search_path
  Oid type;   // of its result
};

// Checks what a mapping says for `field`: the name of a column of `relation`, or an SQL expression over its columns
// with no subquery, aggregate, window function, set-returning function or volatile function. Raises the parser's own
// error, or 0A000, with the field and the expression in it.
MappedExpression map_expression(Relation relation, const char *field, const char *text);

// The same for a condition.
MappedExpression map_condition(Relation relation, const char *field, const char *text);

// An analysed expression over a relation, as SQL that means the same under any search_path.
char *deparse(Relation relation, Node *expression);

// The column that an expression, as it is stored, is no more than; null where it is more.
Form_pg_attribute column_of(Relation relation, const char *expression);

// The expression that is just a column; null where the relation has no such column.
MappedExpression *map_column(Relation relation, const char *column);

// The same for a usual name, which is in lower case: created_at is createdAt and CREATEDAT as well.
MappedExpression *map_usual_column(Relation relation, const char *name);

// One more than a column of numbers holds; `sql` is the column as an expression.
MappedExpression map_one_more(Relation relation, const char *field, const char *sql);

// The column of which an expression, as it is stored, is one more; null where it is anything else. Under kPinnedPath.
Form_pg_attribute column_below(Relation relation, const char *expression);

}  // namespace insights::pg
