// Sources in delivery_sources: what is written there.
#pragma once

#include "source.hpp"

namespace insights::pg {

// Keeps others from changing sources until the end of the transaction; readers go on.
void lock_sources(Oid schema);

// The source as it is now, whatever the statement's snapshot saw before the lock. Null where there is none.
Source *find_latest_source(Oid schema, const char *name);

// Raises 42501 unless the current user has the privileges of who owns the relation, or owned it when it was registered,
// or owns the extension.
void require_management(const Source &source);

// Each runs one statement of ours as the owner of delivery_sources, who alone may write to it. Between SPI_connect and
// SPI_finish.
void store_source(const Source &source, Datum mapping);
void store_binding(const Source &source, const Binding &binding);  // of one that is there, unless it was changed
void delete_source(const Source &source);

}  // namespace insights::pg
