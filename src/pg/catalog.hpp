// Look-ups in the catalogs of what others may drop at any time: each gives what it is asked for, or raises.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Names as SQL writes them, quoted where need be, operators qualified. Raise 55000 where the object is gone.
const char *schema_name(Oid schema);
const char *qualified_function_name(Oid function);
const char *qualified_operator_name(Oid operator_oid);  // as OPERATOR(schema.name)

// The owner of a relation. Raises 55000 where it is gone.
Oid owner_of(Oid relation);

// ---- what the extension itself owns, by the schema that it is in ----

// The schema into which the extension was installed, by way of a function of it.
Oid extension_schema(FunctionCallInfo fcinfo);

// A table or a type of ours.
Oid own_table(Oid schema, const char *name);
Oid own_type(Oid schema, const char *name);

// A statement of ours: the format with the quoted schema's name for each @.
char *own_statement(Oid schema, const char *format);

}  // namespace insights::pg
