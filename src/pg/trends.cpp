// The figures over time: by intervals counted back from now, and by calendar buckets.
#include "../core/figures.hpp"

#include "../core/insights_json.hpp"
#include "calendar.hpp"
#include "catalog.hpp"
#include "json.hpp"
#include "row.hpp"
#include "window.hpp"

namespace insights::pg {

namespace {

// What both forms of the trends need.
struct Trends {
  Window window;
  int interval_hours;
  const std::pmr::vector<Timestamp> *edges;
  const std::pmr::vector<Tally> *slots;
};

const std::pmr::vector<Tally> *count_slots(std::string_view rollup) {
  return compute_in_context([&](ContextMemory *memory, Poll &poll) { return read_slots(rollup, poll, memory); });
}

// (hours, interval_hours, source, tenant, as_of). Between SPI_connect and SPI_finish.
Trends scan_trends(FunctionCallInfo fcinfo) {
  Trends trends = {};
  trends.window = window_arguments(fcinfo, 0, 4);
  trends.interval_hours = int_argument(fcinfo, 1, "interval_hours", 1, kMostHours);
  trends.edges = make_trend_edges(trends.window, trends.interval_hours);
  WindowScan scan = {};
  scan.edges = trends.edges;
  scan.counters = kStatusCounters;
  scan.source = source_argument(fcinfo, 2);
  scan.tenant = text_or_null(fcinfo, 3);
  scan.ungrouped = true;
  trends.slots = count_slots(scan_window(extension_schema(fcinfo), scan).rollup);
  return trends;
}

void put_bucket(ReturnSetInfo *result, Timestamp start, Timestamp end, const Tally &tally) {
  Row row;
  row.time(start);
  row.time(end);
  row.count(tally[Counter::kTotal]);
  row.count(tally[Counter::kDelivered]);
  row.count(failures_of(tally));
  row.count(tally[Counter::kPending]);
  row.number(success_rate(tally));
  row.number(failure_rate(tally));
  row.number(success_rate(tally));  // settled_success_rate
  row.number(reference_success_rate(tally));
  row.store(result);
}

// The slots of a series: its buckets, cut to since and until.
const std::pmr::vector<Timestamp> *cut_edges(const Buckets &buckets, Timestamp since, Timestamp until) {
  return compute_in_context([&](ContextMemory *memory, Poll &) {
    std::pmr::vector<Timestamp> edges(buckets.edges, buckets.edges + buckets.count + 1, memory);
    edges.front() = since;
    edges.back() = until;
    return edges;
  });
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// operator_insights_trends(hours, interval_hours, source, tenant, as_of) -> setof (bucket_start, bucket_end, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_operator_insights_trends) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Trends trends = scan_trends(fcinfo);
  RowContext context;
  for (std::size_t i = 0; i < trends.slots->size(); ++i) {
    context.enter();
    put_bucket(result, (*trends.edges)[i] - 1, (*trends.edges)[i + 1] - 1, (*trends.slots)[i]);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}

// operator_insights_trends_json(hours, interval_hours, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_operator_insights_trends_json) {
  MemoryContext caller = CurrentMemoryContext;
  SPI_connect();
  const Trends trends = scan_trends(fcinfo);
  return finish_json(caller, [&](ByteWriter &out, Poll &poll) {
    write_trends_json(trends.window, trends.interval_hours, *trends.edges, *trends.slots, out, poll);
  });
}

// operator_insights_series(since, until, bucket, tz, endpoint, source, tenant) -> setof (bucket_start, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_operator_insights_series) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Timestamp since = timestamp_argument(fcinfo, 0, "since");
  const Timestamp until = timestamp_argument(fcinfo, 1, "until");
  if (PG_ARGISNULL(2)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("bucket must not be NULL")));
  }
  const Buckets buckets = make_buckets(since, until, PG_GETARG_INTERVAL_P(2), text_or_null(fcinfo, 3));
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  WindowScan scan = {};
  scan.edges = cut_edges(buckets, since, until);
  scan.counters = kStatusCounters;
  scan.endpoint = text_or_null(fcinfo, 4);
  scan.source = source_argument(fcinfo, 5);
  scan.tenant = text_or_null(fcinfo, 6);
  scan.ungrouped = true;
  const std::pmr::vector<Tally> *slots = count_slots(scan_window(extension_schema(fcinfo), scan).rollup);
  RowContext context;
  for (int i = 0; i < buckets.count; ++i) {
    context.enter();
    put_bucket(result, buckets.edges[i], buckets.edges[i + 1], (*slots)[static_cast<std::size_t>(i)]);
    context.leave();
  }
  SPI_finish();
  return static_cast<Datum>(0);
}
