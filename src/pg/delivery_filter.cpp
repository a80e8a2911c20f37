#include "delivery_filter.hpp"

#include "../core/window.hpp"
#include "array.hpp"
#include "guard.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
}

namespace insights::pg {

namespace {

[[noreturn]] void refuse(const char *message, const char *hint) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
  pg_unreachable();
}

const char *text_of_value(const JsonbValue &value) {
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

const char *text_member(const char *key, const JsonbValue &value) {
  if (value.type != jbvString) refuse(psprintf("\"%s\" of the filter must be a text", key), "Put it in double quotes.");
  return text_of_value(value);
}

// A text, or null, which asks for those that have none.
const char *text_or_none(const char *key, const JsonbValue &value, bool *none) {
  *none = value.type == jbvNull;
  return *none ? nullptr : text_member(key, value);
}

// Calls take(text) for a text, and for each element of an array of texts.
template <typename Take>
void each_text(const char *key, const JsonbValue &value, Take take) {
  if (value.type == jbvString) return take(text_of_value(value));
  if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data)) {
    refuse(psprintf("\"%s\" of the filter must be a text or an array of texts", key), "For instance [\"a\", \"b\"].");
  }
  JsonbContainer *array = value.val.binary.data;
  for (uint32 i = 0; i < JsonContainerSize(array); ++i) {
    const JsonbValue *element = getIthJsonbValueFromContainer(array, i);
    take(text_member(key, *element));
  }
}

StatusSet status_member(const JsonbValue &value) {
  StatusSet wanted = {};
  each_text("status", value, [&](const char *name) {
    const StatusClass status = status_by_name(name);
    if (status == StatusClass::kUnmapped) {
      refuse(psprintf("\"status\" of the filter must not be \"%s\"", name),
             "Classes are \"delivered\", \"failed\", \"dead_letter\" and \"pending\".");
    }
    wanted[static_cast<std::size_t>(status)] = true;
  });
  return wanted;
}

LabelSet label_member(const JsonbValue &value) {
  LabelSet wanted = {};
  each_text("triage_label", value, [&](const char *name) {
    for (int i = 0; i < kLabelClasses; ++i) {
      if (std::strcmp(name, label_name(static_cast<LabelClass>(i))) != 0) continue;
      wanted[static_cast<std::size_t>(i)] = true;
      return;
    }
    refuse(psprintf("\"triage_label\" of the filter must not be \"%s\"", name),
           "Labels are \"transient_endpoint_down\", \"permanent_4xx\", \"rate_limited\", \"unknown\" and "
           "\"unclassified\".");
  });
  return wanted;
}

const char *ids_member(const JsonbValue &value) {
  ArrayBuilder ids(TEXTOID);
  each_text("ids", value, [&](const char *id) { ids.add(Text(id)); });
  return ids.text();
}

Timestamp time_member(const char *key, const JsonbValue &value) {
  const Timestamp time = DatumGetTimestampTz(DirectFunctionCall3(
      timestamptz_in, CStringGetDatum(text_member(key, value)), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
  if (TIMESTAMP_NOT_FINITE(time)) {
    refuse(psprintf("\"%s\" of the filter must be finite", key), "Leave it out where there is no bound.");
  }
  return time;
}

Duration hours_member(const JsonbValue &value) {
  if (value.type != jbvNumeric) refuse("\"hours\" of the filter must be a number", "For instance 0.25 or 24.");
  const double hours =
      DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric)));
  if (!(hours > 0 && hours <= kMostHours)) {
    refuse(psprintf("\"hours\" of the filter must not be %g", hours),
           psprintf("Give a number above 0 and up to %d.", kMostHours));
  }
  return static_cast<Duration>(hours * static_cast<double>(kHour));
}

// Which members that say of which time were given.
struct TimeMembers {
  std::optional<Timestamp> since, until;
  std::optional<Duration> hours;
};

void read_member(const char *key, const JsonbValue &value, DeliveryFilter *filter, TimeMembers *time) {
  const Text name = key;
  if (name == "tenant") {
    filter->tenant = text_or_none(key, value, &filter->no_tenant);
  } else if (name == "endpoint") {
    filter->endpoint = text_or_none(key, value, &filter->no_endpoint);
  } else if (name == "status") {
    filter->statuses = status_member(value);
  } else if (name == "triage_label") {
    filter->labels = label_member(value);
  } else if (name == "ids") {
    filter->ids = ids_member(value);
  } else if (name == "since") {
    time->since = time_member(key, value);
  } else if (name == "until") {
    time->until = time_member(key, value);
  } else if (name == "hours") {
    time->hours = hours_member(value);
  } else {
    refuse(psprintf("the filter has an unknown member \"%s\"", key),
           "There are ids, tenant, endpoint, status, triage_label, hours, since and until.");
  }
}

}  // namespace

FilteredWindow read_filter(JsonbContainer *object, Timestamp as_of) {
  if (!JsonContainerIsObject(object)) {
    refuse("filter must be a JSON object", "For instance {\"status\": \"failed\", \"hours\": 24}.");
  }
  FilteredWindow window = {};
  TimeMembers time = {};
  JsonbIterator *iterator = JsonbIteratorInit(object);
  JsonbValue value;
  JsonbIteratorToken token;
  const char *key = nullptr;
  // Values that are no scalars come as one (skipNested), so keys and values alternate.
  for (bool nested = false; (token = JsonbIteratorNext(&iterator, &value, nested)) != WJB_DONE; nested = true) {
    if (token == WJB_KEY) key = text_of_value(value);
    if (token == WJB_VALUE) read_member(key, value, &window.filter, &time);
  }
  if (time.hours && (time.since || time.until)) {
    refuse("the filter has hours and since or until", "Hours end at as_of: give either.");
  }
  window.until = time.until.value_or(as_of);
  window.bounded = time.since || time.hours;
  window.after = time.hours ? as_of - *time.hours : time.since ? *time.since - 1 : DT_NOBEGIN;
  return window;
}

void require_id(const Source *source) {
  if (source->field(Field::kId) != nullptr) return;
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
           errmsg("delivery source \"%s\" has no id, by which a delivery could be told from others", source->name),
           errhint("Map id when you register the source.")));
}

}  // namespace insights::pg
