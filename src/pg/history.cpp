// anomalies_history and its JSON: the detector at many times, from one scan.
#include "../core/history.hpp"

#include "../core/anomalies_json.hpp"
#include "../core/window.hpp"
#include "arguments.hpp"
#include "catalog.hpp"
#include "detection.hpp"
#include "json.hpp"
#include "row.hpp"

extern "C" {
#include "access/xact.h"
}

namespace insights::pg {

namespace {

struct Evaluations {
  int hours;
  HistoryPlan plan;
  History *history;
};

// (hours, step, recent, baseline, method, source, tenant, as_of). Between SPI_connect and SPI_finish.
Evaluations evaluate(FunctionCallInfo fcinfo) {
  Evaluations evaluations = {};
  evaluations.hours = int_argument(fcinfo, 0, "hours", 1, kMostHours);
  const Duration step = duration_argument(fcinfo, 1, "step");
  HistoryPlan &plan = evaluations.plan;
  plan = plan_history(detection_arguments(fcinfo, 2, 3, 4, 7), evaluations.hours, step);
  WindowScan scan = {};
  scan.edges = compute_in_context([&](ContextMemory *memory, Poll &poll) { return history_edges(plan, poll, memory); });
  scan.counters = detection_counters(plan.detection.method);
  scan.source = source_argument(fcinfo, 5);
  scan.tenant = text_or_null(fcinfo, 6);
  const std::string_view rollup = scan_for_detection(extension_schema(fcinfo), scan, &plan.detection);
  ContextMemory *memory = current_memory();
  evaluations.history = guarded([&] {
    InterruptPoll poll;
    return make_in<History>(memory, rollup, plan, poll, memory);
  });
  return evaluations;
}

// In the current context.
AnomalySnapshot *finish(const Evaluations &evaluations, std::uint32_t back, std::size_t most) {
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    return evaluations.history->finish(back, most, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
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
  const Evaluations evaluations = evaluate(fcinfo);
  RowContext context;
  for (std::uint32_t back = 0; back < evaluations.history->evaluations(); ++back) {
    context.enter();
    const AnomalySnapshot *snapshot = finish(evaluations, back, SIZE_MAX);
    for (const Anomaly &anomaly : snapshot->anomalies.gravest) {
      CHECK_FOR_INTERRUPTS();
      put_anomaly(result, anomaly, evaluations.plan.detection.method, snapshot->at);
    }
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// anomalies_history_json(hours, step, recent, baseline, method, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_history_json) {
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  const Evaluations evaluations = evaluate(fcinfo);
  const std::uint32_t count = evaluations.history->evaluations();
  auto **snapshots = static_cast<const AnomalySnapshot **>(palloc(sizeof(AnomalySnapshot *) * count));
  std::size_t wrong = 0;
  for (std::uint32_t back = 0; back < count; ++back) {
    AnomalySnapshot *snapshot = finish(evaluations, back, kIncidentsOfSnapshot);
    if (snapshot->anomalies.total == 0) continue;
    for (Anomaly &anomaly : snapshot->anomalies.gravest) texts_to_utf8(&anomaly);
    snapshots[wrong++] = snapshot;
  }
  return finish_json(caller, [&](ByteWriter &out, Poll &poll) {
    write_history_json(snapshots, wrong, evaluations.hours, GetCurrentTransactionStartTimestamp(), out, poll);
  });
}
