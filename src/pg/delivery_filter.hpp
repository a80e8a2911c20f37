// What somebody wants to see or to replay: {"tenant": ..., "status": ..., "hours": ...}.
#pragma once

#include "pg.hpp"
#include "query.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace insights::pg {

// A filter, and the time that it asks for: after < created_at <= until.
struct FilteredWindow {
  Timestamp after;  // -infinity where the filter says nothing
  Timestamp until;
  bool bounded;  // the filter says since when
  DeliveryFilter filter;
};

// Reads a filter, all of whose members may be missing: ids (an array of texts); tenant and endpoint (null: those that
// have none); status and triage_label (a class or an array of classes); hours up to as_of, or since and until.
// Raises 22023 for a member that is not known or makes no sense, with the value.
FilteredWindow read_filter(JsonbContainer *object, Timestamp as_of);

// Raises 22023 where the source has no id.
void require_id(const Source *source);

}  // namespace insights::pg
