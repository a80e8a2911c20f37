// The JSON of the summary, the trends and the history: its keys, its types, its numbers.
#include "insights_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "anomalies_json.hpp"
#include "scene.hpp"
#include "trends.hpp"

using namespace insights;
using namespace insights::test;
using nlohmann::json;

namespace {

constexpr std::uint64_t kRowsOfSummary = 10;

using Keys = std::set<std::string>;

Keys keys_of(const json &object) {
  EXPECT_TRUE(object.is_object()) << object;
  Keys keys;
  for (const auto &item : object.items()) keys.insert(item.key());
  return keys;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

// The types of the contract: a count is an integer, a rate a number with a point, a time a text.
void expect_count(const json &value) { EXPECT_TRUE(value.is_number_unsigned()) << value; }
void expect_rate(const json &value) { EXPECT_TRUE(value.is_number_float()) << value; }
void expect_rate_or_null(const json &value) { EXPECT_TRUE(value.is_number_float() || value.is_null()) << value; }
void expect_time(const json &value) {
  ASSERT_TRUE(value.is_string()) << value;
  std::string pattern = value;
  for (char &c : pattern) c = c >= '0' && c <= '9' ? '9' : c;
  EXPECT_EQ(pattern, "9999-99-99T99:99:99Z") << value;
}

Window window(int hours = 24) { return {kSceneTime, hours, kSceneTime + 90 * kSecond}; }

std::string summary_shape(const Window &of) {
  const auto edges = trend_edges(of.as_of, of.hours, of.hours, heap());
  return empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), kSummaryCounters);
}

std::string summary_text(const std::vector<Row> &rows, const Window &of = window()) {
  const std::string flat = roll_up(summary_shape(of), rows);
  Poll poll;
  const auto endpoints = top_failing(flat, {GroupBy::kEndpoint, RankBy::kFailures, kRowsOfSummary, 1}, poll, heap());
  const auto tenants = top_failing(flat, {GroupBy::kTenant, RankBy::kFailures, kRowsOfSummary, 1}, poll, heap());
  ByteWriter out(heap());
  const Tally all = read_slots(flat, poll, heap()).front();
  const ReplayFigures replays = {all[Counter::kRetried], all[Counter::kRetriedDelivered], false};
  write_summary_json({of, all, replays, &endpoints, &tenants}, out);
  return std::string(out.written());
}

json summary(const std::vector<Row> &rows, const Window &of = window()) { return json::parse(summary_text(rows, of)); }

std::string trends_text(const std::vector<Row> &rows, int interval_hours, const Window &of = window()) {
  const auto edges = trend_edges(of.as_of, of.hours, interval_hours, heap());
  const std::string shape = empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), kStatusCounters);
  Poll poll;
  ByteWriter out(heap());
  write_trends_json(of, interval_hours, edges, read_slots(roll_up(shape, rows), poll, heap()), out, poll);
  return std::string(out.written());
}

json trends(const std::vector<Row> &rows, int interval_hours, const Window &of = window()) {
  return json::parse(trends_text(rows, interval_hours, of));
}

using Snapshots = std::vector<AnomalySnapshot>;

json history(const Snapshots &snapshots, int hours = 24) {
  std::vector<const AnomalySnapshot *> pointers;
  for (const AnomalySnapshot &snapshot : snapshots) pointers.push_back(&snapshot);
  Poll poll;
  ByteWriter out(heap());
  write_history_json(pointers.data(), pointers.size(), hours, kSceneTime + 90 * kSecond, out, poll);
  return json::parse(out.written());
}

Row at(Timestamp time, const Value &tenant, const Value &endpoint, const Value &status, const Value &label = {},
       std::int64_t attempts = Delivery::kNoNumber, std::int64_t max_attempts = Delivery::kNoNumber) {
  return {time, tenant, endpoint, status, label, attempts, max_attempts};
}

// An hour ago.
Row row(const Value &tenant, const Value &endpoint, const Value &status, const Value &label = {},
        std::int64_t attempts = Delivery::kNoNumber, std::int64_t max_attempts = Delivery::kNoNumber) {
  return at(kSceneTime - kHour, tenant, endpoint, status, label, attempts, max_attempts);
}

// Deliveries of every kind; the oldest pending one is two hours and 1.5 seconds old.
std::vector<Row> every_kind() {
  return {
      row("t", "a", "failed", "transient_endpoint_down", 3),
      row("t", "a", "dead_letter", "permanent_4xx", 5),
      row("t", "b", "ok", "transient_endpoint_down", 2),
      row("u", "b", "ok", "rate_limited", 1),
      row("u", "b", "ok"),
      row("u", "a", "failed", "made up"),
      row("u", "c", "pending", "unknown", 4, 5),
      at(kSceneTime - 2 * kHour - 1500000, std::nullopt, "c", "pending", std::nullopt, 1, 5),
      row(std::nullopt, std::nullopt, "nope"),
  };
}

// No number of the text is NaN or infinite: nlohmann writes null for such.
void expect_no_null(const json &value, const Keys &allowed = {}, const std::string &name = "") {
  EXPECT_TRUE(!value.is_null() || allowed.count(name) == 1) << name;
  if (value.is_object()) {
    for (const auto &item : value.items()) expect_no_null(item.value(), allowed, item.key());
  } else if (value.is_array()) {
    for (const json &element : value) expect_no_null(element, allowed, name);
  }
}

Anomaly incident(bool critical, const char *endpoint = "hook") {
  Anomaly anomaly;
  anomaly.tenant = "t";
  anomaly.endpoint = endpoint;
  anomaly.spike = !critical;
  anomaly.failure_cluster = critical;
  anomaly.recent_count = 120;
  anomaly.baseline_count = 10;
  anomaly.recent_failures = 115;
  anomaly.baseline_failures = 2;
  anomaly.spike_multiplier = 12.0;
  anomaly.failure_multiplier = 57.5;
  anomaly.message = "…";
  return anomaly;
}

AnomalySnapshot snapshot(Timestamp time, const std::vector<Anomaly> &anomalies) {
  AnomalySnapshot of;
  of.at = time;
  of.anomalies.total = anomalies.size();
  for (const Anomaly &anomaly : anomalies) of.anomalies.critical += anomaly.critical() ? 1 : 0;
  of.anomalies.gravest.assign(anomalies.begin(), anomalies.end());
  return of;
}

const Keys kIncidentKeys = {
    "tenant_id",         "endpoint",           "severity",
    "recent_count",      "baseline_count",     "recent_failures",
    "baseline_failures", "spike_detected",     "failure_cluster_detected",
    "spike_multiplier",  "failure_multiplier", "message",
    "detected_at",
};

}  // namespace

// The summary

TEST(SummaryJson, ExactKeys) {
  const json report = summary(every_kind());
  EXPECT_EQ(keys_of(report), (Keys{"top_failing_endpoints", "top_failing_tenants", "triage_distribution",
                                   "delivery_stats", "replay_stats", "triage_accuracy", "time_range", "generated_at",
                                   "settled_success_rate", "retry_stats", "backlog"}));
  ASSERT_EQ(report["top_failing_endpoints"].size(), 1U);
  EXPECT_EQ(keys_of(report["top_failing_endpoints"][0]), (Keys{"endpoint", "failures", "total", "failure_rate"}));
  ASSERT_EQ(report["top_failing_tenants"].size(), 2U);
  EXPECT_EQ(keys_of(report["top_failing_tenants"][0]), (Keys{"tenant_id", "failures", "total", "failure_rate"}));
  EXPECT_EQ(keys_of(report["triage_distribution"]),
            (Keys{"transient_endpoint_down", "permanent_4xx", "rate_limited", "unknown", "unclassified"}));
  EXPECT_EQ(keys_of(report["delivery_stats"]),
            (Keys{"total", "delivered", "failed", "pending", "dead_letter", "success_rate"}));
  EXPECT_EQ(keys_of(report["replay_stats"]),
            (Keys{"total_replayed", "replay_successes", "replay_success_rate", "counted_from"}));
  EXPECT_EQ(keys_of(report["triage_accuracy"]), (Keys{"transient_retry_success_rate", "note"}));
  EXPECT_EQ(keys_of(report["time_range"]), (Keys{"hours", "start", "end"}));
  EXPECT_EQ(keys_of(report["retry_stats"]), (Keys{"first_attempt_success_rate", "mean_attempts"}));
  EXPECT_EQ(keys_of(report["backlog"]), (Keys{"pending", "near_failure", "oldest_pending_seconds"}));
}

TEST(SummaryJson, Types) {
  for (const auto &rows : {every_kind(), std::vector<Row>()}) {
    const json report = summary(rows);
    for (const char *list : {"top_failing_endpoints", "top_failing_tenants"}) {
      ASSERT_TRUE(report[list].is_array());
      for (const json &group : report[list]) {
        expect_count(group["failures"]);
        expect_count(group["total"]);
        expect_rate(group["failure_rate"]);
      }
    }
    for (const auto &item : report["triage_distribution"].items()) expect_count(item.value());
    for (const char *key : {"total", "delivered", "failed", "pending", "dead_letter"}) {
      expect_count(report["delivery_stats"][key]);
    }
    expect_rate(report["delivery_stats"]["success_rate"]);
    expect_count(report["replay_stats"]["total_replayed"]);
    expect_count(report["replay_stats"]["replay_successes"]);
    expect_rate(report["replay_stats"]["replay_success_rate"]);
    EXPECT_EQ(report["replay_stats"]["counted_from"], "attempts");
    expect_rate(report["triage_accuracy"]["transient_retry_success_rate"]);
    EXPECT_EQ(report["triage_accuracy"]["note"], "Measures how often 'transient' failures succeed on retry");
    expect_count(report["time_range"]["hours"]);
    expect_time(report["time_range"]["start"]);
    expect_time(report["time_range"]["end"]);
    expect_time(report["generated_at"]);
    expect_rate_or_null(report["settled_success_rate"]);
    expect_rate(report["retry_stats"]["first_attempt_success_rate"]);
    expect_rate(report["retry_stats"]["mean_attempts"]);
    expect_count(report["backlog"]["pending"]);
    expect_count(report["backlog"]["near_failure"]);
  }
}

TEST(SummaryJson, OfEveryKind) {
  const json expected = json::parse(R"({
    "top_failing_endpoints": [{"endpoint": "a", "failures": 3, "total": 3, "failure_rate": 100.0}],
    "top_failing_tenants": [
      {"tenant_id": "t", "failures": 2, "total": 3, "failure_rate": 66.7},
      {"tenant_id": "u", "failures": 1, "total": 4, "failure_rate": 25.0}
    ],
    "triage_distribution":
      {"transient_endpoint_down": 2, "permanent_4xx": 1, "rate_limited": 1, "unknown": 2, "unclassified": 3},
    "delivery_stats":
      {"total": 9, "delivered": 3, "failed": 2, "pending": 2, "dead_letter": 1, "success_rate": 33.3},
    "replay_stats":
      {"total_replayed": 4, "replay_successes": 1, "replay_success_rate": 25.0, "counted_from": "attempts"},
    "triage_accuracy": {
      "transient_retry_success_rate": 50.0, "note": "Measures how often 'transient' failures succeed on retry"
    },
    "settled_success_rate": 50.0,
    "retry_stats": {"first_attempt_success_rate": 28.6, "mean_attempts": 1.33},
    "backlog": {"pending": 2, "near_failure": 1, "oldest_pending_seconds": 7201},
    "time_range": {"hours": 24, "start": "2025-11-04T14:30:00Z", "end": "2025-11-05T14:30:00Z"},
    "generated_at": "2025-11-05T14:31:30Z"
  })");
  EXPECT_EQ(summary(every_kind()), expected);
}

TEST(SummaryJson, OfNothing) {
  const json expected = json::parse(R"({
    "top_failing_endpoints": [], "top_failing_tenants": [],
    "triage_distribution":
      {"transient_endpoint_down": 0, "permanent_4xx": 0, "rate_limited": 0, "unknown": 0, "unclassified": 0},
    "delivery_stats": {"total": 0, "delivered": 0, "failed": 0, "pending": 0, "dead_letter": 0, "success_rate": 0.0},
    "replay_stats": {"total_replayed": 0, "replay_successes": 0, "replay_success_rate": 0.0, "counted_from": "attempts"},
    "triage_accuracy": {
      "transient_retry_success_rate": 0.0, "note": "Measures how often 'transient' failures succeed on retry"
    },
    "settled_success_rate": null,
    "retry_stats": {"first_attempt_success_rate": 0.0, "mean_attempts": 0.0},
    "backlog": {"pending": 0, "near_failure": 0, "oldest_pending_seconds": null},
    "time_range": {"hours": 1, "start": "2025-11-05T13:30:00Z", "end": "2025-11-05T14:30:00Z"},
    "generated_at": "2025-11-05T14:31:30Z"
  })");
  EXPECT_EQ(summary({}, window(1)), expected);
  // Nor of what lies outside the window: (start, end].
  EXPECT_EQ(summary({at(kSceneTime - kHour, "t", "a", "failed"), at(kSceneTime + 1, "t", "a", "failed")}, window(1)),
            expected);
}

TEST(SummaryJson, TheEdgesOfTheWindow) {
  const json report =
      summary({at(kSceneTime - kHour + 1, "t", "a", "failed"), at(kSceneTime, "t", "a", "pending")}, window(1));
  EXPECT_EQ(report["delivery_stats"]["total"], 2);
  EXPECT_EQ(report["backlog"]["oldest_pending_seconds"], 0);
}

TEST(SummaryJson, NoNumberIsMissing) {
  expect_no_null(summary({}), {"oldest_pending_seconds", "settled_success_rate"});
  expect_no_null(summary(every_kind()));
  // One delivery of each kind alone, so that every rate has its empty denominator.
  for (const char *status : {"ok", "failed", "dead_letter", "pending", "nope"}) {
    for (const std::int64_t attempts : {Delivery::kNoNumber, std::int64_t{1}, std::int64_t{2}}) {
      expect_no_null(summary({row("t", "a", status, "transient_endpoint_down", attempts)}),
                     {"oldest_pending_seconds", "settled_success_rate"});
    }
  }
}

TEST(SummaryJson, AtMostTenOfEachByFailuresAndName) {
  std::vector<Row> rows;
  for (int i = 0; i < 14; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    rows.insert(rows.end(), i < 12 ? 2 : 3, row(name, name, "failed"));
  }
  const json report = summary(rows);
  const auto names_of = [&](const char *list, const char *key) {
    std::string names;
    for (const json &group : report[list]) names += group[key].get<std::string>();
    return names;
  };
  EXPECT_EQ(names_of("top_failing_endpoints", "endpoint"), "mnabcdefgh");
  EXPECT_EQ(names_of("top_failing_tenants", "tenant_id"), "mnabcdefgh");
}

TEST(SummaryJson, NamesThatAreMissingOrNoUtf8) {
  const json report = summary({row(std::nullopt, std::nullopt, "failed"), row("\xff", "a\xc3", "failed"),
                               row("\xff", "a\xc3", "failed"), row("\"\\\n", "é", "failed"),
                               row("\"\\\n", "é", "failed"), row("\"\\\n", "é", "failed")});
  EXPECT_EQ(report["top_failing_tenants"][0]["tenant_id"], "\"\\\n");
  EXPECT_EQ(report["top_failing_endpoints"][0]["endpoint"], "é");
  EXPECT_EQ(report["top_failing_tenants"][1]["tenant_id"], "\xef\xbf\xbd");
  EXPECT_EQ(report["top_failing_endpoints"][1]["endpoint"], "a\xef\xbf\xbd");
  EXPECT_TRUE(report["top_failing_tenants"][2]["tenant_id"].is_null());
  EXPECT_TRUE(report["top_failing_endpoints"][2]["endpoint"].is_null());
}

TEST(SummaryJson, LargeCountsAreWhole) {
  Tally all;
  all.counts[static_cast<std::size_t>(Counter::kTotal)] = kMaxCount;
  all.counts[static_cast<std::size_t>(Counter::kDelivered)] = kMaxCount - 1;
  all.counts[static_cast<std::size_t>(Counter::kPending)] = 1;
  all.counts[static_cast<std::size_t>(Counter::kPendingSeconds)] = std::uint64_t{1} << 33;
  const std::pmr::vector<FailingGroup> none(heap());
  ByteWriter out(heap());
  write_summary_json({window(), all, {0, 0, false}, &none, &none}, out);
  const std::string text(out.written());
  EXPECT_TRUE(contains(text, R"("total":9007199254740992)")) << text;
  EXPECT_TRUE(contains(text, R"("delivered":9007199254740991)")) << text;
  EXPECT_TRUE(contains(text, R"("unclassified":9007199254740992)")) << text;
  EXPECT_TRUE(contains(text, R"("oldest_pending_seconds":8589934592)")) << text;
  EXPECT_TRUE(contains(text, R"("success_rate":100.0)")) << text;
}

TEST(SummaryJson, RatesRoundHalvesUp) {
  std::vector<Row> rows(15, row("t", "a", "ok"));
  rows.push_back(row("t", "a", "failed"));
  const std::string text = summary_text(rows);
  EXPECT_TRUE(contains(text, R"("failure_rate":6.3)")) << text;   // 6.25
  EXPECT_TRUE(contains(text, R"("success_rate":93.8)")) << text;  // 93.75
}

// The trends

TEST(TrendsJson, ExactKeysAndTypes) {
  for (const auto &rows : {every_kind(), std::vector<Row>()}) {
    const json report = trends(rows, 1);
    EXPECT_EQ(keys_of(report), (Keys{"intervals", "interval_hours", "total_hours", "generated_at"}));
    expect_count(report["interval_hours"]);
    expect_count(report["total_hours"]);
    expect_time(report["generated_at"]);
    ASSERT_EQ(report["intervals"].size(), 24U);
    for (const json &interval : report["intervals"]) {
      EXPECT_EQ(keys_of(interval),
                (Keys{"timestamp", "total_deliveries", "failures", "success_rate", "settled_success_rate"}));
      expect_time(interval["timestamp"]);
      expect_count(interval["total_deliveries"]);
      expect_count(interval["failures"]);
      expect_rate(interval["success_rate"]);
      expect_rate_or_null(interval["settled_success_rate"]);
    }
    expect_no_null(report, {"settled_success_rate"});
  }
}

TEST(TrendsJson, OldestFirstWithAShorterRest) {
  const std::vector<Row> rows = {
      at(kSceneTime, "t", "a", "failed"),
      at(kSceneTime - 2 * kHour + 1, "t", "a", "ok"),
      at(kSceneTime - 2 * kHour, "t", "b", "dead_letter"),
      at(kSceneTime - 2 * kHour, "t", "b", "pending"),
      at(kSceneTime - 4 * kHour + 1, "u", "b", "nope"),
      at(kSceneTime - 5 * kHour + 1, "u", "b", "ok"),
      at(kSceneTime - 5 * kHour, "u", "b", "failed"),
  };
  const json expected = json::parse(R"({
    "intervals": [
      {"timestamp": "2025-11-05T09:30:00Z", "total_deliveries": 1, "failures": 0, "success_rate": 100.0,
       "settled_success_rate": 100.0},
      {"timestamp": "2025-11-05T10:30:00Z", "total_deliveries": 3, "failures": 1, "success_rate": 66.7,
       "settled_success_rate": 0.0},
      {"timestamp": "2025-11-05T12:30:00Z", "total_deliveries": 2, "failures": 1, "success_rate": 50.0,
       "settled_success_rate": 50.0}
    ],
    "interval_hours": 2, "total_hours": 5, "generated_at": "2025-11-05T14:31:30Z"
  })");
  EXPECT_EQ(trends(rows, 2, window(5)), expected);
}

TEST(TrendsJson, AnEmptyIntervalHasNoSuccess) {
  const json report = trends({}, 24);
  EXPECT_TRUE(report["intervals"][0]["settled_success_rate"].is_null());
  ASSERT_EQ(report["intervals"].size(), 1U);
  EXPECT_EQ(report["intervals"][0]["success_rate"], 0.0);
  EXPECT_EQ(report["intervals"][0]["total_deliveries"], 0);
  EXPECT_EQ(report["intervals"][0]["timestamp"], "2025-11-04T14:30:00Z");
}

// The original takes what waits for a success; settled_success_rate does not know yet.
TEST(TrendsJson, WhatWaitsHasNotSettled) {
  const json interval = trends({at(kSceneTime, "t", "a", "pending")}, 24)["intervals"][0];
  EXPECT_EQ(interval["success_rate"], 100.0);
  EXPECT_TRUE(interval["settled_success_rate"].is_null());
}

TEST(TrendsJson, AddsUpToTheSummary) {
  std::vector<Row> rows;
  for (int minute = 0; minute < 24 * 60; minute += 7) {
    rows.push_back(at(kSceneTime - minute * kMinute, "t", "a", minute % 3 == 0 ? "failed" : "ok"));
  }
  const json stats = summary(rows)["delivery_stats"];
  for (const int interval : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 23, 24, 25}) {
    std::uint64_t total = 0;
    std::uint64_t failures = 0;
    const json report = trends(rows, interval);
    for (const json &bucket : report["intervals"]) {
      total += bucket["total_deliveries"].get<std::uint64_t>();
      failures += bucket["failures"].get<std::uint64_t>();
    }
    EXPECT_EQ(total, stats["total"]) << interval;
    EXPECT_EQ(failures, stats["failed"]) << interval;
  }
}

// The history

TEST(HistoryJson, ExactKeysAndTypes) {
  const json report = history({snapshot(kSceneTime, {incident(true), incident(false)})});
  EXPECT_EQ(keys_of(report), (Keys{"snapshots", "hours_analyzed", "generated_at"}));
  expect_count(report["hours_analyzed"]);
  expect_time(report["generated_at"]);
  ASSERT_EQ(report["snapshots"].size(), 1U);
  const json &first = report["snapshots"][0];
  EXPECT_EQ(keys_of(first), (Keys{"timestamp", "incident_count", "critical_count", "incidents"}));
  expect_time(first["timestamp"]);
  expect_count(first["incident_count"]);
  expect_count(first["critical_count"]);
  ASSERT_EQ(first["incidents"].size(), 2U);
  for (const json &of : first["incidents"]) EXPECT_EQ(keys_of(of), kIncidentKeys);
  expect_no_null(report);
}

TEST(HistoryJson, OfNothing) {
  const json expected =
      json::parse(R"({"snapshots": [], "hours_analyzed": 168, "generated_at": "2025-11-05T14:31:30Z"})");
  EXPECT_EQ(history({}, 168), expected);
}

TEST(HistoryJson, SnapshotsInTheirOrder) {
  const json report = history(
      {snapshot(kSceneTime, {incident(true)}), snapshot(kSceneTime - 3 * kHour, {incident(false), incident(false)})});
  const json expected = json::parse(R"([
    ["2025-11-05T14:30:00Z", 1, 1, ["2025-11-05T14:30:00Z"]],
    ["2025-11-05T11:30:00Z", 2, 0, ["2025-11-05T11:30:00Z", "2025-11-05T11:30:00Z"]]
  ])");
  json told = json::array();
  for (const json &of : report["snapshots"]) {
    json times = json::array();
    for (const json &one : of["incidents"]) times.push_back(one["detected_at"]);
    told.push_back({of["timestamp"], of["incident_count"], of["critical_count"], times});
  }
  EXPECT_EQ(told, expected);
}

// But all of them are counted.
TEST(HistoryJson, TheGravestFiveIncidents) {
  const Detection detection = plan_detection(Method::kReference, kSceneTime, 5 * kMinute, 60 * kMinute);
  const HistoryPlan plan = plan_history(detection, 1, kHour);
  const auto edges = detection_edges(detection, heap());
  const std::string shape =
      empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), detection_counters(detection.method));
  const char *const listed[] = {"a", "ab", "cab", "dcab", "edcab", "fedca", "gfedc", "hgfed"};
  std::vector<Row> rows;
  for (int i = 0; i < 8; ++i) {
    // 20 now and none before; all but two of them are clusters as well, the last one the largest.
    const std::string endpoint(1, static_cast<char>('a' + i));
    const int failures = i < 2 ? 0 : 12 + i;
    rows.insert(rows.end(), static_cast<std::size_t>(failures), at(kSceneTime, "t", endpoint, "failed"));
    rows.insert(rows.end(), static_cast<std::size_t>(20 - failures), at(kSceneTime, "t", endpoint, "ok"));
    const std::string flat = roll_up(shape, rows);
    std::pmr::monotonic_buffer_resource arena(heap());
    Poll poll;
    History evaluations(flat, plan, poll, &arena);
    Snapshots snapshots;
    snapshots.push_back(evaluations.finish(0, kIncidentsOfSnapshot, true, poll, &arena));
    const json of = history(snapshots)["snapshots"][0];
    EXPECT_EQ(of["incident_count"], i + 1);
    EXPECT_EQ(of["critical_count"], std::max(0, i - 1));
    std::string endpoints;
    for (const json &one : of["incidents"]) endpoints += one["endpoint"].get<std::string>();
    EXPECT_EQ(endpoints, listed[i]);
  }
}

TEST(HistoryJson, AnIncidentIsThatOfTheReportOfItsTime) {
  std::vector<Anomaly> anomalies = {incident(true), incident(false)};
  anomalies[1].tenant = anomalies[1].endpoint = Text();
  anomalies[1].spike = false;
  anomalies[1].silence = true;
  anomalies[1].spike_multiplier.reset();
  anomalies[1].message = "\xff";
  const Detection detection = plan_detection(Method::kReference, kSceneTime - 7 * kMinute, 5 * kMinute, 60 * kMinute);
  Poll poll;
  ByteWriter current(heap());
  write_anomalies_json(anomalies.data(), anomalies.size(), detection, current, poll);
  const json told = history({snapshot(detection.as_of, anomalies)});
  EXPECT_EQ(told["snapshots"][0]["incidents"], json::parse(current.written())["incidents"]);
}
