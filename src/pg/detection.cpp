#include "detection.hpp"

#include "arguments.hpp"
#include "json.hpp"
#include "local_time.hpp"
#include "row.hpp"
#include "settings.hpp"

extern "C" {
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "replication/walreceiver.h"
}

namespace insights::pg {

namespace {

// A standby that replays further behind than this says nothing of silence: the deliveries may be on their way.
constexpr Duration kReplayLag = kMinute;

// The time of the last commit says nothing while the primary is idle, so a standby that has replayed all that it
// received from a primary that it is connected to is not behind.
bool replays_behind() {
  if (!RecoveryInProgress()) return false;
  if (WalRcvStreaming() && GetWalRcvFlushRecPtr(nullptr, nullptr) <= GetXLogReplayRecPtr(nullptr)) return false;
  return GetCurrentTimestamp() - GetLatestXTime() > kReplayLag;
}

Detection under_settings(Detection detection) {
  detection.policy = rate_policy();
  detection.judge_silence = silence && !replays_behind();
  return detection;
}

}  // namespace

Detection detection_arguments(FunctionCallInfo fcinfo, int recent, int baseline, int method, int as_of) {
  const Method chosen = method_by_name(text_or_null(fcinfo, method));
  const Duration recent_length = duration_argument(fcinfo, recent, "recent");
  const Duration baseline_length = duration_argument(fcinfo, baseline, "baseline");
  const Timestamp end = timestamp_argument(fcinfo, as_of, "as_of");
  return under_settings(plan_detection(chosen, end, recent_length, baseline_length));
}

Detection usual_detection(Timestamp as_of) {
  return under_settings(plan_detection(Method::kRate, as_of, 5 * kMinute, 60 * kMinute));
}

WindowScan plan_scan(const Detection &detection, const Source *source, const char *tenant) {
  WindowScan scan = {};
  scan.edges = compute_in_context([&](ContextMemory *memory, Poll &) { return detection_edges(detection, memory); });
  scan.counters = detection_counters(detection.method);
  scan.source = source;
  scan.tenant = tenant;
  return scan;
}

std::string_view scan_for_detection(Oid schema, WindowScan scan, Detection *detection) {
  if (scan.source->time_zone != nullptr) {
    const RepeatedTimes times = repeated_times(scan.source->time_zone, scan.edges->front(), scan.edges->back());
    detection->repeated = times.list;
    detection->repeated_count = times.count;
  }
  scan.missing_is_unknown = detection->method == Method::kReference;
  const ScanResult result = scan_window(schema, scan);
  detection->partial_view = scan.tenant != nullptr || result.partial;
  return result.rollup;
}

void put_anomaly(ReturnSetInfo *result, const Anomaly &anomaly, Method method, Timestamp at) {
  const bool rate = method == Method::kRate;
  Row row;
  row.text(anomaly.tenant);
  row.text(anomaly.endpoint);
  row.text(anomaly.critical() ? "critical" : "warning");
  row.boolean(anomaly.spike);
  row.boolean(anomaly.failure_cluster);
  row.boolean(anomaly.silence);
  row.count(anomaly.recent_count);
  row.count(anomaly.baseline_count);
  row.count(anomaly.recent_failures);
  row.count(anomaly.baseline_failures);
  row.number(anomaly.spike_multiplier);
  row.number(anomaly.failure_multiplier);
  row.text(anomaly.message);
  row.time(at);
  const auto if_rate = [&](double value) { rate ? row.number(value) : row.null(); };
  if_rate(anomaly.expected_count);
  if_rate(anomaly.expected_failures);
  rate && !anomaly.fleet ? row.number(anomaly.score) : row.null();
  rate ? row.interval(anomaly.window) : row.null();
  row.text(anomaly.fleet ? "fleet" : "endpoint");
  row.store(result);
}

void texts_to_utf8(Anomaly *anomaly) {
  anomaly->tenant = to_utf8(anomaly->tenant);
  anomaly->endpoint = to_utf8(anomaly->endpoint);
  anomaly->message = to_utf8(anomaly->message);
}

}  // namespace insights::pg
