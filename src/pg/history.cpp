// anomalies_history and its JSON: the detector at many times, from one scan.
#include "../core/history.hpp"

#include "../core/anomalies_json.hpp"
#include "../core/window.hpp"
#include "arguments.hpp"
#include "detection.hpp"
#include "json.hpp"
#include "row.hpp"

extern "C" {
#include "access/xact.h"
}

namespace insights::pg {

namespace {

struct History {
  int hours;
  HistoryPlan plan;
  std::pmr::vector<AnomalySnapshot> *snapshots;
};

// (hours, step, recent, baseline, method, source, tenant, as_of). Between SPI_connect and SPI_finish.
History find_snapshots(FunctionCallInfo fcinfo) {
  History history = {};
  history.hours = int_argument(fcinfo, 0, "hours", 1, kMostHours);
  const Duration step = duration_argument(fcinfo, 1, "step");
  history.plan = plan_history(detection_arguments(fcinfo, 2, 3, 4, 7), history.hours, step);
  DetectionScan scan = {};
  scan.detection = history.plan.detection;
  scan.edges = compute_in_context([&](ContextMemory *memory, Poll &) { return history_edges(history.plan, memory); });
  scan.counters = detection_counters(scan.detection.method);
  scan.source = text_or_null(fcinfo, 5);
  scan.tenant = text_or_null(fcinfo, 6);
  const std::string_view rollup = scan_deliveries(extension_schema(fcinfo), &scan);
  history.plan.detection = scan.detection;
  history.snapshots = compute_in_context([&](ContextMemory *memory, Poll &poll) {
    return find_history(rollup, history.plan, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
  return history;
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomalies_history(hours, step, recent, baseline, method, source, tenant, as_of) -> setof anomaly
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_history) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const History history = find_snapshots(fcinfo);
  RowContext context;
  for (const AnomalySnapshot &snapshot : *history.snapshots) {
    for (const Anomaly &anomaly : snapshot.anomalies) {
      context.enter();
      put_anomaly(result, anomaly, history.plan.detection.method, snapshot.at);
      context.leave();
    }
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// anomalies_history_json(hours, step, recent, baseline, method, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_history_json) {
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  const History history = find_snapshots(fcinfo);
  for (AnomalySnapshot &snapshot : *history.snapshots) {
    for (Anomaly &anomaly : snapshot.anomalies) {
      CHECK_FOR_INTERRUPTS();
      texts_to_utf8(&anomaly);
    }
  }
  return finish_json(caller, [&](ByteWriter &out, Poll &poll) {
    write_history_json(*history.snapshots, history.hours, GetCurrentTransactionStartTimestamp(), out, poll);
  });
}
