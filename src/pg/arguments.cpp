#include "arguments.hpp"

#include "../core/rollup.hpp"
#include "guard.hpp"
#include "memory.hpp"

namespace insights::pg {

namespace {

void refuse_null(FunctionCallInfo fcinfo, int number, const char *name) {
  if (!PG_ARGISNULL(number)) return;
  ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
}

StatusClass status_class(const JsonbValue *value, Text raw) {
  const Text name = value->type == jbvString
                        ? Text(value->val.string.val, static_cast<std::size_t>(value->val.string.len))
                        : Text("not a text");
  const StatusClass status = status_by_name(name);
  if (status == StatusClass::kUnmapped) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("status \"%.*s\" is mapped to \"%.*s\", which is no class of deliveries",
                           static_cast<int>(raw.size()), raw.data(), static_cast<int>(name.size()), name.data()),
                    errhint("Classes are \"delivered\", \"failed\", \"dead_letter\" and \"pending\".")));
  }
  return status;
}

}  // namespace

char *text_or_null(FunctionCallInfo fcinfo, int number) {
  return PG_ARGISNULL(number) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

Duration duration_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  refuse_null(fcinfo, number, name);
  const Interval *interval = PG_GETARG_INTERVAL_P(number);
  Duration days = 0;
  Duration duration = 0;
  const char *problem = nullptr;
  if (interval->month != 0) {
    problem = "must have a fixed length";
  } else if (__builtin_mul_overflow(static_cast<Duration>(interval->day), USECS_PER_DAY, &days) ||
             __builtin_add_overflow(days, interval->time, &duration)) {
    problem = "is too long";
  }
  if (problem != nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("%s %s: \"%s\"", name, problem,
                    DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)))),
             errhint("Give it in days, hours, minutes or seconds, such as '90 minutes'; months and years differ in "
                     "length.")));
  }
  return duration;
}

Timestamp timestamp_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  refuse_null(fcinfo, number, name);
  const TimestampTz time = PG_GETARG_TIMESTAMPTZ(number);
  if (TIMESTAMP_NOT_FINITE(time)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s must be finite, not \"%s\"", name, timestamptz_to_str(time))));
  }
  return time;
}

Timestamp past_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  const Timestamp time = timestamp_argument(fcinfo, number, name);
  if (time > GetCurrentTimestamp() + kMinute) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s is in the future: \"%s\"", name, timestamptz_to_str(time)),
                    errdetail("What is stored as of a time to come would be in the way until then."),
                    errhint("Leave it out, or give a time that is past.")));
  }
  return time;
}

int int_argument(FunctionCallInfo fcinfo, int number, const char *name, int least, int most) {
  refuse_null(fcinfo, number, name);
  const int value = PG_GETARG_INT32(number);
  if (value < least || value > most) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be %d", name, value),
                    most == PG_INT32_MAX ? errhint("Give %d or more.", least)
                                         : errhint("Give a number from %d to %d.", least, most)));
  }
  return value;
}

std::uint64_t count_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  refuse_null(fcinfo, number, name);
  const int64 value = PG_GETARG_INT64(number);
  if (value < 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be " INT64_FORMAT, name, value),
                    errhint("Give 0 or more.")));
  }
  return static_cast<std::uint64_t>(value);
}

bool flag_argument(FunctionCallInfo fcinfo, int number, const char *name) {
  refuse_null(fcinfo, number, name);
  return PG_GETARG_BOOL(number);
}

RawStatuses read_statuses(JsonbContainer *object) {
  RawStatuses statuses;
  if (!JsonContainerIsObject(object)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("statuses must be a JSON object"),
                    errhint("For instance {\"ok\": \"delivered\", \"bounced\": \"failed\"}.")));
  }
  statuses.entries = static_cast<RawStatus *>(palloc((JsonContainerSize(object) + 1) * sizeof(RawStatus)));
  JsonbIterator *iterator = JsonbIteratorInit(object);
  JsonbValue value;
  JsonbIteratorToken token;
  Text raw;
  // Values that are no scalars come as one (skipNested), so keys and values alternate.
  for (bool nested = false; (token = JsonbIteratorNext(&iterator, &value, nested)) != WJB_DONE; nested = true) {
    if (token == WJB_KEY) raw = {value.val.string.val, static_cast<std::size_t>(value.val.string.len)};
    if (token == WJB_VALUE) statuses.entries[statuses.count++] = {raw, status_class(&value, raw)};
  }
  return statuses;
}

namespace {

StatusMap status_map(const RawStatuses &statuses, std::pmr::memory_resource *memory) {
  StatusMap map(memory);
  for (int i = 0; i < statuses.count; ++i) map.add(statuses.entries[i].raw, statuses.entries[i].status);
  return map;
}

}  // namespace

const StatusMap *make_status_map(const RawStatuses &statuses) {
  ContextMemory *memory = current_memory();
  const StatusMap *map = nullptr;
  guarded([&] { map = make_in<StatusMap>(memory, status_map(statuses, memory)); });
  return map;
}

std::string_view make_shape(const SlotSpec &slots, const RawStatuses &statuses, CounterSet counters) {
  ContextMemory *memory = current_memory();
  ByteWriter *out = make_in<ByteWriter>(memory, memory);
  guarded([&] {
    SlotGrid grid = slots.edges != nullptr ? SlotGrid::from_edges(slots.edges, slots.edge_count, memory)
                                           : SlotGrid::uniform(slots.origin, slots.width, slots.slots, memory);
    const Shape shape{std::move(grid), status_map(statuses, memory), counters,
                      static_cast<std::uint8_t>(GetDatabaseEncoding())};
    encode_empty_rollup(shape, *out);
  });
  return out->written();
}

}  // namespace insights::pg
