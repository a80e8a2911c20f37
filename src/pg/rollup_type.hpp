// The SQL type delivery_rollup: flat bytes wherever it is stored or travels, and an expanded object (as arrays have
// one) while an aggregate builds it.
#pragma once

#include "../core/rollup.hpp"
#include "memory.hpp"
#include "pg.hpp"

extern "C" {
#include "access/detoast.h"
}

namespace insights::pg {

// A rollup under construction. It lives, with all that it owns, in a memory context of its own.
struct ExpandedRollup {
  ExpandedObjectHeader header;
  ContextMemory *memory;
  Rollup *rollup;
  ByteWriter *flat;    // the flat form between the call that asks for its size and the one that fetches it
  bool shape_checked;  // of the aggregate that builds it: every row has this shape

  Datum datum() { return EOHPGetRWDatum(&header); }

  // After every change, and when the flat form has been fetched.
  void forget_flat() noexcept {
    if (flat == nullptr) return;
    flat->~ByteWriter();
    memory->deallocate(flat, sizeof(ByteWriter), alignof(ByteWriter));
    flat = nullptr;
  }
};

extern const ExpandedObjectMethods kRollupMethods;

// The expanded object behind a datum that is a read-write pointer to one of ours, else null. Every row comes here, so
// it does what DatumGetEOHP does without the call.
inline ExpandedRollup *writable_rollup(Datum datum) {
  if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum))) return nullptr;
  varatt_expanded pointer;
  VARATT_EXTERNAL_GET_POINTER(pointer, DatumGetPointer(datum));
  ExpandedObjectHeader *header = pointer.eohptr;
  return header->eoh_methods == &kRollupMethods ? reinterpret_cast<ExpandedRollup *>(header) : nullptr;
}

// A new expanded rollup, empty, of the shape in `shape_bytes`, in a context under `parent`. Raises.
ExpandedRollup *new_expanded_rollup(std::string_view shape_bytes, MemoryContext parent);

// The bytes behind a flat varlena's header.
inline std::string_view bytes_of(const struct varlena *flat) { return {VARDATA_ANY(flat), VARSIZE_ANY_EXHDR(flat)}; }

// A text argument as the core sees it.
inline Text text_of(const struct varlena *value) { return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)}; }

// A palloc'd flat varlena with these bytes. Raises 54000 where it would be over 1 GB.
struct varlena *make_flat(std::string_view bytes);

}  // namespace insights::pg
