// The summary, and its figures as rows.
#include "../core/figures.hpp"

#include "../core/insights_json.hpp"
#include "catalog.hpp"
#include "json.hpp"
#include "replay_figures.hpp"
#include "row.hpp"
#include "window.hpp"

namespace insights::pg {

namespace {

constexpr std::uint64_t kRowsOfSummary = 10;

// The window as one slot, with the counters that the report needs.
std::string_view scan_whole(FunctionCallInfo fcinfo, const Window &window, CounterSet counters, bool ungrouped,
                            const Source *source, const char *tenant) {
  WindowScan scan = {};
  scan.edges = make_trend_edges(window, window.hours);
  scan.counters = counters;
  scan.source = source;
  scan.tenant = tenant;
  scan.ungrouped = ungrouped;
  return scan_window(extension_schema(fcinfo), scan).rollup;
}

Tally count_all(std::string_view rollup) {
  return compute_in_context([&](ContextMemory *memory, Poll &poll) { return read_slots(rollup, poll, memory); })
      ->front();
}

// All deliveries of the window of (hours, source, tenant, as_of), whatever their tenant and endpoint.
Tally count_window(FunctionCallInfo fcinfo, CounterSet counters) {
  const Window window = window_arguments(fcinfo, 0, 3);
  return count_all(scan_whole(fcinfo, window, counters, true, source_argument(fcinfo, 1), text_or_null(fcinfo, 2)));
}

// Of the same window; `all` is what count_window() gives with kRetryCounters.
ReplayFigures count_window_replays(FunctionCallInfo fcinfo, const Tally &all) {
  return count_replays(extension_schema(fcinfo), window_arguments(fcinfo, 0, 3), source_argument(fcinfo, 1),
                       text_or_null(fcinfo, 2), all);
}

std::pmr::vector<FailingGroup> *find_top(std::string_view rollup, const TopRequest &request) {
  return compute_in_context(
      [&](ContextMemory *memory, Poll &poll) { return top_failing(rollup, request, poll, memory); });
}

// The groups with names that JSON can hold.
const std::pmr::vector<FailingGroup> *find_top_utf8(std::string_view rollup, GroupBy group_by) {
  std::pmr::vector<FailingGroup> *top = find_top(rollup, {group_by, RankBy::kFailures, kRowsOfSummary, 1});
  for (FailingGroup &group : *top) group.name = to_utf8(group.name);
  return top;
}

RankBy order_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("order_by must not be NULL")));
  }
  const char *name = text_or_null(fcinfo, number);
  return guarded([name] { return rank_by_name(name); });
}

// top_failing_...(hours, max_rows, order_by, min_total, source, tenant, as_of)
Datum put_top(FunctionCallInfo fcinfo, GroupBy group_by) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Window window = window_arguments(fcinfo, 0, 6);
  TopRequest request;
  request.group_by = group_by;
  request.max_rows = static_cast<std::uint64_t>(int_argument(fcinfo, 1, "max_rows", 1, PG_INT32_MAX));
  request.rank_by = order_argument(fcinfo, 2);
  request.min_total = count_argument(fcinfo, 3, "min_total");
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const std::string_view rollup =
      scan_whole(fcinfo, window, kStatusCounters, false, source_argument(fcinfo, 4), text_or_null(fcinfo, 5));
  RowContext context;
  for (const FailingGroup &group : *find_top(rollup, request)) {
    context.enter();
    Row row;
    row.text(group.name);
    row.count(group.failures);
    row.count(group.total);
    row.number(group.failure_rate);
    row.number(group.impact);
    row.store(result);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// operator_insights_summary(hours, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_operator_insights_summary) {
  MemoryContext caller = CurrentMemoryContext;
  Summary summary = {};
  summary.window = window_arguments(fcinfo, 0, 3);
  SPI_connect();
  const std::string_view rollup =
      scan_whole(fcinfo, summary.window, kSummaryCounters, false, source_argument(fcinfo, 1), text_or_null(fcinfo, 2));
  summary.all = count_all(rollup);
  summary.replays = count_window_replays(fcinfo, summary.all);
  summary.endpoints = find_top_utf8(rollup, GroupBy::kEndpoint);
  summary.tenants = find_top_utf8(rollup, GroupBy::kTenant);
  return finish_json(caller, [&](ByteWriter &out, Poll &) { write_summary_json(summary, out); });
}

// top_failing_endpoints(hours, max_rows, order_by, min_total, source, tenant, as_of) -> setof (endpoint, failures, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_top_failing_endpoints) { return put_top(fcinfo, GroupBy::kEndpoint); }

// top_failing_tenants(hours, max_rows, order_by, min_total, source, tenant, as_of) -> setof (tenant_id, failures, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_top_failing_tenants) { return put_top(fcinfo, GroupBy::kTenant); }

// triage_distribution(hours, source, tenant, as_of) -> setof (triage_label, deliveries, share)
ANOMALY_INSIGHTS_FUNCTION(ai_triage_distribution) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Tally all = count_window(fcinfo, kDistributionCounters);
  for (int i = 0; i < kLabelClasses; ++i) {
    const std::uint64_t count = labelled(all, static_cast<LabelClass>(i));
    Row row;
    row.text(label_name(static_cast<LabelClass>(i)));
    row.count(count);
    row.number(percent(count, all[Counter::kTotal]));
    row.store(result);
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// delivery_stats(hours, source, tenant, as_of) -> setof (total, delivered, failed, pending, dead_letter, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_delivery_stats) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Tally all = count_window(fcinfo, kStatusCounters);
  Row row;
  row.count(all[Counter::kTotal]);
  row.count(all[Counter::kDelivered]);
  row.count(all[Counter::kFailed]);
  row.count(all[Counter::kPending]);
  row.count(all[Counter::kDeadLetter]);
  row.number(success_rate(all));
  row.number(success_rate(all));  // settled_success_rate
  row.number(reference_success_rate(all));
  row.store(result);
  SPI_finish();
  return static_cast<Datum>(0);
}

// replay_stats(hours, source, tenant, as_of) -> setof (total_replayed, replay_successes, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_replay_stats) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Tally all = count_window(fcinfo, kRetryCounters);
  const ReplayFigures replays = count_window_replays(fcinfo, all);
  Row row;
  row.count(replays.replayed);
  row.count(replays.delivered);
  row.number(replays.success_rate());
  row.number(transient_retry_success_rate(all));
  row.number(first_attempt_success_rate(all));
  row.number(mean_attempts(all));
  row.text(replays.counted_from());
  row.store(result);
  SPI_finish();
  return static_cast<Datum>(0);
}
