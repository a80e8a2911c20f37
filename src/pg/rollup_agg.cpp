// The aggregate over deliveries and the one over rollups.
#include "guard.hpp"
#include "rollup_type.hpp"

#include "../core/rollup_reader.hpp"

namespace insights::pg {

namespace {

MemoryContext aggregate_context(FunctionCallInfo fcinfo, const char *function) {
  MemoryContext context = nullptr;
  if (!AggCheckCallContext(fcinfo, &context)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s called outside an aggregate", function)));
  }
  return context;
}

// The bytes of the empty rollup of the same shape.
std::string_view shape_bytes(std::string_view flat) {
  ContextMemory *memory = current_memory();
  ByteWriter *out = nullptr;
  guarded([&] {
    const RollupReader reader(flat, memory);
    out = make_in<ByteWriter>(memory, memory);
    encode_empty_rollup(reader.shape(), *out);
  });
  return out->written();
}

ExpandedRollup *expand(std::string_view flat, MemoryContext context) {
  ExpandedRollup *expanded = new_expanded_rollup(shape_bytes(flat), context);
  guarded([&] {
    InterruptPoll poll;
    expanded->rollup->merge(flat, poll);
  });
  return expanded;
}

// The state to change: the expanded object that this aggregate made before, or a new one with what the state holds. It
// comes flat from another process, and from whoever calls the function by hand.
ExpandedRollup *writable_state(Datum state, MemoryContext context) {
  if (ExpandedRollup *expanded = writable_rollup(state)) return expanded;
  return expand(bytes_of(PG_DETOAST_DATUM_PACKED(state)), context);
}

// Most texts of a row lie in it as they are, and need no call to be fetched.
Text text_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) return Text();
  const auto *value = reinterpret_cast<const struct varlena *>(PG_GETARG_POINTER(number));
  if (VARATT_IS_COMPRESSED(value) || VARATT_IS_EXTERNAL(value)) value = PG_GETARG_VARLENA_PP(number);
  return text_of(value);
}

// Whether the shape is a constant or a parameter of the query, so that one look at it is enough.
bool has_constant_shape(FunctionCallInfo fcinfo) {
  const Aggref *aggregate = AggGetAggref(fcinfo);
  if (aggregate == nullptr || aggregate->args == NIL) return false;
  const Node *shape = reinterpret_cast<Node *>(linitial_node(TargetEntry, aggregate->args)->expr);
  return IsA(shape, Const) || (IsA(shape, Param) && reinterpret_cast<const Param *>(shape)->paramkind == PARAM_EXTERN);
}

void check_shape(FunctionCallInfo fcinfo, ExpandedRollup *state, std::string_view shape) {
  if (!state->rollup->is_shape(shape)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the shape must be the same for all rows"),
                    errhint("Give a constant or a parameter, not a column.")));
  }
  state->shape_checked = has_constant_shape(fcinfo);
}

// The state of the first row.
ExpandedRollup *first_state(FunctionCallInfo fcinfo) {
  MemoryContext context = aggregate_context(fcinfo, "delivery_rollup_add");
  if (!PG_ARGISNULL(0)) return writable_state(PG_GETARG_DATUM(0), context);
  if (PG_ARGISNULL(1)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the shape of a delivery_rollup must not be NULL"),
                    errhint("Make one with delivery_rollup_shape().")));
  }
  return new_expanded_rollup(bytes_of(PG_GETARG_VARLENA_PP(1)), context);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// delivery_rollup_agg's transition: (state, shape, created_at, tenant, endpoint, status, triage_label[, attempts,
// max_attempts]) -> state
ANOMALY_INSIGHTS_FUNCTION(ai_rollup_add) {
  ExpandedRollup *state = PG_ARGISNULL(0) ? nullptr : writable_rollup(PG_GETARG_DATUM(0));
  if (state == nullptr) state = first_state(fcinfo);
  if (!state->shape_checked) {
    check_shape(fcinfo, state, PG_ARGISNULL(1) ? std::string_view() : bytes_of(PG_GETARG_VARLENA_PP(1)));
  }
  if (PG_ARGISNULL(2)) return state->datum();

  Delivery delivery;
  delivery.created_at = PG_GETARG_TIMESTAMPTZ(2);
  delivery.tenant = text_argument(fcinfo, 3);
  delivery.endpoint = text_argument(fcinfo, 4);
  delivery.status = text_argument(fcinfo, 5);
  delivery.triage_label = text_argument(fcinfo, 6);
  if (PG_NARGS() > 7) {
    if (!PG_ARGISNULL(7)) delivery.attempts = PG_GETARG_INT32(7);
    if (!PG_ARGISNULL(8)) delivery.max_attempts = PG_GETARG_INT32(8);
  }
  state->rollup->add(delivery);
  state->forget_flat();
  return state->datum();
}

// The combine function of both aggregates and the transition of rollup_merge: (state, rollup) -> state
ANOMALY_INSIGHTS_FUNCTION(ai_rollup_merge) {
  MemoryContext context = aggregate_context(fcinfo, "delivery_rollup_combine");
  if (PG_ARGISNULL(1)) {
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    return writable_state(PG_GETARG_DATUM(0), context)->datum();
  }
  const std::string_view flat = bytes_of(PG_GETARG_VARLENA_PP(1));
  if (PG_ARGISNULL(0)) return expand(flat, context)->datum();
  ExpandedRollup *state = writable_state(PG_GETARG_DATUM(0), context);
  guarded([&] {
    InterruptPoll poll;
    state->rollup->merge(flat, poll);
  });
  state->forget_flat();
  return state->datum();
}
