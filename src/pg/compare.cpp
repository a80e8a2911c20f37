// Now against the period before.
#include "../core/compare.hpp"

#include "catalog.hpp"
#include "row.hpp"
#include "window.hpp"

namespace insights::pg {

namespace {

void put_comparison(ReturnSetInfo *result, Text endpoint, const Comparison &comparison,
                    const EndpointComparison *of_endpoint) {
  Row row;
  row.text(of_endpoint != nullptr ? "endpoint" : "total");
  row.text(endpoint);
  row.text(comparison.figure);
  row.number(comparison.current);
  row.number(comparison.previous);
  row.number(comparison.change);
  of_endpoint != nullptr ? row.number(of_endpoint->impact) : row.null();
  of_endpoint != nullptr ? row.text(of_endpoint->worse ? "worse" : "better") : row.null();
  row.store(result);
}

// Both periods, as two slots.
std::string_view scan_periods(FunctionCallInfo fcinfo) {
  const Window window = window_arguments(fcinfo, 0, 4);
  Window both = window;
  both.hours *= 2;
  WindowScan scan = {};
  scan.edges = make_trend_edges(both, window.hours);
  scan.counters = kCompareCounters;
  scan.source = source_argument(fcinfo, 2);
  scan.tenant = text_or_null(fcinfo, 3);
  return scan_window(extension_schema(fcinfo), scan).rollup;
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// insights_compare(hours, min_total, source, tenant, as_of) -> setof (scope, endpoint, figure, current, previous, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_insights_compare) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const std::uint64_t min_total = count_argument(fcinfo, 1, "min_total");
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const std::string_view rollup = scan_periods(fcinfo);
  const auto *totals =
      compute_in_context([&](ContextMemory *memory, Poll &poll) { return compare_totals(rollup, poll, memory); });
  const auto *endpoints = compute_in_context(
      [&](ContextMemory *memory, Poll &poll) { return compare_endpoints(rollup, min_total, poll, memory); });
  RowContext context;
  for (const Comparison &comparison : *totals) {
    context.enter();
    put_comparison(result, Text(), comparison, nullptr);
    context.leave();
  }
  for (const EndpointComparison &endpoint : *endpoints) {
    context.enter();
    put_comparison(result, endpoint.endpoint, endpoint.rate, &endpoint);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}
