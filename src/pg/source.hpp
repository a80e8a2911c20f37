// Delivery sources: where deliveries are, and what their columns mean.
#pragma once

#include "arguments.hpp"
#include "binding.hpp"
#include "pg.hpp"

extern "C" {
#include "storage/lockdefs.h"
}

namespace insights::pg {

// The canonical fields of a delivery.
enum class Field : int {
  kId,
  kCreatedAt,
  kUpdatedAt,
  kTenantId,
  kEndpoint,
  kEventType,
  kStatus,
  kTriageLabel,
  kTriageScore,
  kAttempts,
  kMaxAttempts,
  kNextRetryAt,
  kHttpStatus,
  kError,
};
constexpr int kFieldCount = 14;

const char *field_name(Field field);

// The type that reports cast it to.
const char *reported_type(Field field);

// A row of delivery_sources. All texts are palloc'd; an expression is SQL that PostgreSQL deparsed under an empty
// search_path, so it means the same to everybody.
struct Source {
  Oid schema;  // of the extension
  char *name;
  char *relation;             // quoted and qualified
  Binding binding;            // to what was checked when it was registered
  char *registered_by;        // for the record
  TimestampTz registered_at;  // last
  char *fields[kFieldCount];  // expressions, null where the source has no such field
  char *filter;               // a condition, or null
  char *time_zone;            // of a created_at that is a timestamp without zone; else null
  RawStatuses statuses;
  char *replay_status;    // the raw status that puts a delivery back in line, or null: that is to be found
  char *replay_function;  // the function that does it, quoted and qualified, or null

  const char *field(Field which) const { return fields[static_cast<int>(which)]; }
};

// The source called `name`; for null, the only one, or the one called "default". Reads past privileges and row-level
// security, since the table has no grants: what a source says gives nothing to a caller who may not read the
// deliveries. Raises 42704, with the registered names or how to register one.
Source *find_source(Oid schema, const char *name);

// Null where there is none of this name.
Source *find_source_if_exists(Oid schema, const char *name);

// All sources, by name; the list holds Source pointers.
List *all_sources(Oid schema);

// The relation of a source, or InvalidOid where it is gone. By name, always: an old OID may be another table's by now.
Oid source_relation(const Source *source, LOCKMODE lock = NoLock);

// Raises 42P01 where the relation is gone.
Oid require_source_relation(const Source *source, LOCKMODE lock = NoLock);

}  // namespace insights::pg
