// What a source is bound to: what was checked when it was registered, and whether it is still so.
#pragma once

#include "pg.hpp"

extern "C" {
#include "utils/jsonb.h"
#include "utils/relcache.h"
}

namespace insights::pg {

struct Source;

// A role: by its OID within the cluster in which it was noted, by its name in any other.
struct RoleReference {
  const char *name;
  Oid oid;
};

// Something that is not built in and that the mapping needs.
struct Need {
  const char *object;      // as describe_object() has it
  const char *volatility;  // of a function; else empty
  RoleReference owner;
};

// All texts are palloc'd.
struct Binding {
  RoleReference owner;              // of the relation
  std::uint64_t system_identifier;  // of the cluster in which the OIDs hold
  const char *relation_kind;        // table, view or materialized view
  const char *created_at_type;      // of the raw created_at
  Need *needs;                      // in the order of their texts
  int need_count;
};

// The needs as they are stored: [{"object", "volatility", "owner", "owner_oid"}, ...]. Reading raises XX001 for others.
Datum needs_to_jsonb(const Binding &binding);
void read_needs(JsonbContainer *array, Binding *binding);

// What the source would be bound to now. Its relation is open and locked, the search_path pinned. Raises what the
// parser says of a mapping that no longer fits.
Binding current_binding(const Source &source, Relation relation);

// Locks the relation of a source until the end of the transaction, and raises 55000 unless it is what the source was
// bound to; 42P01 where it is gone, 42501 where the current user may not use its schema. Gives the binding as it is
// now. Under a pinned search_path.
Binding require_binding(const Source &source);

// What changed, as a text; null where nothing did. To be called in a subtransaction: an error is an answer, too.
const char *find_change(const Source &source);

// Whether an error of find_change() says that the mapping no longer fits.
bool is_of_the_mapping(const ErrorData *error);

// How to register a changed source again.
const char *register_again(const Source &source, Oid schema);

// The role that owned the relation when the source was registered, whatever it is called now. Raises 55000 where it is
// no more.
Oid bound_owner(const Source &source);

// The same; InvalidOid where it is no more.
Oid find_bound_owner(const Source &source);

// Whether the stored binding means the same by other names or OIDs, and is to be stored anew.
bool is_outdated(const Binding &stored, const Binding &current);

}  // namespace insights::pg
