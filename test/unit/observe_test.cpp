// From rows to what the lifecycle looks at: what is flagged, what is watched, and the fleet.
#include "observe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "scene.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr const char *kFleetName = "the fleet";

// A key by its name: "tenant/endpoint", where NULL is "-".
std::string name(const Value &tenant, const Value &endpoint) {
  return tenant.value_or("-") + "/" + endpoint.value_or("-");
}

std::string name(const IncidentKey &key) {
  return key.fleet ? kFleetName : name(value_of(key.tenant), value_of(key.endpoint));
}

IncidentKey key_of(Text tenant, Text endpoint) { return {false, tenant, endpoint}; }

IncidentKey fleet_key() { return {true, Text(), Text()}; }

// What is observed in a scene, with the memory that it points into.
class Seen {
 public:
  explicit Seen(const Scene &scene, std::vector<IncidentKey> watched = {}, bool unicode = true) : flat_(scene.flat()) {
    std::sort(watched.begin(), watched.end());
    watched_.assign(watched.begin(), watched.end());
    Poll poll;
    observations_ = observe(flat_, scene.detection, watched_, unicode, poll, &arena_);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Observed &observed : observations_.list) names.push_back(name(observed.key));
    return names;
  }

  const Observation &operator[](const std::string &wanted) const {
    for (const Observed &observed : observations_.list) {
      if (name(observed.key) == wanted) return observed.observation;
    }
    ADD_FAILURE() << wanted << " is not observed";
    static const Observation nothing;
    return nothing;
  }

  std::uint64_t deliveries() const { return observations_.deliveries; }

 private:
  std::pmr::monotonic_buffer_resource arena_{heap()};
  std::string flat_;
  std::pmr::vector<IncidentKey> watched_;
  Observations observations_;
};

using Names = std::vector<std::string>;

void put_calm(Scene &scene, const Value &tenant, const Value &endpoint) {
  scene.put_baseline(tenant, endpoint, 5);
  scene.put_recent(tenant, endpoint, 5, 15);
}

void put_spike(Scene &scene, const Value &tenant, const Value &endpoint) {
  scene.put_baseline(tenant, endpoint, 5);
  scene.put_recent(tenant, endpoint, 50, 55);
}

void put_cluster(Scene &scene, const Value &tenant, const Value &endpoint) {
  scene.put_baseline(tenant, endpoint, 5);
  scene.put(tenant, endpoint, 14, 10, "failed");
}

void put_silence(Scene &scene, const Value &tenant, const Value &endpoint) { scene.put_baseline(tenant, endpoint, 10); }

// Endpoints e0, e1, ... of tenant t, which all fall silent.
void put_silent_fleet(Scene &scene, int endpoints) {
  for (int i = 0; i < endpoints; ++i) put_silence(scene, "t", "e" + std::to_string(i));
}

void put_surging_fleet(Scene &scene) {
  for (int i = 0; i < 20; ++i) put_spike(scene, "t" + std::to_string(i % 5), "e" + std::to_string(i));
}

void expect_no_verdict(const Observation &now) {
  EXPECT_EQ(now.at, kSceneTime);
  EXPECT_EQ(now.flagged, 0);
  EXPECT_EQ(now.multiplier, std::nullopt);
  EXPECT_TRUE(is_null(now.message));
}

}  // namespace

// What is flagged

TEST(Observe, NothingInNothing) {
  const Seen seen(Scene{Method::kRate});
  EXPECT_EQ(seen.names(), Names());
  EXPECT_EQ(seen.deliveries(), 0U);
}

TEST(Observe, NothingOfWhatIsCalm) {
  Scene scene(Method::kRate);
  put_calm(scene, "acme", "hook");
  EXPECT_EQ(Seen(scene).names(), Names());
}

TEST(Observe, ASpike) {
  Scene scene(Method::kRate);
  put_spike(scene, "acme", "hook");
  const Seen seen(scene);
  ASSERT_EQ(seen.names(), Names{"acme/hook"});
  const Observation &spike = seen["acme/hook"];
  EXPECT_EQ(spike.at, kSceneTime);
  EXPECT_FALSE(spike.fleet);
  EXPECT_EQ(spike.flagged, kSpikeKind);
  EXPECT_EQ(spike.recent_count, 50U);
  EXPECT_EQ(spike.baseline_count, 60U);
  EXPECT_EQ(spike.recent_failures, 0U);
  EXPECT_EQ(spike.baseline_failures, 0U);
  EXPECT_EQ(spike.recent_settled, 50U);
  EXPECT_EQ(spike.baseline_settled, 60U);
  EXPECT_EQ(spike.hour_count, 100U);  // nine blocks of the baseline, and 55
  EXPECT_EQ(spike.expected_count, 5);
  EXPECT_EQ(spike.multiplier, 10.0);
  EXPECT_EQ(spike.message, "⚠️ Traffic Spike: 50 deliveries to hook (10.0x normal) – Tenant: acme");
}

TEST(Observe, MessagesOfTheEncoding) {
  Scene scene(Method::kRate);
  put_spike(scene, "acme", "hook");
  const Seen seen(scene, {}, false);
  EXPECT_EQ(seen["acme/hook"].message, "Traffic Spike: 50 deliveries to hook (10.0x normal) - Tenant: acme");
}

TEST(Observe, AFailureCluster) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 9);
  for (int block = 0; block < 12; ++block) scene.put("acme", "hook", block, 1, "pending");
  scene.put("acme", "hook", 0, 6, "failed");
  scene.put("acme", "hook", 14, 20, "dead_letter");
  scene.put("acme", "hook", 15, 10);
  scene.put("acme", "hook", 15, 3, "pending");
  const Seen seen(scene);
  const Observation &cluster = seen["acme/hook"];
  EXPECT_EQ(cluster.flagged, kFailureKind);
  EXPECT_EQ(cluster.recent_count, 33U);
  EXPECT_EQ(cluster.recent_settled, 30U);
  EXPECT_EQ(cluster.recent_failures, 20U);
  EXPECT_EQ(cluster.baseline_count, 126U);
  EXPECT_EQ(cluster.baseline_settled, 114U);
  EXPECT_EQ(cluster.baseline_failures, 6U);
  EXPECT_EQ(cluster.hour_count, 90U + 33U);
  EXPECT_EQ(cluster.expected_count, 10.5);
  EXPECT_EQ(cluster.multiplier, 40.0);  // 20 where 0.5 were expected; that of the traffic is not flagged
}

TEST(Observe, ASilence) {
  Scene scene(Method::kRate);
  put_silence(scene, "acme", "hook");
  const Seen seen(scene);
  const Observation &silence = seen["acme/hook"];
  EXPECT_EQ(silence.flagged, kSilenceKind);
  EXPECT_EQ(silence.recent_count, 0U);
  EXPECT_EQ(silence.hour_count, 90U);
  EXPECT_EQ(silence.expected_count, 10);
  EXPECT_EQ(silence.multiplier, std::nullopt);
  EXPECT_FALSE(is_null(silence.message));
}

TEST(Observe, TheLargerMultiplierOfBothKinds) {
  struct Example {
    int baseline_failures, recent_failures;  // of 2 in each block, and of 400
    double multiplier;
  };
  // The traffic is 200 times the usual; failures are 300 times, 180 times, or new.
  for (const Example &example : {Example{1, 300, 300}, Example{1, 180, 200}, Example{0, 300, 200}}) {
    SCOPED_TRACE(example.recent_failures);
    Scene scene(Method::kRate);
    scene.put_baseline("acme", "hook", 2 - example.baseline_failures);
    for (int block = 0; block < 12; ++block) scene.put("acme", "hook", block, example.baseline_failures, "failed");
    scene.put("acme", "hook", 14, 400 - example.recent_failures);
    scene.put("acme", "hook", 14, example.recent_failures, "failed");
    const Seen seen(scene);
    EXPECT_EQ(seen["acme/hook"].flagged, kSpikeKind | kFailureKind);
    EXPECT_EQ(seen["acme/hook"].multiplier, example.multiplier);
  }
}

TEST(Observe, NoMultiplierOfFailuresThatAreNew) {
  Scene scene(Method::kRate);
  put_cluster(scene, "acme", "hook");
  const Seen seen(scene);
  EXPECT_EQ(seen["acme/hook"].flagged, kFailureKind);
  EXPECT_EQ(seen["acme/hook"].multiplier, std::nullopt);
}

// What is watched

TEST(Watched, AnAbsentKeyIsZero) {
  Scene scene(Method::kRate);
  const Seen seen(scene, {key_of("acme", "gone")});
  ASSERT_EQ(seen.names(), Names{"acme/gone"});
  const Observation &gone = seen["acme/gone"];
  expect_no_verdict(gone);
  EXPECT_FALSE(gone.fleet);
  EXPECT_EQ(gone.recent_count, 0U);
  EXPECT_EQ(gone.baseline_count, 0U);
  EXPECT_EQ(gone.recent_settled, 0U);
  EXPECT_EQ(gone.hour_count, 0U);
  EXPECT_EQ(gone.expected_count, 0);
}

TEST(Watched, ACalmKeyHasItsCounts) {
  Scene scene(Method::kRate);
  scene.put_baseline("acme", "hook", 10);
  scene.put("acme", "hook", 0, 24, "failed");
  scene.put("acme", "hook", 1, 12, "pending");
  scene.put_recent("acme", "hook", 10, 30);
  scene.put("acme", "hook", 15, 1, "failed");
  scene.put("acme", "hook", 15, 2, "pending");
  const Seen seen(scene, {key_of("acme", "hook")});
  ASSERT_EQ(seen.names(), Names{"acme/hook"});
  const Observation &calm = seen["acme/hook"];
  expect_no_verdict(calm);
  EXPECT_EQ(calm.recent_count, 13U);
  EXPECT_EQ(calm.recent_settled, 11U);
  EXPECT_EQ(calm.recent_failures, 1U);
  EXPECT_EQ(calm.baseline_count, 156U);
  EXPECT_EQ(calm.baseline_settled, 144U);
  EXPECT_EQ(calm.baseline_failures, 24U);
  EXPECT_EQ(calm.hour_count, 90U + 33U);
  EXPECT_EQ(calm.expected_count, 13);
}

TEST(Watched, AFlaggedKeyIsThereOnce) {
  Scene scene(Method::kRate);
  put_spike(scene, "acme", "hook");
  const Seen seen(scene, {key_of("acme", "hook")});
  ASSERT_EQ(seen.names(), Names{"acme/hook"});
  EXPECT_EQ(seen["acme/hook"].flagged, kSpikeKind);
  EXPECT_FALSE(is_null(seen["acme/hook"].message));
}

TEST(Watched, AndFlaggedInTheOrderOfKeys) {
  Scene scene(Method::kRate);
  put_calm(scene, "a", "calm and not watched");
  put_calm(scene, "a", "calm");
  put_spike(scene, "a", "spike");
  put_spike(scene, "b", "watched spike");
  put_cluster(scene, "c", "cluster");  // the gravest comes first elsewhere, not here
  put_silence(scene, {}, "silence");
  put_calm(scene, "", "");
  const Seen seen(scene, {fleet_key(), key_of("a", "calm"), key_of("b", "watched spike"), key_of("a", "absent"),
                          key_of("z", "absent"), key_of({}, "absent"), key_of("", ""), key_of("", {})});
  EXPECT_EQ(seen.names(), (Names{kFleetName, "-/absent", "-/silence", "/-", "/", "a/absent", "a/calm", "a/spike",
                                 "b/watched spike", "c/cluster", "z/absent"}));
}

// Any keys, of which any are flagged or watched.
TEST(Watched, EachOnceWhateverTheKeys) {
  std::mt19937_64 random(20251105);
  const std::vector<Value> texts = {Value(), "", "a", "aa", "b", "\x80"};
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    Scene scene(Method::kRate);
    std::set<std::tuple<bool, Value, Value>> expected;  // NULL comes first, as in a rollup
    std::set<std::string> flagged;
    std::vector<IncidentKey> watched;
    if (below(random, 2) == 0) {
      watched.push_back(fleet_key());
      expected.emplace(false, Value(), Value());
    }
    for (const Value &tenant : texts) {
      for (const Value &endpoint : texts) {
        const auto what = below(random, 8);
        if (what < 2) put_calm(scene, tenant, endpoint);
        if (what == 2) put_spike(scene, tenant, endpoint);
        if (what == 2) flagged.insert(name(tenant, endpoint));
        const bool is_watched = below(random, 3) == 0;
        if (is_watched) watched.push_back(key_of(text_of(tenant), text_of(endpoint)));
        if (is_watched || what == 2) expected.emplace(true, tenant, endpoint);
      }
    }
    Names names;
    for (const auto &[is_group, tenant, endpoint] : expected) {
      names.push_back(is_group ? name(tenant, endpoint) : kFleetName);
    }
    const Seen seen(scene, watched);
    ASSERT_EQ(seen.names(), names);
    for (const std::string &key : names) EXPECT_EQ(seen[key].flagged != 0, flagged.count(key) != 0) << key;
  }
}

// The fleet

TEST(ObservedFleet, WatchedHasTheSumsOfAll) {
  Scene scene(Method::kRate);
  put_calm(scene, "acme", "hook");
  put_spike(scene, {}, {});
  put_cluster(scene, "zeta", "hook");
  scene.put("zeta", "hook", 0, 12, "failed");
  const Seen seen(scene, {fleet_key()});
  const Observation &fleet = seen[kFleetName];
  expect_no_verdict(fleet);
  EXPECT_TRUE(fleet.fleet);
  EXPECT_EQ(fleet.recent_count, 5U + 50U + 10U);
  EXPECT_EQ(fleet.recent_failures, 10U);
  EXPECT_EQ(fleet.baseline_count, 3 * 60U + 12U);
  EXPECT_EQ(fleet.baseline_failures, 12U);
  EXPECT_EQ(fleet.expected_count, 16);
}

TEST(ObservedFleet, WatchedInNothing) {
  const Seen seen(Scene(Method::kRate), {fleet_key()});
  ASSERT_EQ(seen.names(), Names{kFleetName});
  EXPECT_TRUE(seen[kFleetName].fleet);
  EXPECT_EQ(seen[kFleetName].recent_count, 0U);
  EXPECT_EQ(seen[kFleetName].expected_count, 0);
}

TEST(ObservedFleet, FlaggedIsThereOnce) {
  Scene scene(Method::kRate);
  put_silent_fleet(scene, 6);
  for (const bool watched : {false, true}) {
    const Seen seen(scene, watched ? std::vector{fleet_key()} : std::vector<IncidentKey>());
    ASSERT_EQ(seen.names(), Names{kFleetName});
    const Observation &fleet = seen[kFleetName];
    EXPECT_TRUE(fleet.fleet);
    EXPECT_EQ(fleet.flagged, kSilenceKind);
    EXPECT_EQ(fleet.recent_count, 0U);
    EXPECT_EQ(fleet.expected_count, 60);
    EXPECT_FALSE(is_null(fleet.message));
  }
}

TEST(ObservedFleet, ItsSilenceIsNotThatOfAWatchedEndpoint) {
  Scene scene(Method::kRate);
  put_silent_fleet(scene, 6);
  const Seen seen(scene, {key_of("t", "e3")});
  ASSERT_EQ(seen.names(), (Names{kFleetName, "t/e3"}));
  expect_no_verdict(seen["t/e3"]);
  EXPECT_EQ(seen["t/e3"].recent_count, 0U);  // so an incident of its own stays open
  EXPECT_EQ(seen["t/e3"].baseline_count, 120U);
}

TEST(ObservedFleet, ThatSurges) {
  Scene scene(Method::kRate);
  put_surging_fleet(scene);
  const Seen seen(scene, {fleet_key(), key_of("t0", "e0")});
  ASSERT_EQ(seen.names(), (Names{kFleetName, "t0/e0"}));
  EXPECT_EQ(seen[kFleetName].flagged, kSpikeKind);
  EXPECT_EQ(seen[kFleetName].recent_count, 1000U);
  EXPECT_EQ(seen[kFleetName].expected_count, 100);
  EXPECT_EQ(seen[kFleetName].multiplier, 10.0);
  expect_no_verdict(seen["t0/e0"]);
  EXPECT_EQ(seen["t0/e0"].recent_count, 50U);
}

// A group of rows without tenant and endpoint has the same texts as the fleet.
TEST(ObservedFleet, IsNotTheGroupWithoutNames) {
  Scene scene(Method::kRate);
  put_spike(scene, {}, {});
  put_calm(scene, "acme", "hook");
  EXPECT_EQ(Seen(scene).names(), Names{"-/-"});
  const Seen seen(scene, {fleet_key(), key_of({}, {})});
  ASSERT_EQ(seen.names(), (Names{kFleetName, "-/-"}));
  EXPECT_FALSE(seen["-/-"].fleet);
  EXPECT_EQ(seen["-/-"].flagged, kSpikeKind);
  EXPECT_EQ(seen["-/-"].recent_count, 50U);
  expect_no_verdict(seen[kFleetName]);
  EXPECT_EQ(seen[kFleetName].recent_count, 55U);

  Scene silent(Method::kRate);
  put_silent_fleet(silent, 6);
  put_calm(silent, {}, {});
  const Seen both(silent, {key_of({}, {})});
  ASSERT_EQ(both.names(), (Names{kFleetName, "-/-"}));
  EXPECT_EQ(both[kFleetName].flagged, kSilenceKind);
  expect_no_verdict(both["-/-"]);
}

// Counts

TEST(ObservedCounts, AllDeliveriesOfAllWindows) {
  Scene scene(Method::kRate);
  put_spike(scene, "acme", "hook");  // 60 + 55
  put_calm(scene, {}, {});           // 60 + 15
  scene.put("acme", "other", 13, 7, "pending");
  EXPECT_EQ(Seen(scene).deliveries(), 60U + 55U + 60U + 15U + 7U);
  EXPECT_EQ(Seen(scene, {key_of("acme", "hook"), fleet_key()}).deliveries(), 197U);
}

TEST(ObservedCounts, TheHourIsTwelveRecentWindows) {
  for (const Duration baseline : {60 * kMinute, 240 * kMinute}) {
    Scene scene(Method::kRate, 5 * kMinute, baseline);
    const int blocks = scene.detection.blocks();
    for (int slot = 0; slot < blocks + 4; ++slot)
      scene.put("acme", "hook", slot, slot < blocks - 9 ? 100 : 1, "pending");
    const Seen seen(scene, {key_of("acme", "hook")});
    EXPECT_EQ(seen["acme/hook"].hour_count, 13U) << blocks;  // the recent window has two slots
    EXPECT_EQ(seen["acme/hook"].recent_count, 2U);
    EXPECT_EQ(seen["acme/hook"].recent_settled, 0U);
  }
}

// An incident would calm down as if nothing had been delivered for an hour.
TEST(ObservedCounts, TheHourIsNotEmptyWhereTheBaselineIsShort) {
  for (const Duration baseline : {30 * kMinute, 45 * kMinute}) {
    Scene scene(Method::kRate, 5 * kMinute, baseline);
    scene.put("acme", "hook", scene.detection.blocks() + 1, 4);
    const Seen seen(scene, {key_of("acme", "hook")});
    EXPECT_EQ(seen["acme/hook"].hour_count, 4U) << scene.detection.blocks() << " blocks";
  }
}

TEST(ObservedCounts, OfOtherWindows) {
  Scene scene(Method::kRate, kMinute, 7 * kMinute);  // cut to six minutes
  scene.put_baseline("acme", "hook", 100);
  scene.put_recent("acme", "hook", 90, 300);
  const Seen seen(scene, {key_of("acme", "hook"), fleet_key()});
  expect_no_verdict(seen["acme/hook"]);
  EXPECT_EQ(seen["acme/hook"].recent_count, 90U);
  EXPECT_EQ(seen["acme/hook"].baseline_count, 600U);
  EXPECT_EQ(seen["acme/hook"].expected_count, 100);
  EXPECT_EQ(seen[kFleetName].expected_count, 100);
  EXPECT_EQ(seen.deliveries(), 900U);
}
