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

// The statuses whose deliveries count the same with any label.
StatusSet unlabelled_for(CounterSet counters) {
  if ((counters & kLabelCounters) != 0) return {};
  StatusSet statuses = kFailedStatuses;
  if ((counters & bit(Counter::kReferenceFailures)) == 0) {
    statuses[static_cast<std::size_t>(StatusClass::kDelivered)] = true;
  }
  return statuses;
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
  request.unlabelled = unlabelled_for(scan.counters);
  return scan_rollup(request);
}

std::pmr::vector<Timestamp> *make_trend_edges(const Window &window, int interval_hours) {
  return compute_in_context(
      [&](ContextMemory *memory, Poll &) { return trend_edges(window.as_of, window.hours, interval_hours, memory); });
}

}  // namespace insights::pg
