// Reading SQL arguments, with the errors that a user expects.
#pragma once

#include "../core/shape.hpp"
#include "pg.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace insights::pg {

// A text argument as a palloc'd C string, or null for NULL.
char *text_or_null(FunctionCallInfo fcinfo, int number);

// An interval argument in microseconds; a day is 24 hours. Raises 22004 for NULL and 22023 for months or an overflow,
// naming the argument.
Duration duration_argument(FunctionCallInfo fcinfo, int number, const char *name);

// A finite timestamptz; raises 22004 for NULL, 22023 for an infinite one.
Timestamp timestamp_argument(FunctionCallInfo fcinfo, int number, const char *name);

// The same of what is stored; raises 22023 for a time that is more than a minute ahead.
Timestamp past_argument(FunctionCallInfo fcinfo, int number, const char *name);

// An integer argument between `least` and `most`; raises 22004 for NULL, 22023 outside.
int int_argument(FunctionCallInfo fcinfo, int number, const char *name, int least, int most);

// A bigint argument that is not negative; raises 22004 for NULL, 22023 below 0.
std::uint64_t count_argument(FunctionCallInfo fcinfo, int number, const char *name);

// A boolean argument; raises 22004 for NULL.
bool flag_argument(FunctionCallInfo fcinfo, int number, const char *name);

// A raw status and what it means.
struct RawStatus {
  Text raw;
  StatusClass status;
};

// A source's map of statuses.
struct RawStatuses {
  RawStatus *entries = nullptr;
  int count = 0;
};

// From {"raw": "delivered" | "failed" | "dead_letter" | "pending", ...}. Raises 22023 for anything else, with the
// value.
RawStatuses read_statuses(JsonbContainer *object);

// In the current context.
const StatusMap *make_status_map(const RawStatuses &statuses);

// The bytes of an empty rollup. `edges`: of the slots; or, where there are none, uniform slots.
struct SlotSpec {
  const Timestamp *edges = nullptr;
  std::size_t edge_count = 0;
  Timestamp origin = 0;
  Duration width = 0;
  std::int64_t slots = 0;
};
std::string_view make_shape(const SlotSpec &slots, const RawStatuses &statuses, CounterSet counters);

}  // namespace insights::pg
