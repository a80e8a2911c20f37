// Look-ups in the catalogs of what others may drop at any time: each gives what it is asked for, or raises.
#pragma once

#include "pg.hpp"

extern "C" {
#include "storage/lockdefs.h"
#include "utils/relcache.h"
}

namespace insights::pg {

// Names as SQL writes them, quoted where need be, operators qualified. Raise 55000 where the object is gone.
const char *schema_name(Oid schema);
const char *relation_name(Oid relation);  // by itself
const char *qualified_function_name(Oid function);
const char *qualified_operator_name(Oid operator_oid);  // as OPERATOR(schema.name)

// Who owns a relation, a function, an operator, a type, a collation. Raise 55000 where it is gone.
Oid owner_of(Oid relation);
Oid function_owner(Oid function);
Oid operator_owner(Oid operator_oid);
Oid type_owner(Oid type);
Oid collation_owner(Oid collation);

// What a domain is over, be it another one; InvalidOid for other types.
Oid domain_base(Oid type);

// The relation of a name as SQL writes it, whatever the current user's rights; InvalidOid where there is none. Raises
// 42602 where it is no qualified name.
Oid find_relation(const char *qualified_name);

// ---- what the extension itself owns, by the schema that it is in ----

// The schema into which the extension was installed, by way of a function of it.
Oid extension_schema(FunctionCallInfo fcinfo);

// A table or a type of ours.
Oid own_table(Oid schema, const char *name);
Oid own_type(Oid schema, const char *name);

// Opens and locks a table of ours. The lock is kept until the end of the transaction: while it is held, nobody can drop
// the extension, of whose types and functions our statements hold none.
Relation open_own_table(Oid schema, const char *name, LOCKMODE lock);

// A statement of ours: the format with the quoted schema's name for each @.
char *own_statement(Oid schema, const char *format);

}  // namespace insights::pg
