// anomalies_current, its JSON and anomalies_explain.
#include "../core/anomalies.hpp"

#include "../core/anomalies_json.hpp"
#include "../core/explain.hpp"
#include "arguments.hpp"
#include "catalog.hpp"
#include "detection.hpp"
#include "json.hpp"
#include "rollup_type.hpp"
#include "row.hpp"

namespace insights::pg {

namespace {

// The anomalies, in the current context.
std::pmr::vector<Anomaly> *find(std::string_view rollup, const Detection &detection) {
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    return find_anomalies(rollup, detection, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomalies_current(recent, baseline, method, source, tenant, as_of) -> setof anomaly
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_current) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  Detection detection = detection_arguments(fcinfo, 0, 1, 2, 5);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const WindowScan scan = plan_scan(detection, source_argument(fcinfo, 3), text_or_null(fcinfo, 4));
  const std::string_view rollup = scan_for_detection(extension_schema(fcinfo), scan, &detection);
  const std::pmr::vector<Anomaly> *anomalies = find(rollup, detection);
  RowContext context;
  for (const Anomaly &anomaly : *anomalies) {
    context.enter();
    put_anomaly(result, anomaly, detection.method, detection.as_of);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// anomalies_current_json(recent, baseline, method, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_current_json) {
  MemoryContext caller = CurrentMemoryContext;
  Detection detection = detection_arguments(fcinfo, 0, 1, 2, 5);
  SPI_connect();
  const WindowScan scan = plan_scan(detection, source_argument(fcinfo, 3), text_or_null(fcinfo, 4));
  const std::string_view rollup = scan_for_detection(extension_schema(fcinfo), scan, &detection);
  std::pmr::vector<Anomaly> *anomalies = find(rollup, detection);
  for (Anomaly &anomaly : *anomalies) {
    CHECK_FOR_INTERRUPTS();
    texts_to_utf8(&anomaly);
  }
  return finish_json(caller, [&](ByteWriter &out, Poll &poll) {
    write_anomalies_json(anomalies->data(), anomalies->size(), detection, out, poll);
  });
}

// anomalies_explain(tenant, endpoint, recent, baseline, method, source, as_of) -> setof (part, item, value, meaning)
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_explain) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  Detection detection = detection_arguments(fcinfo, 2, 3, 4, 6);
  // Method reference knows a missing key by the name that the original gives it.
  const Text missing = detection.method == Method::kReference ? Text("unknown") : Text();
  const Text tenant = PG_ARGISNULL(0) ? missing : text_of(PG_GETARG_VARLENA_PP(0));
  const Text endpoint = PG_ARGISNULL(1) ? missing : text_of(PG_GETARG_VARLENA_PP(1));
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  // All tenants are scanned, not just this one: the verdict depends on what the fleet does.
  const WindowScan scan = plan_scan(detection, source_argument(fcinfo, 5), nullptr);
  const std::string_view rollup = scan_for_detection(extension_schema(fcinfo), scan, &detection);
  const auto *lines = compute_in_context(
      [&](ContextMemory *memory, Poll &poll) { return explain(rollup, detection, tenant, endpoint, poll, memory); });
  for (const Explanation &line : *lines) {
    Row row;
    row.text(line.part);
    row.text(line.item);
    row.text(line.value);
    row.text(line.meaning);
    row.store(result);
  }
  SPI_finish();
  return static_cast<Datum>(0);
}
