// The explanation of an endpoint says what the report on all of them says.
#include "explain.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "scene.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Lines = std::map<std::string, std::string>;  // "part: item" to value

Lines explain_flat(const std::string &flat, const Detection &detection, const Value &tenant, const Value &endpoint) {
  Poll poll;
  std::pmr::monotonic_buffer_resource arena(heap());
  Lines lines;
  for (const Explanation &line : explain(flat, detection, text_of(tenant), text_of(endpoint), poll, &arena)) {
    const auto [at, is_new] = lines.emplace(std::string(line.part) + ": " + std::string(line.item), line.value);
    EXPECT_TRUE(is_new) << at->first << " is said twice";
    EXPECT_NE(line.meaning, nullptr);
  }
  return lines;
}

Lines explain_scene(const Scene &scene, const Value &tenant, const Value &endpoint) {
  return explain_flat(scene.flat(), scene.detection, tenant, endpoint);
}

std::string verdict_of(const Anomaly &anomaly) {
  if (anomaly.failure_cluster)
    return anomaly.spike ? "critical: failure cluster and spike" : "critical: failure cluster";
  return anomaly.spike ? "warning: spike" : "warning: silence";
}

// Endpoints that surge, fail, fall silent, do several of these or nothing of the kind.
Scene random_scene(Method method, std::mt19937_64 &random) {
  Scene scene(method);
  const int slots = method == Method::kRate ? scene.detection.blocks() + 4 : 2;
  for (int i = 0; i < 40; ++i) {
    const std::string tenant = "t" + std::to_string(i % 7);
    const std::string endpoint = "e" + std::to_string(i);
    const int level = static_cast<int>(below(random, 4)) * 4;
    const int now = static_cast<int>(below(random, 4)) * level * 2;
    for (int slot = 0; slot < slots; ++slot) {
      const bool recent = slot >= slots - (method == Method::kRate ? 2 : 1);
      scene.put(tenant, endpoint, slot, recent ? now : level);
      scene.put(tenant, endpoint, slot, below(random, 3) == 0 && recent ? now / 2 : 0, "failed");
    }
  }
  return scene;
}

void expect_like_the_report(const Scene &scene) {
  const Found found(scene);
  std::map<Key, std::string> verdicts;
  for (const Anomaly &anomaly : found) {
    if (!anomaly.fleet) verdicts[{value_of(anomaly.tenant), value_of(anomaly.endpoint)}] = verdict_of(anomaly);
  }
  const std::string flat = scene.flat();
  for (const auto &[key, slots] : read_cells(flat)) {
    const Lines lines = explain_flat(flat, scene.detection, key.first, key.second);
    EXPECT_EQ(lines.at("verdict: verdict"), verdicts.count(key) != 0 ? verdicts.at(key) : "none") << *key.second;
  }
}

// A rollup with one cell in each slot, all counters as large as they may be.
std::string largest_counts(const Detection &detection) {
  const auto edges = detection_edges(detection, heap());
  const CounterSet counters = detection_counters(detection.method);
  ByteWriter out(heap());
  const std::string shape = empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), counters);
  out.put_bytes(std::string_view(shape).substr(0, shape.size() - 1));
  out.put_varint(1);
  out.put_byte(0);
  out.put_text("t");
  out.put_text("e");
  out.put_varint(edges.size() - 1);
  for (std::size_t slot = 0; slot + 1 < edges.size(); ++slot) {
    out.put_varint(0);
    out.put_varint(counters);
    for (CounterSet set = counters; set != 0; set &= set - 1) out.put_varint(kMaxCount);
  }
  return std::string(out.written());
}

}  // namespace

TEST(Explain, AgreesWithTheReport) {
  std::mt19937_64 random(20251105);
  for (int round = 0; round < 10; ++round) {
    for (const Method method : {Method::kRate, Method::kReference}) {
      Scene scene = random_scene(method, random);
      expect_like_the_report(scene);
      scene.detection.partial_view = true;
      expect_like_the_report(scene);
      scene.detection.judge_silence = false;
      expect_like_the_report(scene);
    }
  }
}

TEST(Explain, EveryInputOfASpike) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 5);
  scene.put_recent("acme", "hook", 50, 55);
  const Lines lines = explain_scene(scene, "acme", "hook");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"windows: method", "rate"},
      {"windows: as_of", "2025-11-05T14:30:00Z"},
      {"windows: recent", "5 min"},
      {"windows: baseline", "60 min"},
      {"inputs: recent_count", "50"},
      {"inputs: triple_count", "55"},
      {"inputs: baseline_count", "60"},
      {"inputs: peak_block", "5"},
      {"inputs: peak_triple", "15"},
      {"inputs: least_triple", "15"},
      {"inputs: sum_of_squares", "300"},
      {"inputs: baseline_settled", "60"},
      {"inputs: baseline_failures", "0"},
      {"inputs: dispersion", "1.500000"},
      {"inputs: fleet_factor", "1.000000"},
      {"spike: log10_p 5 min", "-12.873133"},
      {"spike: spike_detected", "yes"},
      {"spike: reason", "flagged"},
      {"failure cluster: failed 1 min", "0 of 10"},
      {"failure cluster: failed 60 min", "0 of 100"},
      {"failure cluster: failure_cluster_detected", "no"},
      {"silence: silence_detected", "no"},
      {"silence: reason", "not silent"},
      {"verdict: verdict", "warning: spike"},
  };
  for (const auto &[item, value] : expected) {
    ASSERT_EQ(lines.count(item), 1U) << item;
    EXPECT_EQ(lines.at(item), value) << item;
  }
}

TEST(Explain, AnEndpointThatIsNotThere) {
  for (const Method method : {Method::kRate, Method::kReference}) {
    Scene scene(method);
    scene.put("acme", "hook", 1, 5);
    for (const Key &key : std::vector<Key>{{"acme", "other"}, {"acme", {}}, {{}, "hook"}, {"", ""}}) {
      const Lines lines = explain_scene(scene, key.first, key.second);
      EXPECT_EQ(lines.at("inputs: recent_count"), "0");
      EXPECT_EQ(lines.at("inputs: baseline_count"), "0");
      EXPECT_EQ(lines.at("verdict: verdict"), "none");
    }
  }
}

TEST(Explain, MissingTenantAndEndpoint) {
  Scene scene(Method::kReference);
  scene.put({}, {}, 1, 5);
  scene.put("", "", 1, 9);
  EXPECT_EQ(explain_scene(scene, {}, {}).at("inputs: recent_count"), "5");
  EXPECT_EQ(explain_scene(scene, "", "").at("inputs: recent_count"), "9");
}

TEST(Explain, TheFleet) {
  Scene scene(Method::kRate);
  for (int i = 0; i < 20; ++i) {
    scene.put_baseline("t" + std::to_string(i % 5), "e" + std::to_string(i), 10);
    if (i >= 15) scene.put_recent("t" + std::to_string(i % 5), "e" + std::to_string(i), 10, 30);
  }
  const Lines lines = explain_scene(scene, "t0", "e0");
  EXPECT_EQ(lines.at("silence: fleet"), "15 of 20 silent");
  EXPECT_EQ(lines.at("silence: silence_detected"), "no");
  EXPECT_EQ(lines.at("verdict: verdict"), "none");

  scene.detection.partial_view = true;
  EXPECT_EQ(explain_scene(scene, "t0", "e0").at("verdict: verdict"), "warning: silence");
  scene.detection.judge_silence = false;
  EXPECT_EQ(explain_scene(scene, "t0", "e0").at("silence: reason"), "not judged");
}

// Users keep rollups, so an explanation must bear whatever passes as one; and q is a number that fits no integer then.
TEST(Explain, LargestCounts) {
  for (const Method method : {Method::kRate, Method::kReference}) {
    const Detection detection = plan_detection(method, kSceneTime, 5 * kMinute, 60 * kMinute);
    const std::string flat = largest_counts(detection);
    validate(flat);
    const Lines lines = explain_flat(flat, detection, "t", "e");
    if (method == Method::kReference) continue;
    EXPECT_EQ(lines.at("inputs: peak_block"), "9007199254740992");
    const double most = static_cast<double>(kMaxCount);
    EXPECT_DOUBLE_EQ(std::strtod(lines.at("inputs: sum_of_squares").c_str(), nullptr), 12 * most * most);
  }
}
