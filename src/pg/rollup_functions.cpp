// The functions with which users build rollups of their own and look into them.
#include "../core/figures.hpp"
#include "../core/rollup_reader.hpp"
#include "arguments.hpp"
#include "guard.hpp"
#include "rollup_type.hpp"

using namespace insights;
using namespace insights::pg;

// delivery_rollup_shape(slot_origin, slot_width, slots, statuses) -> the empty rollup
ANOMALY_INSIGHTS_FUNCTION(ai_rollup_shape) {
  SlotSpec spec;
  spec.origin = timestamp_argument(fcinfo, 0, "slot_origin");
  spec.width = duration_argument(fcinfo, 1, "slot_width");
  if (PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("slots must not be NULL")));
  }
  spec.slots = PG_GETARG_INT32(2);
  const RawStatuses statuses = PG_ARGISNULL(3) ? RawStatuses{} : read_statuses(&PG_GETARG_JSONB_P(3)->root);
  PG_RETURN_POINTER(make_flat(make_shape(spec, statuses, kAllCounters)));
}

namespace {

// One cell as a row. The caller reads, this raises; so it gets plain values.
void put_cell(ReturnSetInfo *result, const RollupReader::Group &group, Timestamp start, Timestamp end,
              const Tally &tally) {
  constexpr int kFirst = static_cast<int>(Counter::kUnmapped) + 1;
  constexpr int kColumns = 4 + kCounters + 2;
  Datum values[kColumns];
  bool nulls[kColumns] = {};
  const auto put_text = [&](int column, Text text) {
    nulls[column] = is_null(text);
    if (!nulls[column])
      values[column] = PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  };
  put_text(0, group.tenant);
  put_text(1, group.endpoint);
  values[2] = TimestampTzGetDatum(start);
  values[3] = TimestampTzGetDatum(end);
  const auto put_count = [&](int column, std::uint64_t count) {
    values[column] = Int64GetDatum(static_cast<int64>(count));
  };
  for (int i = 0; i < kFirst; ++i) put_count(4 + i, tally.counts[static_cast<std::size_t>(i)]);
  // By these names the reports go by the status alone; what the detector counts stands at the end.
  put_count(4 + static_cast<int>(Counter::kSettled), settled_of(tally));
  put_count(4 + static_cast<int>(Counter::kFailures), failures_of(tally));
  put_count(4 + kFirst, tally[Counter::kSettled]);
  put_count(4 + kFirst + 1, tally[Counter::kFailures]);
  put_count(4 + kFirst + 2, tally[Counter::kTransientBefore]);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace

// rollup_cells(rollup) -> setof (tenant_id, endpoint, slot_start, slot_end, total, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_rollup_cells) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  ContextMemory *memory = current_memory();
  auto *reader = make_in<RollupReader>(memory, bytes_of(PG_GETARG_VARLENA_PP(0)), memory);
  MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "rollup_cells row", ALLOCSET_SMALL_SIZES);
  RollupReader::Group group;
  RollupReader::Cell cell;
  while (reader->next_group(group)) {
    while (reader->next_cell(cell)) {
      CHECK_FOR_INTERRUPTS();
      MemoryContext caller = MemoryContextSwitchTo(row_context);
      const SlotGrid &grid = reader->shape().grid;
      put_cell(result, group, grid.edge(cell.slot), grid.edge(cell.slot + 1), cell.tally);
      MemoryContextSwitchTo(caller);
      MemoryContextReset(row_context);
    }
  }
  return static_cast<Datum>(0);
}
