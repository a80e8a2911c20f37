// The JSON of `GET /anomalies/current`: its keys, its types, its numbers.
#include "anomalies_json.hpp"
#include "json_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "scene.hpp"

using namespace insights;
using namespace insights::test;
using nlohmann::json;

namespace {

std::string anomalies_json(const Anomaly *anomalies, std::size_t count, const Detection &of) {
  Poll poll;
  ByteWriter out(heap());
  write_anomalies_json(anomalies, count, of, out, poll);
  return std::string(out.written());
}

const std::set<std::string> kIncidentKeys = {
    "tenant_id",         "endpoint",           "severity",
    "recent_count",      "baseline_count",     "recent_failures",
    "baseline_failures", "spike_detected",     "failure_cluster_detected",
    "spike_multiplier",  "failure_multiplier", "message",
    "detected_at",
};

std::set<std::string> keys_of(const json &object) {
  std::set<std::string> keys;
  for (const auto &item : object.items()) keys.insert(item.key());
  return keys;
}

Detection detection(Duration recent = 5 * kMinute, Duration baseline = 60 * kMinute) {
  return plan_detection(Method::kReference, kSceneTime, recent, baseline);
}

std::string text_of(const std::vector<Anomaly> &anomalies, const Detection &of = detection()) {
  return anomalies_json(anomalies.data(), anomalies.size(), of);
}

Anomaly cluster() {
  Anomaly anomaly;
  anomaly.tenant = "tenant-1";
  anomaly.endpoint = "https://example.org/hook";
  anomaly.spike = true;
  anomaly.failure_cluster = true;
  anomaly.recent_count = 120;
  anomaly.baseline_count = 10;
  anomaly.recent_failures = 115;
  anomaly.baseline_failures = 2;
  anomaly.spike_multiplier = 12.0;
  anomaly.failure_multiplier = 57.5;
  anomaly.message = "🚨 …";
  return anomaly;
}

Anomaly silence() {
  Anomaly anomaly = cluster();
  anomaly.spike = anomaly.failure_cluster = false;
  anomaly.silence = true;
  return anomaly;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(AnomaliesJson, WorkedExampleFromRows) {
  Scene scene(Method::kReference);
  scene.put("tenant-1", "https://example.org/hook", 0, 8);
  scene.put("tenant-1", "https://example.org/hook", 0, 2, "failed");
  scene.put("tenant-1", "https://example.org/hook", 1, 5);
  scene.put("tenant-1", "https://example.org/hook", 1, 115, "failed");
  const Found found(scene);
  const json expected = json::parse(R"({
    "incidents": [{
      "tenant_id": "tenant-1", "endpoint": "https://example.org/hook", "severity": "critical",
      "recent_count": 120, "baseline_count": 10, "recent_failures": 115, "baseline_failures": 2,
      "spike_detected": true, "failure_cluster_detected": true, "spike_multiplier": 12.0, "failure_multiplier": 57.5,
      "message": "🚨 Failure Cluster: 115 failures to https://example.org/hook (57.5x normal) – Tenant: tenant-1",
      "detected_at": "2025-11-05T14:30:00Z"
    }],
    "summary": {"total_incidents": 1, "critical_incidents": 1, "warning_incidents": 0},
    "window_minutes": 5, "baseline_minutes": 60, "detected_at": "2025-11-05T14:30:00Z"
  })");
  EXPECT_EQ(json::parse(anomalies_json(found.data(), found.size(), scene.detection)), expected);
}

TEST(AnomaliesJson, ExactKeys) {
  const json report = json::parse(text_of({cluster()}));
  EXPECT_EQ(keys_of(report),
            (std::set<std::string>{"incidents", "summary", "window_minutes", "baseline_minutes", "detected_at"}));
  EXPECT_EQ(keys_of(report["summary"]),
            (std::set<std::string>{"total_incidents", "critical_incidents", "warning_incidents"}));
  EXPECT_EQ(keys_of(report["incidents"][0]), kIncidentKeys);
}

TEST(AnomaliesJson, OnlyASilenceSaysSo) {
  const json report = json::parse(text_of({cluster(), silence()}));
  EXPECT_EQ(keys_of(report["incidents"][0]), kIncidentKeys);
  auto with_silence = kIncidentKeys;
  with_silence.insert("silence_detected");
  EXPECT_EQ(keys_of(report["incidents"][1]), with_silence);
  EXPECT_EQ(report["incidents"][1]["silence_detected"], true);
}

TEST(AnomaliesJson, NothingFound) {
  const json report = json::parse(anomalies_json(nullptr, 0, detection()));
  EXPECT_EQ(report["incidents"], json::array());
  EXPECT_EQ(report["summary"], json::parse(R"({"total_incidents":0,"critical_incidents":0,"warning_incidents":0})"));
}

TEST(AnomaliesJson, Summary) {
  const json report = json::parse(text_of({cluster(), cluster(), silence()}));
  EXPECT_EQ(report["summary"], json::parse(R"({"total_incidents":3,"critical_incidents":2,"warning_incidents":1})"));
  EXPECT_EQ(report["incidents"][1]["severity"], "critical");
  EXPECT_EQ(report["incidents"][2]["severity"], "warning");
}

TEST(AnomaliesJson, NumbersAreWritten) {
  const std::string text = text_of({cluster()});
  EXPECT_TRUE(contains(text, R"("spike_multiplier":12.0)")) << text;
  EXPECT_TRUE(contains(text, R"("failure_multiplier":57.5)")) << text;
  EXPECT_TRUE(contains(text, R"("recent_count":120,)")) << text;
  Anomaly anomaly = cluster();
  anomaly.spike_multiplier = 0.33;
  anomaly.recent_count = std::uint64_t{1} << 53;
  EXPECT_TRUE(contains(text_of({anomaly}), R"("spike_multiplier":0.33)"));
  EXPECT_TRUE(contains(text_of({anomaly}), R"("recent_count":9007199254740992)"));
}

TEST(AnomaliesJson, NullWhereThereIsNothing) {
  Anomaly anomaly = cluster();
  anomaly.tenant = anomaly.endpoint = Text();
  anomaly.spike_multiplier.reset();
  anomaly.failure_multiplier.reset();
  const json incident = json::parse(text_of({anomaly}))["incidents"][0];
  EXPECT_EQ(keys_of(incident), kIncidentKeys);
  for (const char *key : {"tenant_id", "endpoint", "spike_multiplier", "failure_multiplier"}) {
    EXPECT_TRUE(incident[key].is_null()) << key;
  }
  anomaly.tenant = anomaly.endpoint = "";
  EXPECT_EQ(json::parse(text_of({anomaly}))["incidents"][0]["tenant_id"], "");
}

TEST(AnomaliesJson, TextsAreEscaped) {
  Anomaly anomaly = cluster();
  anomaly.tenant = "a \"quoted\" \\ tenant\n\x01";
  anomaly.endpoint = "é 🚨";
  const json incident = json::parse(text_of({anomaly}))["incidents"][0];
  EXPECT_EQ(incident["tenant_id"], std::string(anomaly.tenant));
  EXPECT_EQ(incident["endpoint"], "é 🚨");
}

TEST(AnomaliesJson, BytesThatAreNoUtf8AreReplaced) {
  const std::vector<std::string> texts = {"\xff",     "a\xe9",           "\xc3", "\xf0\x9f\x9a", "\xed\xa0\x80",
                                          "\xc0\xaf", "\xf5\x80\x80\x80"};
  for (const std::string &text : texts) {
    Anomaly anomaly = cluster();
    anomaly.tenant = anomaly.endpoint = anomaly.message = text;
    const std::string report = text_of({anomaly});
    EXPECT_TRUE(json::accept(report));
    const auto tenant = json::parse(report)["incidents"][0]["tenant_id"].get<std::string>();
    EXPECT_TRUE(contains(tenant, "\xef\xbf\xbd")) << tenant;
  }
}

TEST(AnomaliesJson, MinutesOfTheWindows) {
  struct Example {
    Duration recent, baseline;
    const char *recent_text, *baseline_text;
  };
  const std::vector<Example> examples = {
      {5 * kMinute, 60 * kMinute, R"("window_minutes":5})", R"("baseline_minutes":60,)"},
      {90 * kSecond, 10 * kMinute, R"("window_minutes":1.5})", R"("baseline_minutes":10,)"},
      {30 * kSecond, 615 * kSecond, R"("window_minutes":0.5})", R"("baseline_minutes":10.25,)"},
      {24 * 60 * kMinute, 7 * 24 * 60 * kMinute, R"("window_minutes":1440})", R"("baseline_minutes":10080,)"},
  };
  for (const Example &example : examples) {
    const std::string text = text_of({}, detection(example.recent, example.baseline));
    EXPECT_TRUE(contains(text, example.recent_text)) << text;
    EXPECT_TRUE(contains(text, example.baseline_text)) << text;
  }
}

TEST(AnomaliesJson, TheBaselineThatWasUsed) {
  const Detection cut = plan_detection(Method::kRate, kSceneTime, 5 * kMinute, 70 * kMinute);
  EXPECT_EQ(json::parse(text_of({}, cut))["baseline_minutes"], 60);
}

TEST(IsoTime, WholeSecondsRoundedDown) {
  const std::vector<std::pair<Timestamp, std::string>> examples = {
      {0, "2000-01-01T00:00:00Z"},
      {1, "2000-01-01T00:00:00Z"},
      {999999, "2000-01-01T00:00:00Z"},
      {kSecond, "2000-01-01T00:00:01Z"},
      {-1, "1999-12-31T23:59:59Z"},
      {-999999, "1999-12-31T23:59:59Z"},
      {-kSecond, "1999-12-31T23:59:59Z"},
      {-kSecond - 1, "1999-12-31T23:59:58Z"},
      {kSceneTime, "2025-11-05T14:30:00Z"},
      {kSceneTime + 999999, "2025-11-05T14:30:00Z"},
      {-946684800 * kSecond, "1970-01-01T00:00:00Z"},
      {-946684800 * kSecond - 1, "1969-12-31T23:59:59Z"},
      {5097600 * kSecond, "2000-02-29T00:00:00Z"},
      {252455615999 * kSecond, "9999-12-31T23:59:59Z"},
  };
  for (const auto &[time, text] : examples) EXPECT_EQ(iso_time(time), text) << time;
}

TEST(IsoTime, YearsHaveFourDigits) {
  EXPECT_EQ(iso_time(-31556995200 * kSecond), "0999-12-31T00:00:00Z");
  EXPECT_EQ(iso_time(-63082281600 * kSecond), "0001-01-01T00:00:00Z");
  // Year 0 is 1 BC.
  EXPECT_EQ(iso_time(-63082281600 * kSecond - 1), "0000-12-31T23:59:59Z");
  EXPECT_EQ(iso_time(-64464508800 * kSecond), "-0043-03-15T00:00:00Z");
  EXPECT_EQ(iso_time(-211813488000 * kSecond), "-4713-11-24T00:00:00Z");
}
