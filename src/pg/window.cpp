#include "window.hpp"

#include "catalog.hpp"

extern "C" {
#include "access/xact.h"
}

namespace insights::pg {

namespace {

// Whether a triage label may make a failure of what is none by its status: stored ones may, and those that come from an
// HTTP status or an error.
bool labels_may_say_failure(const Source *source) {
  return source->field(Field::kTriageLabel) != nullptr || source->field(Field::kHttpStatus) != nullptr ||
         source->field(Field::kError) != nullptr;
}

}  // namespace

Window window_arguments(FunctionCallInfo fcinfo, int hours, int as_of) {
  Window window;
  window.hours = int_argument(fcinfo, hours, "hours", 1, kMostHours);
  window.as_of = timestamp_argument(fcinfo, as_of, "as_of");
  window.generated_at = GetCurrentTransactionStartTimestamp();
  return window;
}

const Source *source_argument(FunctionCallInfo fcinfo, int number) {
  const Source *source = find_source(extension_schema(fcinfo), text_or_null(fcinfo, number));
  require_binding(*source);
  return source;
}

ScanResult scan_window(Oid schema, const WindowScan &scan) {
  ScanRequest request = {};
  request.schema = schema;
  request.source = scan.source;
  SlotSpec slots;
  slots.edges = scan.edges->data();
  slots.edge_count = scan.edges->size();
  request.shape = make_shape(slots, request.source->statuses, scan.counters);
  request.after = scan.edges->front() - 1;
  request.until = scan.edges->back() - 1;
  request.tenant = scan.tenant;
  request.endpoint = scan.endpoint;
  request.missing_is_unknown = scan.missing_is_unknown;
  request.ungrouped = scan.ungrouped;
  request.as_owner = scan.as_owner;
  request.attempts = (scan.counters & kAttemptCounters) != 0;
  request.labels = (scan.counters & kLabelCounters) != 0 ||
                   ((scan.counters & kFailureCounters) != 0 && labels_may_say_failure(request.source));
  request.failed_alike = (scan.counters & kLabelCounters) == 0;
  request.past_labels = (scan.counters & kLabelAndAttemptCounters) != 0;
  return scan_rollup(request);
}

std::pmr::vector<Timestamp> *make_trend_edges(const Window &window, int interval_hours) {
  return compute_in_context(
      [&](ContextMemory *memory, Poll &) { return trend_edges(window.as_of, window.hours, interval_hours, memory); });
}

}  // namespace insights::pg
