// anomalies_current, its JSON and anomalies_explain.
#include "../core/anomalies.hpp"

#include "../core/anomalies_json.hpp"
#include "../core/explain.hpp"
#include "arguments.hpp"
#include "guard.hpp"
#include "memory.hpp"
#include "rollup_type.hpp"
#include "scan.hpp"
#include "settings.hpp"

extern "C" {
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/namespace.h"
#include "replication/walreceiver.h"
}

namespace insights::pg {

namespace {

// A standby that replays further behind than this says nothing of silence: the deliveries may be on their way.
constexpr Duration kReplayLag = kMinute;

// What the three functions have in common: their arguments, and the rollup that answers them. Plain data, so that it
// may stand in a frame that PostgreSQL's errors leave.
struct Evaluation {
  Detection detection;
  ScanResult scan;
};

// The time of the last commit says nothing while the primary is idle, so a standby that has replayed all that it
// received from a primary that it is connected to is not behind.
bool replays_behind() {
  if (!RecoveryInProgress()) return false;
  if (WalRcvStreaming() && GetWalRcvFlushRecPtr(nullptr, nullptr) <= GetXLogReplayRecPtr(nullptr)) return false;
  return GetCurrentTimestamp() - GetLatestXTime() > kReplayLag;
}

Detection plan(FunctionCallInfo fcinfo, int recent, int baseline, int method, int as_of) {
  const Method chosen = method_by_name(text_or_null(fcinfo, method));
  const Duration recent_length = duration_argument(fcinfo, recent, "recent");
  const Duration baseline_length = duration_argument(fcinfo, baseline, "baseline");
  const Timestamp end = timestamp_argument(fcinfo, as_of, "as_of");
  Detection detection = plan_detection(chosen, end, recent_length, baseline_length);
  detection.policy = rate_policy();
  detection.judge_silence = silence && !replays_behind();
  return detection;
}

// Scans what the detection needs. Between SPI_connect and SPI_finish.
Evaluation evaluate(const Detection &detection, Oid schema, const char *source, const char *tenant) {
  Evaluation evaluation = {detection, {}};
  ContextMemory *memory = current_memory();
  auto *edges = make_in<std::pmr::vector<Timestamp>>(memory, detection_edges(detection, memory));

  ScanRequest request = {};
  request.source = find_source(schema, source);
  request.schema = schema;
  SlotSpec slots;
  slots.edges = edges->data();
  slots.edge_count = edges->size();
  request.shape = make_shape(slots, request.source->statuses, detection_counters(detection.method));
  request.after = detection.as_of - detection.reach();
  request.until = detection.as_of;
  request.tenant = tenant;
  request.missing_is_unknown = detection.method == Method::kReference;
  evaluation.scan = scan_rollup(request);
  evaluation.detection.partial_view = tenant != nullptr || evaluation.scan.partial;
  return evaluation;
}

// The anomalies, in the current context.
std::pmr::vector<Anomaly> *find(const Evaluation &evaluation) {
  ContextMemory *memory = current_memory();
  return guarded([&] {
    InterruptPoll poll;
    return make_in<std::pmr::vector<Anomaly>>(memory, find_anomalies(evaluation.scan.rollup, evaluation.detection,
                                                                     GetDatabaseEncoding() == PG_UTF8, poll, memory));
  });
}

// Fills a row, column by column.
class Row {
 public:
  void text(Text value) {
    is_null(value) ? null()
                   : put(PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
  }
  void boolean(bool value) { put(BoolGetDatum(value)); }
  void count(std::uint64_t value) { put(Int64GetDatum(static_cast<int64>(value))); }
  void number(double value) { put(Float8GetDatum(value)); }
  void number(const std::optional<double> &value) { value ? number(*value) : null(); }
  void time(Timestamp value) { put(TimestampTzGetDatum(value)); }
  void interval(Duration value) {
    auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
    interval->time = value;
    put(IntervalPGetDatum(interval));
  }
  void null() {
    nulls_[column_] = true;
    values_[column_++] = static_cast<Datum>(0);
  }
  void store(ReturnSetInfo *result) {
    Assert(column_ == result->setDesc->natts);
    tuplestore_putvalues(result->setResult, result->setDesc, values_, nulls_);
    column_ = 0;
  }

 private:
  void put(Datum value) {
    nulls_[column_] = false;
    values_[column_++] = value;
  }

  Datum values_[32];
  bool nulls_[32];
  int column_ = 0;
};

void put_anomaly(ReturnSetInfo *result, const Anomaly &anomaly, const Detection &detection) {
  const bool rate = detection.method == Method::kRate;
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
  row.time(detection.as_of);
  const auto if_rate = [&](double value) { rate ? row.number(value) : row.null(); };
  if_rate(anomaly.expected_count);
  if_rate(anomaly.expected_failures);
  rate && !anomaly.fleet ? row.number(anomaly.score) : row.null();
  rate ? row.interval(anomaly.window) : row.null();
  row.text(anomaly.fleet ? "fleet" : "endpoint");
  row.store(result);
}

// The text in UTF-8, which JSON is made of. A byte that has no equivalent becomes "?": one such endpoint must not take
// the report from everybody.
Text to_utf8(Text text) {
  const int encoding = GetDatabaseEncoding();
  if (is_null(text) || encoding == PG_UTF8 || encoding == PG_SQL_ASCII) return text;
  const Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
  if (!OidIsValid(conversion)) return text;  // what is no UTF-8 is left for the writer to replace
  const Size size = text.size() * MAX_CONVERSION_GROWTH + 1;
  auto *utf8 = static_cast<unsigned char *>(palloc(size));
  auto *from = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
  int left = static_cast<int>(text.size());
  Size written = 0;
  while (left > 0) {
    const int converted = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, from, left, utf8 + written,
                                                        static_cast<int>(size - written), true);
    written += std::strlen(reinterpret_cast<char *>(utf8 + written));
    from += converted;
    left -= converted;
    if (left == 0) break;
    utf8[written++] = '?';
    const int broken = Min(pg_encoding_mblen(encoding, reinterpret_cast<char *>(from)), left);
    from += broken;
    left -= broken;
  }
  return {reinterpret_cast<char *>(utf8), written};
}

// nlohmann's text to a datum of JSONB, through its input function: so no version of PostgreSQL's JSONB code matters.
Datum to_jsonb(std::string_view utf8) {
  const char *json = utf8.data();
  if (GetDatabaseEncoding() != PG_SQL_ASCII) {
    json = pg_any_to_server(json, static_cast<int>(std::strlen(json)), PG_UTF8);
  }
  return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

// The report in memory of the current context, with a zero at its end.
std::string_view write_json(const Anomaly *anomalies, std::size_t count, const Detection &detection) {
  ContextMemory *memory = current_memory();
  return guarded([&] {
    InterruptPoll poll;
    auto *out = make_in<ByteWriter>(memory, memory);
    write_anomalies_json(anomalies, count, detection, *out, poll);
    out->put_byte(0);
    return out->written();
  });
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomalies_current(recent, baseline, method, source, tenant, as_of) -> setof anomaly
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_current) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Detection detection = plan(fcinfo, 0, 1, 2, 5);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  const Evaluation evaluation =
      evaluate(detection, extension_schema(fcinfo), text_or_null(fcinfo, 3), text_or_null(fcinfo, 4));
  const std::pmr::vector<Anomaly> *anomalies = find(evaluation);
  MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "anomalies row", ALLOCSET_SMALL_SIZES);
  MemoryContext spi = MemoryContextSwitchTo(row_context);
  for (const Anomaly &anomaly : *anomalies) {
    CHECK_FOR_INTERRUPTS();
    put_anomaly(result, anomaly, evaluation.detection);
    MemoryContextReset(row_context);
  }
  MemoryContextSwitchTo(spi);
  SPI_finish();
  return static_cast<Datum>(0);
}

// anomalies_current_json(recent, baseline, method, source, tenant, as_of) -> jsonb
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_current_json) {
  MemoryContext caller = CurrentMemoryContext;
  const Detection detection = plan(fcinfo, 0, 1, 2, 5);
  SPI_connect();
  const Evaluation evaluation =
      evaluate(detection, extension_schema(fcinfo), text_or_null(fcinfo, 3), text_or_null(fcinfo, 4));
  std::pmr::vector<Anomaly> *anomalies = find(evaluation);
  for (Anomaly &anomaly : *anomalies) {
    CHECK_FOR_INTERRUPTS();
    anomaly.tenant = to_utf8(anomaly.tenant);
    anomaly.endpoint = to_utf8(anomaly.endpoint);
    anomaly.message = to_utf8(anomaly.message);
  }
  const std::string_view json = write_json(anomalies->data(), anomalies->size(), evaluation.detection);
  MemoryContext spi = MemoryContextSwitchTo(caller);
  const Datum jsonb = to_jsonb(json);
  MemoryContextSwitchTo(spi);
  SPI_finish();
  return jsonb;
}

// anomalies_explain(tenant, endpoint, recent, baseline, method, source, as_of) -> setof (part, item, value, meaning)
ANOMALY_INSIGHTS_FUNCTION(ai_anomalies_explain) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Detection detection = plan(fcinfo, 2, 3, 4, 6);
  // Method reference knows a missing key by the name that the original gives it.
  const Text missing = detection.method == Method::kReference ? Text("unknown") : Text();
  const Text tenant = PG_ARGISNULL(0) ? missing : text_of(PG_GETARG_VARLENA_PP(0));
  const Text endpoint = PG_ARGISNULL(1) ? missing : text_of(PG_GETARG_VARLENA_PP(1));
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  // All tenants are scanned, not just this one: the verdict depends on what the fleet does.
  const Evaluation evaluation = evaluate(detection, extension_schema(fcinfo), text_or_null(fcinfo, 5), nullptr);
  ContextMemory *memory = current_memory();
  const auto *lines = guarded([&] {
    InterruptPoll poll;
    return make_in<std::pmr::vector<Explanation>>(
        memory, explain(evaluation.scan.rollup, evaluation.detection, tenant, endpoint, poll, memory));
  });
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
