// One tick over all keys of a source: what must be stored, and who is muted.
#include "step.hpp"

#include "backoff.hpp"
#include "support.hpp"

namespace insights::test {

namespace {

constexpr Timestamp kNow = 815668200 * kSecond;

Observed calm(const IncidentKey &key) {
  Observed observed;
  observed.key = key;
  observed.observation.at = kNow;
  observed.observation.recent_count = 10;
  observed.observation.expected_count = 10;
  return observed;
}

Observed spike(const IncidentKey &key) {
  Observed observed = calm(key);
  observed.observation.flagged = kSpikeKind;
  observed.observation.recent_count = 100;
  observed.observation.multiplier = 10;
  observed.observation.message = "a spike";
  return observed;
}

Observed maybe_failing(const IncidentKey &key) {
  Observed observed = calm(key);
  observed.observation.flagged = kFailureKind;
  observed.observation.recent_failures = 3;
  observed.observation.recent_settled = 10;
  return observed;
}

std::pmr::vector<Step> steps_of(const std::vector<StoredKey> &stored, const std::vector<Observed> &observed,
                                const std::vector<Mute> &mutes = {}) {
  Observations observations{std::pmr::vector<Observed>(observed.begin(), observed.end(), heap()), 0};
  const std::pmr::vector<Mute> applying(mutes.begin(), mutes.end(), heap());
  const LifecyclePolicy policy;
  std::pmr::vector<Step> steps(heap());
  for (const DueStep &due : plan_steps(stored.data(), stored.size(), observations, applying, policy, heap())) {
    const auto step =
        take_step(*due.observed, due.stored != nullptr ? due.stored->state : KeyState(), applying, policy);
    if (step) steps.push_back(*step);
  }
  return steps;
}

StoredKey stored_spike(const IncidentKey &key) {
  auto steps = steps_of({}, {spike(key)});
  StoredKey stored{key, steps.front().after};
  stored.state.incident->id = 1;
  return stored;
}

std::string events_of(const Step &step) {
  std::string names;
  for (const Event event : step.events) names += (names.empty() ? "" : " ") + std::string(name_of(event));
  return names;
}

const IncidentKey kOrders{false, "acme", "/orders"};
const IncidentKey kBilling{false, "acme", "/billing"};
const IncidentKey kNobody{false, Text(), Text()};
const IncidentKey kFleet{true, Text(), Text()};

}  // namespace

TEST(Steps, NoneWhereNothingIsWrong) { EXPECT_TRUE(steps_of({}, {calm(kOrders)}).empty()); }

TEST(Steps, NoneWhereNothingIsNew) { EXPECT_TRUE(steps_of({stored_spike(kOrders)}, {spike(kOrders)}).empty()); }

TEST(Steps, OpenWhatIsNew) {
  const auto steps = steps_of({}, {spike(kFleet), calm(kBilling), spike(kOrders)});
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_TRUE(steps[0].key.fleet);
  EXPECT_EQ(events_of(steps[1]), "opened");
  EXPECT_EQ(steps[1].message, "a spike");
  EXPECT_EQ(steps[1].after.incident->id, 0);
}

TEST(Steps, FindTheirKeyAmongOthers) {
  const auto steps =
      steps_of({stored_spike(kNobody), stored_spike(kOrders)}, {calm(kNobody), calm(kBilling), calm(kOrders)});
  ASSERT_EQ(steps.size(), 2U);
  for (const Step &step : steps) {
    EXPECT_EQ(step.before.incident->id, 1);
    EXPECT_EQ(step.after.incident->calm_since, kNow);
    EXPECT_EQ(step.events.count, 0);
  }
}

TEST(Steps, KeepAccountOfWhatIsNotConfirmed) {
  const auto steps = steps_of({}, {maybe_failing(kOrders)});
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_FALSE(steps[0].after.incident);
  EXPECT_EQ(steps[0].after.candidate.failure_since, kNow);
  // The same moment again is no news; its end is.
  EXPECT_TRUE(steps_of({{kOrders, steps[0].after}}, {maybe_failing(kOrders)}).empty());
  const auto next = steps_of({{kOrders, steps[0].after}}, {calm(kOrders)});
  ASSERT_EQ(next.size(), 1U);
  EXPECT_TRUE(next[0].after.candidate.empty());
}

TEST(Steps, NoteAMuteAndItsEnd) {
  const auto muted = steps_of({}, {spike(kOrders)}, {Mute{"acme", Text(), false}});
  EXPECT_EQ(events_of(muted.front()), "opened");
  EXPECT_TRUE(muted.front().after.incident->muted);
  StoredKey stored{kOrders, muted.front().after};
  EXPECT_EQ(events_of(steps_of({stored}, {spike(kOrders)}).front()), "unmuted");
  EXPECT_EQ(events_of(steps_of({stored_spike(kOrders)}, {spike(kOrders)}, {Mute{}}).front()), "muted");
}

TEST(Steps, ComeInTheOrderOfTheirUrgency) {
  Observed grave = spike({false, "acme", "/z"});
  grave.rank = 0;
  Observed lesser = spike({false, "acme", "/a"});
  lesser.rank = 1;
  Observed waits = maybe_failing({false, "acme", "/b"});
  waits.rank = 2;
  StoredKey early = stored_spike({false, "acme", "/y"});
  StoredKey late = stored_spike({false, "acme", "/x"});
  early.state.incident->evaluated_at -= kMinute;
  const auto steps =
      steps_of({late, early}, {lesser, waits, calm({false, "acme", "/x"}), calm({false, "acme", "/y"}), grave});
  std::string order;
  for (const Step &step : steps) order += step.key.endpoint;
  EXPECT_EQ(order, "/z/a/b/y/x");
}

TEST(Mutes, AreOfATenantOrAnEndpointOrAny) {
  EXPECT_TRUE(covers(Mute{}, kOrders, true));
  EXPECT_TRUE(covers(Mute{"acme", Text(), false}, kOrders, true));
  EXPECT_TRUE(covers(Mute{Text(), "/orders", false}, kOrders, true));
  EXPECT_TRUE(covers(Mute{"acme", "/orders", false}, kOrders, true));
  EXPECT_FALSE(covers(Mute{"globex", Text(), false}, kOrders, true));
  EXPECT_FALSE(covers(Mute{"acme", "/billing", false}, kOrders, true));
  EXPECT_FALSE(covers(Mute{"", Text(), false}, kNobody, true));
}

TEST(Mutes, OfATenantDoNotMuteTheFleet) {
  EXPECT_TRUE(covers(Mute{}, kFleet, true));
  EXPECT_FALSE(covers(Mute{"acme", Text(), false}, kFleet, false));
  EXPECT_FALSE(covers(Mute{Text(), "/orders", false}, kFleet, false));
}

TEST(Mutes, MayLetCriticalIncidentsThrough) {
  EXPECT_TRUE(covers(Mute{Text(), Text(), true}, kOrders, false));
  EXPECT_FALSE(covers(Mute{Text(), Text(), true}, kOrders, true));
}

TEST(Backoff, DoublesUpToTenMinutes) {
  EXPECT_EQ(wait_after(1, 30 * kSecond), 30 * kSecond);
  EXPECT_EQ(wait_after(2, 30 * kSecond), 60 * kSecond);
  EXPECT_EQ(wait_after(5, 30 * kSecond), 480 * kSecond);
  EXPECT_EQ(wait_after(6, 30 * kSecond), 10 * kMinute);
  EXPECT_EQ(wait_after(1000000, 30 * kSecond), 10 * kMinute);
}

TEST(Backoff, IsNeverShorterThanTheInterval) {
  EXPECT_EQ(wait_after(0, kSecond), kSecond);
  EXPECT_EQ(wait_after(50, 60 * kMinute), 60 * kMinute);
}

}  // namespace insights::test
