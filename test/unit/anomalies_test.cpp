// From rows to anomalies, end to end: what is found, its figures, its order, and what the whole fleet does.
#include "anomalies.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scene.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr double kSixDecimals = 5.1e-7;

// Endpoints that fall silent, or go on, after a steady hour.
void put_steady(Scene &scene, int silent, int going_on) {
  for (int i = 0; i < silent + going_on; ++i) {
    const std::string endpoint = "e" + std::to_string(i);
    scene.put_baseline("t", endpoint, 10);
    if (i >= silent) scene.put_recent("t", endpoint, 10, 30);
  }
}

// Endpoints of several tenants that all surge tenfold, which would be a spike of each.
void put_surge(Scene &scene, int groups, int tenants, int per_block = 5, int recent = 50) {
  for (int i = 0; i < groups; ++i) {
    const std::string tenant = "t" + std::to_string(i % tenants);
    const std::string endpoint = "e" + std::to_string(i);
    scene.put_baseline(tenant, endpoint, per_block);
    scene.put_recent(tenant, endpoint, recent, recent + 2 * per_block);
  }
}

std::vector<Key> keys_of(const Found &found) {
  std::vector<Key> keys;
  for (const Anomaly &anomaly : found) keys.emplace_back(value_of(anomaly.tenant), value_of(anomaly.endpoint));
  return keys;
}

std::string kinds_of(const Anomaly &anomaly) {
  std::string kinds = anomaly.fleet ? "fleet " : "";
  kinds += anomaly.spike ? "spike " : "";
  kinds += anomaly.failure_cluster ? "cluster " : "";
  kinds += anomaly.silence ? "silence " : "";
  return kinds;
}

std::size_t count_kind(const Found &found, const std::string &kinds) {
  return static_cast<std::size_t>(
      std::count_if(found.begin(), found.end(), [&](const Anomaly &anomaly) { return kinds_of(anomaly) == kinds; }));
}

// Counts of an endpoint, as FleetSurvey sees them.
RateCounts survey_counts(std::uint64_t recent, std::uint64_t baseline, int blocks = 12) {
  RateCounts counts;
  counts.blocks = blocks;
  counts.recent = recent;
  counts.baseline = baseline;
  return counts;
}

// The fleet factor of groups with these recent counts, five of them of each tenant, after 120 in the baseline.
Fleet survey(const std::vector<std::uint64_t> &recents, bool partial = false, std::uint64_t baseline = 120) {
  Detection detection = plan_detection(Method::kRate, kSceneTime, 5 * kMinute, 60 * kMinute);
  detection.partial_view = partial;
  FleetSurvey fleet(detection, heap());
  for (std::size_t i = 0; i < recents.size(); ++i) {
    const std::string tenant(1, static_cast<char>('a' + i / 4));
    static std::vector<std::string> names;
    names.reserve(1000);  // whatever the survey remembers stays where it is
    names.push_back(tenant);
    fleet.add(names.back(), survey_counts(recents[i], baseline), SilenceVerdict());
  }
  return fleet.finish();
}

}  // namespace

// Figures

TEST(Anomalies, OfASpike) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 5);
  scene.put_recent("acme", "hook", 50, 55);
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  const Anomaly &spike = found[0];
  EXPECT_EQ(kinds_of(spike), "spike ");
  EXPECT_FALSE(spike.critical());
  EXPECT_EQ(spike.tenant, "acme");
  EXPECT_EQ(spike.endpoint, "hook");
  EXPECT_EQ(spike.recent_count, 50U);
  EXPECT_EQ(spike.baseline_count, 60U);
  EXPECT_EQ(spike.recent_failures, 0U);
  EXPECT_EQ(spike.baseline_failures, 0U);
  EXPECT_EQ(spike.expected_count, 5);
  EXPECT_EQ(spike.expected_failures, 0);
  EXPECT_EQ(spike.spike_multiplier, 10.0);
  EXPECT_EQ(spike.failure_multiplier, std::nullopt);
  EXPECT_NEAR(spike.score, 12.873133, kSixDecimals);
  EXPECT_EQ(spike.window, 5 * kMinute);
  EXPECT_EQ(spike.message, "⚠️ Traffic Spike: 50 deliveries to hook (10.0x normal) – Tenant: acme");
}

TEST(Anomalies, OfAFailureCluster) {
  Scene scene(Method::kRate);  // 1:4/20 5:20/100 15:21/300 60:30/1200; 10/1200
  const std::vector<int> failures = {1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
  for (int slot = 0; slot < 14; ++slot) {
    scene.put("acme", "hook", slot, 100 - failures[static_cast<std::size_t>(slot)]);
    scene.put("acme", "hook", slot, failures[static_cast<std::size_t>(slot)], "failed");
  }
  scene.put("acme", "hook", 14, 64);
  scene.put("acme", "hook", 14, 16, "dead_letter");
  scene.put("acme", "hook", 15, 16);
  scene.put("acme", "hook", 15, 4, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  const Anomaly &cluster = found[0];
  EXPECT_EQ(kinds_of(cluster), "cluster ");
  EXPECT_TRUE(cluster.critical());
  EXPECT_EQ(cluster.recent_count, 100U);
  EXPECT_EQ(cluster.baseline_count, 1200U);
  EXPECT_EQ(cluster.recent_failures, 20U);
  EXPECT_EQ(cluster.baseline_failures, 10U);
  EXPECT_EQ(cluster.expected_count, 100);
  EXPECT_DOUBLE_EQ(cluster.expected_failures, 10.0 / 12);
  EXPECT_EQ(cluster.spike_multiplier, 1.0);
  EXPECT_EQ(cluster.failure_multiplier, 24.0);
  EXPECT_NEAR(cluster.score, 5.717324, kSixDecimals);
  EXPECT_EQ(cluster.window, 5 * kMinute);
  EXPECT_EQ(cluster.message, "🚨 Failure Cluster: 20 failures to hook (24.0x normal) – Tenant: acme");
}

TEST(Anomalies, OfASlowFailureCluster) {
  Scene scene(Method::kRate);  // 5:1/1 15:2/2 60:6/6; 4/4
  for (const int slot : {4, 6, 8, 10, 13, 14}) scene.put({}, {}, slot, 1, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(kinds_of(found[0]), "cluster ");
  EXPECT_NEAR(found[0].score, 6.244944, kSixDecimals);
  EXPECT_EQ(found[0].window, 60 * kMinute);
  EXPECT_EQ(found[0].recent_failures, 1U);
  EXPECT_EQ(found[0].failure_multiplier, 3.0);
  EXPECT_TRUE(is_null(found[0].tenant));
  EXPECT_TRUE(is_null(found[0].endpoint));
}

// Over for the last five minutes, and still an outage: the message says so by the window that decided.
TEST(Anomalies, TheMessageTellsWhatDecided) {
  Scene scene(Method::kRate);
  scene.put_baseline("t", "down", 10);
  scene.put("t", "down", 12, 10, "failed");
  scene.put("t", "down", 13, 10, "failed");
  scene.put_baseline("t", "up", 100);
  scene.put_recent("t", "up", 40, 1240);
  const Found found(scene);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].recent_failures, 0U);
  EXPECT_EQ(found[0].message, "🚨 Failure Cluster: 20 failures in 15 minutes to down (new) – Tenant: t");
  EXPECT_EQ(found[1].message, "⚠️ Traffic Spike: 1240 deliveries in 15 minutes to up (4.13x normal) – Tenant: t");
}

TEST(Anomalies, OfSilence) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 10);
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  const Anomaly &silence = found[0];
  EXPECT_EQ(kinds_of(silence), "silence ");
  EXPECT_FALSE(silence.critical());
  EXPECT_EQ(silence.recent_count, 0U);
  EXPECT_EQ(silence.baseline_count, 120U);
  EXPECT_EQ(silence.expected_count, 10);
  EXPECT_EQ(silence.spike_multiplier, 0.0);
  EXPECT_NEAR(silence.score, 7.752801, kSixDecimals);  // 0.8^(120 / 1.5)
  EXPECT_EQ(silence.window, 15 * kMinute);
  EXPECT_EQ(silence.message, "⚠️ Silence: no deliveries to hook for 15 minutes (30.0 expected) – Tenant: acme");
}

TEST(Anomalies, ADeliveryInTheGuardBandIsNoSilence) {
  for (const int slot : {12, 13, 14, 15}) {
    Scene scene(Method::kRate);
    scene.put_baseline("acme", "hook", 10);
    scene.put("acme", "hook", slot, 1);
    EXPECT_EQ(Found(scene).size(), 0U) << slot;
  }
}

TEST(Anomalies, TheGraverVerdictDecidesTheScore) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 5);
  scene.put("acme", "hook", 14, 2000);
  scene.put("acme", "hook", 15, 5);
  scene.put("acme", "hook", 14, 250, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(kinds_of(found[0]), "spike cluster ");
  Scene spike(Method::kRate);
  spike.put_baseline("acme", "hook", 5);
  spike.put("acme", "hook", 14, 2250);
  spike.put("acme", "hook", 15, 5);
  const Found spike_alone(spike);
  ASSERT_EQ(spike_alone.size(), 1U);
  EXPECT_NE(found[0].score, spike_alone[0].score);
  EXPECT_EQ(found[0].failure_multiplier, std::nullopt);
  EXPECT_EQ(found[0].message, "🚨 Failure Cluster: 250 failures to hook (new) – Tenant: acme");
}

TEST(Anomalies, ASteadyRatioOfFailuresIsNobodysIncident) {
  for (const Duration baseline : {30 * kMinute, 45 * kMinute, 60 * kMinute, 75 * kMinute, 240 * kMinute}) {
    Scene scene(Method::kRate, 5 * kMinute, baseline);
    for (int slot = 0; slot < scene.detection.blocks() + 4; ++slot) {
      scene.put("t", "e", slot, 90);
      scene.put("t", "e", slot, 10, "failed");
    }
    EXPECT_EQ(Found(scene).size(), 0U) << scene.detection.blocks() << " blocks";
  }
}

TEST(Anomalies, TheScoreIsCapped) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "spike", 5);
  scene.put_recent("acme", "spike", 5000, 5010);
  scene.put_baseline("acme", "cluster", 100);
  scene.put("acme", "cluster", 14, 1000, "failed");
  scene.put_baseline("acme", "silence", 400);
  const Found found(scene);
  ASSERT_EQ(found.size(), 3U);
  for (const Anomaly &anomaly : found) EXPECT_EQ(anomaly.score, 300) << anomaly.endpoint;
}

TEST(Anomalies, ThePolicyDecides) {
  Scene scene(Method::kRate);  // the worked example that is not significant: p = 10^-4.1
  const std::vector<int> blocks = {9, 11, 10, 8, 12, 10, 9, 11, 10, 10, 9, 11};
  for (int block = 0; block < 12; ++block) scene.put("t", "e", block, blocks[static_cast<std::size_t>(block)]);
  scene.put_recent("t", "e", 30, 90);
  EXPECT_EQ(Found(scene).size(), 0U);
  scene.detection.policy.spike_alpha = 1e-3;
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].score, 4.113874, kSixDecimals);
  EXPECT_EQ(found[0].window, 15 * kMinute);
  scene.detection.policy.rho = 4;
  EXPECT_EQ(Found(scene).size(), 0U);
}

TEST(Anomalies, NothingInNothing) {
  for (const Method method : {Method::kRate, Method::kReference}) EXPECT_EQ(Found(Scene(method)).size(), 0U);
}

TEST(Anomalies, OtherWindows) {
  Scene scene(Method::kRate, kMinute, 7 * kMinute);  // cut to six minutes
  scene.put_baseline("t", "e", 100);
  scene.put_recent("t", "e", 1000, 1200);
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].baseline_count, 600U);
  EXPECT_EQ(found[0].expected_count, 100);
  EXPECT_EQ(found[0].spike_multiplier, 10.0);
  EXPECT_EQ(found[0].window, kMinute);
}

// Order

TEST(Anomalies, CriticalFirstThenByFailures) {
  Scene scene(Method::kReference);
  const auto put = [&](const char *endpoint, int recent, int failures) {
    scene.put("t", endpoint, 1, recent - failures);
    scene.put("t", endpoint, 1, failures, "failed");
  };
  put("a warning without failures", 50, 0);
  put("b warning", 50, 10);
  put("c critical", 12, 11);
  put("d critical", 100, 90);
  put("e warning", 50, 9);
  put("f critical", 12, 12);
  const std::vector<Key> expected = {{"t", "d critical"}, {"t", "f critical"}, {"t", "c critical"},
                                     {"t", "b warning"},  {"t", "e warning"},  {"t", "a warning without failures"}};
  EXPECT_EQ(keys_of(Found(scene)), expected);
}

TEST(Anomalies, TiesByTenantAndEndpoint) {
  std::vector<Key> expected = {
      {"", ""},  {"", "a"},   {"", {}},      {"B", "x"},    {"a", ""}, {"a", "a"}, {"a", "aa"}, {"a", "b"},
      {"a", {}}, {"aa", "a"}, {"\x7f", "a"}, {"\x80", "a"}, {{}, ""},  {{}, "a"},  {{}, {}},
  };
  for (const bool critical : {false, true}) {
    Scene scene(Method::kReference);
    std::mt19937 random(1);
    auto keys = expected;
    std::shuffle(keys.begin(), keys.end(), random);
    for (const auto &[tenant, endpoint] : keys) scene.put(tenant, endpoint, 1, 20, critical ? "failed" : "ok");
    EXPECT_EQ(keys_of(Found(scene)), expected) << critical;
  }
}

TEST(Anomalies, RateOrdersAlike) {
  Scene scene(Method::kRate);
  for (const char *endpoint : {"b", "a", "c"}) {
    scene.put_baseline("t", endpoint, 5);
    scene.put_recent("t", endpoint, 50, 55);
  }
  scene.put_baseline("t", "z", 10);
  scene.put("t", "z", 14, 20, "failed");
  scene.put_baseline("t", "silent", 10);
  const std::vector<Key> expected = {{"t", "z"}, {"t", "a"}, {"t", "b"}, {"t", "c"}, {"t", "silent"}};
  EXPECT_EQ(keys_of(Found(scene)), expected);
}

// Method `reference`

TEST(AnomaliesReference, Rows) {
  struct Example {
    int recent, baseline, recent_failures, baseline_failures;
    const char *kinds;
  };
  const std::vector<Example> examples = {
      {2, 0, 0, 0, "spike "},   {1, 0, 0, 0, ""},
      {90, 60, 0, 0, ""},       {91, 60, 0, 0, "spike "},
      {12, 0, 10, 0, "spike "}, {12, 0, 11, 0, "spike cluster "},
      {40, 300, 20, 2, ""},     {40, 300, 21, 2, "cluster "},
      {0, 300, 0, 0, ""},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::to_string(example.recent) + " after " + std::to_string(example.baseline));
    Scene scene(Method::kReference);
    scene.put("t", "e", 0, example.baseline - example.baseline_failures);
    scene.put("t", "e", 0, example.baseline_failures, "dead");
    scene.put("t", "e", 1, example.recent - example.recent_failures);
    scene.put("t", "e", 1, example.recent_failures, "ok", "permanent_4xx");  // by its label alone
    const Found found(scene);
    ASSERT_EQ(found.size(), *example.kinds == 0 ? 0U : 1U);
    if (found.size() == 0) continue;
    EXPECT_EQ(kinds_of(found[0]), example.kinds);
    EXPECT_EQ(found[0].recent_count, static_cast<std::uint64_t>(example.recent));
    EXPECT_EQ(found[0].baseline_count, static_cast<std::uint64_t>(std::max(example.baseline, 1)));
    EXPECT_EQ(found[0].recent_failures, static_cast<std::uint64_t>(example.recent_failures));
    EXPECT_EQ(found[0].baseline_failures, static_cast<std::uint64_t>(std::max(example.baseline_failures, 1)));
  }
}

TEST(AnomaliesReference, WorkedExample) {
  Scene scene(Method::kReference);
  scene.put("tenant-1", "https://example.org/hook", 0, 8);
  scene.put("tenant-1", "https://example.org/hook", 0, 2, "failed");
  scene.put("tenant-1", "https://example.org/hook", 1, 5);
  scene.put("tenant-1", "https://example.org/hook", 1, 115, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(kinds_of(found[0]), "spike cluster ");
  EXPECT_TRUE(found[0].critical());
  EXPECT_EQ(found[0].spike_multiplier, 12.0);
  EXPECT_EQ(found[0].failure_multiplier, 57.5);
  EXPECT_EQ(found[0].message,
            "🚨 Failure Cluster: 115 failures to https://example.org/hook (57.5x normal) – Tenant: tenant-1");
}

TEST(AnomaliesReference, AsTheRuleOnRandomCounts) {
  std::mt19937_64 random(20251105);
  Scene scene(Method::kReference);
  std::map<std::string, std::array<int, 4>> counts;
  for (int i = 0; i < 300; ++i) {
    const std::string endpoint = "e" + std::to_string(i);
    std::array<int, 4> &of = counts[endpoint];
    for (int &count : of) count = static_cast<int>(below(random, 15) * below(random, 3));
    scene.put("t", endpoint, 1, of[0]);
    scene.put("t", endpoint, 0, of[1]);
    scene.put("t", endpoint, 1, of[2], "failed");
    scene.put("t", endpoint, 0, of[3], "failed");
  }
  const Found found(scene);
  std::map<std::string, std::string> kinds;
  for (const Anomaly &anomaly : found) kinds[std::string(anomaly.endpoint)] = kinds_of(anomaly);
  for (const auto &[endpoint, of] : counts) {
    const int recent = of[0] + of[2];
    const bool spike = recent > 1.5 * std::max(of[1] + of[3], 1);
    const bool cluster = of[2] > 10 * std::max(of[3], 1);
    const std::string expected = std::string(spike ? "spike " : "") + (cluster ? "cluster " : "");
    EXPECT_EQ(kinds.count(endpoint) != 0 ? kinds[endpoint] : "", expected) << endpoint;
  }
}

TEST(AnomaliesReference, KnowsNoSilenceAndNoFleet) {
  Scene scene(Method::kReference);
  for (int i = 0; i < 40; ++i) scene.put("t" + std::to_string(i % 10), std::to_string(i), 0, 200);
  EXPECT_EQ(Found(scene).size(), 0U);
}

// The fleet that surges

TEST(Fleet, TwentyGroupsOfFiveTenantsAreAFleet) {
  struct Example {
    int groups, tenants;
    bool fleet;
  };
  for (const Example &example : {Example{20, 5, true}, Example{19, 5, false}, Example{20, 4, false},
                                 Example{19, 19, false}, Example{100, 4, false}, Example{21, 7, true}}) {
    SCOPED_TRACE(std::to_string(example.groups) + " groups of " + std::to_string(example.tenants));
    Scene scene(Method::kRate);
    put_surge(scene, example.groups, example.tenants);
    const Found found(scene);
    if (example.fleet) {
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(kinds_of(found[0]), "fleet spike ");
    } else {
      EXPECT_EQ(found.size(), static_cast<std::size_t>(example.groups));
      EXPECT_EQ(count_kind(found, "spike "), found.size());
    }
  }
}

TEST(Fleet, FiguresOfASurge) {
  Scene scene(Method::kRate);
  put_surge(scene, 20, 5);
  scene.put("t0", "e0", 3, 12, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  const Anomaly &surge = found[0];
  EXPECT_TRUE(surge.fleet);
  EXPECT_TRUE(is_null(surge.tenant));
  EXPECT_TRUE(is_null(surge.endpoint));
  EXPECT_FALSE(surge.critical());
  EXPECT_EQ(surge.recent_count, 1000U);
  EXPECT_EQ(surge.baseline_count, 1212U);
  EXPECT_EQ(surge.baseline_failures, 12U);
  EXPECT_EQ(surge.expected_count, 101);
  EXPECT_EQ(surge.expected_failures, 1);
  EXPECT_EQ(surge.spike_multiplier, 9.9);
  EXPECT_EQ(surge.failure_multiplier, 0.0);
  EXPECT_EQ(surge.window, 5 * kMinute);
  EXPECT_EQ(surge.score, 0);
  EXPECT_EQ(
      surge.message,
      "⚠️ Traffic Spike: 1000 deliveries to all endpoints (10.0x normal at the median endpoint) – Tenant: all");
}

TEST(Fleet, GroupsWithAThinBaselineDoNotCount) {
  Scene scene(Method::kRate);
  put_surge(scene, 20, 5, 4, 100);  // 48 in the baseline of each
  const Found found(scene);
  EXPECT_EQ(count_kind(found, "fleet spike "), 0U);
  EXPECT_EQ(count_kind(found, "spike "), 20U);
}

TEST(Fleet, AnEndpointThatSurgesFarBeyondTheFleetIsFound) {
  Scene scene(Method::kRate);
  put_surge(scene, 24, 6, 10, 30);
  scene.put_baseline("t0", "outlier", 10);
  scene.put_recent("t0", "outlier", 400, 420);
  const Found found(scene);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(count_kind(found, "fleet spike "), 1U);
  EXPECT_EQ(count_kind(found, "spike "), 1U);
}

TEST(Fleet, AFailureClusterIsNoBusinessOfTheFleets) {
  Scene scene(Method::kRate);
  put_surge(scene, 20, 5);
  scene.put("t0", "e0", 14, 50, "failed");
  const Found found(scene);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].endpoint, "e0");
  EXPECT_TRUE(found[0].failure_cluster);
  EXPECT_EQ(kinds_of(found[1]), "fleet spike ");
  EXPECT_EQ(found[1].recent_failures, 50U);
}

TEST(Fleet, APartialViewHasNoFleet) {
  Scene scene(Method::kRate);
  put_surge(scene, 25, 5);
  scene.detection.partial_view = true;
  const Found found(scene);
  EXPECT_EQ(found.size(), 25U);
  EXPECT_EQ(count_kind(found, "spike "), 25U);
}

TEST(FleetSurvey, TheFactorIsTheMedianAtLeastOne) {
  // 120 in twelve blocks: a recent count of 10 is a factor of 1.
  const std::vector<std::pair<std::vector<std::uint64_t>, double>> examples = {
      {std::vector<std::uint64_t>(20, 10), 1.0},
      {std::vector<std::uint64_t>(20, 0), 1.0},
      {std::vector<std::uint64_t>(20, 5), 1.0},
      {std::vector<std::uint64_t>(20, 25), 2.5},
      {{0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 40, 90, 90, 90, 90, 90, 90, 90, 90, 90}, 3.0},
      {{90, 90, 90, 90, 90, 40, 90, 90, 90, 90, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 3.0},
      {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 35, 90, 90, 90, 90, 90, 90, 90, 90, 90, 90}, 3.5},
  };
  for (const auto &[recents, factor] : examples) {
    const Fleet fleet = survey(recents);
    EXPECT_DOUBLE_EQ(fleet.factor, factor);
    EXPECT_EQ(fleet.groups, recents.size());
    EXPECT_EQ(fleet.tenants, (recents.size() + 3) / 4);
    EXPECT_EQ(fleet.baseline, 120 * recents.size());
    EXPECT_FALSE(fleet.partial);
    EXPECT_EQ(fleet.is_surging(RatePolicy()), factor > 1.5);
  }
}

TEST(FleetSurvey, EdgesOfTheFactor) {
  EXPECT_EQ(survey(std::vector<std::uint64_t>(20, 30), true).factor, 1.0);
  EXPECT_TRUE(survey(std::vector<std::uint64_t>(20, 30), true).partial);
  EXPECT_EQ(survey(std::vector<std::uint64_t>(19, 30)).factor, 1.0);
  EXPECT_EQ(survey(std::vector<std::uint64_t>(20, 30), false, 49).factor, 1.0);
  EXPECT_EQ(survey(std::vector<std::uint64_t>(20, 30), false, 49).groups, 0U);
  EXPECT_DOUBLE_EQ(survey(std::vector<std::uint64_t>(20, 30), false, 50).factor, 30 * 12 / 50.0);
  EXPECT_FALSE(survey(std::vector<std::uint64_t>(20, 15)).is_surging(RatePolicy()));  // 1.5, not above
}

TEST(FleetSurvey, AMissingTenantIsOneTenant) {
  const Detection detection = plan_detection(Method::kRate, kSceneTime, 5 * kMinute, 60 * kMinute);
  FleetSurvey survey_of_null(detection, heap());
  for (const Text tenant : {Text(), Text(), Text(""), Text(""), Text("a")}) {
    survey_of_null.add(tenant, survey_counts(10, 120), SilenceVerdict());
  }
  EXPECT_EQ(survey_of_null.finish().tenants, 3U);
}

// The fleet that falls silent

TEST(Fleet, MoreThanHalfSilentIsOneEvent) {
  struct Example {
    int silent, going_on;
    bool fleet;
  };
  const std::vector<Example> examples = {
      {5, 0, true},  {3, 2, true},  {2, 3, false}, {3, 3, false}, {4, 3, true},
      {4, 0, false}, {4, 4, false}, {5, 4, true},  {6, 0, true},  {1, 0, false},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(std::to_string(example.silent) + " of " + std::to_string(example.silent + example.going_on));
    Scene scene(Method::kRate);
    put_steady(scene, example.silent, example.going_on);
    const Found found(scene);
    EXPECT_EQ(count_kind(found, "fleet silence "), example.fleet ? 1U : 0U);
    EXPECT_EQ(count_kind(found, "silence "), example.fleet ? 0U : static_cast<std::size_t>(example.silent));
  }
}

TEST(Fleet, FiguresOfASilence) {
  Scene scene(Method::kRate);
  put_steady(scene, 4, 2);
  const Found found(scene);
  ASSERT_EQ(found.size(), 1U);
  const Anomaly &silence = found[0];
  EXPECT_EQ(kinds_of(silence), "fleet silence ");
  EXPECT_EQ(silence.recent_count, 20U);
  EXPECT_EQ(silence.baseline_count, 720U);
  EXPECT_EQ(silence.expected_count, 60);
  EXPECT_EQ(silence.spike_multiplier, 0.33);
  EXPECT_EQ(silence.window, 15 * kMinute);
  EXPECT_EQ(silence.message, "⚠️ Silence: no deliveries to 4 of 6 steady endpoints for 15 minutes – Tenant: all");
}

TEST(Fleet, EndpointsThatCannotBeJudgedDoNotCount) {
  Scene scene(Method::kRate);
  put_steady(scene, 5, 3);
  for (int i = 0; i < 10; ++i) scene.put("t", "rare" + std::to_string(i), i, 5);  // silent quarters are usual here
  scene.put_baseline("t", "thin", 2);
  const Found found(scene);
  EXPECT_EQ(count_kind(found, "fleet silence "), 1U);
  EXPECT_EQ(found.size(), 1U);
}

TEST(Fleet, APartialViewHasSilencesOfItsOwn) {
  Scene scene(Method::kRate);
  put_steady(scene, 6, 1);
  scene.detection.partial_view = true;
  const Found found(scene);
  EXPECT_EQ(count_kind(found, "silence "), 6U);
  EXPECT_EQ(found.size(), 6U);
}

TEST(Fleet, SilenceSwitchedOff) {
  for (const bool partial : {false, true}) {
    Scene scene(Method::kRate);
    put_steady(scene, 6, 1);
    scene.put_baseline("t", "spike", 5);
    scene.put_recent("t", "spike", 50, 55);
    scene.detection.judge_silence = false;
    scene.detection.partial_view = partial;
    const Found found(scene);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].endpoint, "spike");
  }
}
