// The life of an incident: every arrow, and random lives against a model that remembers everything.
#include "lifecycle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr Timestamp kStart = 815668200 * kSecond;  // 2025-11-05 14:30
constexpr Duration kHour = 60 * kMinute;
constexpr Duration kTick = 1;  // the shortest time there is
constexpr double kUsual = 10;  // expected in R

// What the detector may say. Of every observation, 10 deliveries are usual, and no failure.

Observation traffic(std::uint64_t count, std::uint64_t failures = 0) {
  Observation now;
  now.recent_count = now.recent_settled = count;
  now.recent_failures = failures;
  now.baseline_count = now.baseline_settled = 120;
  now.hour_count = 90 + count;
  now.expected_count = kUsual;
  return now;
}

Observation flag(Kinds kinds, Observation now) {
  now.flagged |= kinds;
  return now;
}

Observation calm() { return traffic(10); }
Observation failing(std::uint64_t failures = 3, std::uint64_t settled = 10) {
  return flag(kFailureKind, traffic(settled, failures));
}
Observation silent() { return flag(kSilenceKind, traffic(0)); }

Observation spike(std::uint64_t count = 50) {
  Observation now = flag(kSpikeKind, traffic(count));
  now.multiplier = static_cast<double>(count) / kUsual;
  return now;
}

// Deliveries of which none has settled: nothing can be said of failures.
Observation unsettled() {
  Observation now = calm();
  now.recent_settled = 0;
  return now;
}

Observation nothing_for_an_hour() {
  Observation now = traffic(0);
  now.hour_count = 0;
  return now;
}

Observation of_fleet(Observation now) {
  now.fleet = true;
  return now;
}

std::string said(const Events &events) {
  std::string names;
  for (const Event event : events) names += (names.empty() ? "" : " ") + std::string(name_of(event));
  return names;
}

void append(std::string &names, const std::string &more) {
  if (!more.empty()) names += (names.empty() ? "" : " ") + more;
}

// What refuses `action`, which must give a hint.
std::optional<ErrorKind> refusal(const std::function<void()> &action) {
  return error_kind([&] {
    try {
      action();
    } catch (const Error &error) {
      EXPECT_NE(error.hint(), "");
      throw;
    }
  });
}

// One key under a clock that the test moves. Every step tells its events by name.
class Life {
 public:
  explicit Life(const LifecyclePolicy &with = {}) : policy(with) {}

  Life &wait(Duration length) {
    at += length;
    return *this;
  }

  std::string see(Observation now) {
    now.at = at;
    return said(advance(state, now, policy));
  }

  // Sees the same in every `step` that follows, for so long.
  std::string keep(Duration length, const Observation &now, Duration step = kMinute) {
    std::string names;
    for (const Timestamp end = at + length; at < end;) append(names, wait(std::min(step, end - at)).see(now));
    return names;
  }

  // The shortest calm, beginning now.
  std::string calm_down(Duration length = 10 * kMinute, const Observation &now = calm()) {
    std::string names = see(now);
    append(names, wait(length).see(now));
    return names;
  }

  // The shortest calm, and the next breach at once.
  std::string flap() {
    std::string names = calm_down();
    append(names, see(spike()));
    return names;
  }

  std::string acknowledge(std::optional<Timestamp> until = {}) {
    return said(insights::acknowledge(incident(), at, until));
  }
  std::string resolve() { return said(insights::resolve(incident(), at)); }
  std::string mute(bool muted, Events events = {}) {
    note_mute(incident(), muted, events);
    return said(events);
  }

  Incident &incident() { return state.incident.value(); }
  bool must_store(const Incident &before) { return insights::must_store(before, incident(), policy); }
  bool expired() { return is_expired(incident(), at, policy); }

  LifecyclePolicy policy;
  KeyState state;
  Timestamp at = kStart;
};

// With an incident that this breach has just opened.
Life opened_by(const Observation &breach, const LifecyclePolicy &policy = {}) {
  Life life(policy);
  std::string names = life.see(breach);
  if (names.empty()) names = life.wait(policy.open_after).see(breach);
  EXPECT_EQ(names, "opened");
  life.incident().id = 7;
  return life;
}

// With a spike that calmed down and was resolved just now.
Life resolved_spike(const LifecyclePolicy &policy = {}) {
  Life life = opened_by(spike(), policy);
  EXPECT_EQ(life.calm_down(policy.resolve_after), "resolved");
  return life;
}

// Which has calmed down and was reopened so often, as fast as can be.
Life reopened(int times, const LifecyclePolicy &policy = {}) {
  Life life = opened_by(spike(), policy);
  for (int i = 0; i < times; ++i) EXPECT_EQ(life.flap(), "resolved reopened");
  return life;
}

// Whose level has just become the normal one.
Life new_normal(const Observation &level) {
  Life life = opened_by(level);
  EXPECT_EQ(life.keep(24 * kHour, level, 10 * kMinute), "resolved");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kNewNormal);
  return life;
}

}  // namespace

// Opening

TEST(Opening, NothingFlaggedOpensNothing) {
  Life life;
  for (const Observation &now : {calm(), traffic(5000), traffic(10, 10), traffic(0), unsettled()}) {
    EXPECT_EQ(life.keep(kHour, now), "");
  }
  EXPECT_FALSE(life.state.incident);
  EXPECT_TRUE(life.state.candidate.empty());
}

TEST(Opening, ASpikeAtOnce) {
  Life life;
  EXPECT_EQ(life.see(spike()), "opened");
  const Incident &incident = life.incident();
  EXPECT_EQ(incident.id, 0);
  EXPECT_EQ(incident.status, IncidentStatus::kOpen);
  EXPECT_EQ(incident.kinds, kSpikeKind);
  EXPECT_FALSE(incident.critical());
  EXPECT_EQ(incident.detected_at, kStart);
  EXPECT_EQ(incident.last_seen_at, kStart);
  EXPECT_EQ(incident.level_since, kStart);
}

TEST(Opening, OthersWhenFlaggedAgainTwentySecondsLater) {
  for (const Observation &breach : {failing(), silent()}) {
    SCOPED_TRACE(int{breach.flagged});
    Life life;
    EXPECT_EQ(life.see(breach), "");
    EXPECT_FALSE(life.state.candidate.empty());
    EXPECT_EQ(life.wait(20 * kSecond - kTick).see(breach), "");
    EXPECT_EQ(life.wait(kTick).see(breach), "opened");
    EXPECT_EQ(life.incident().kinds, breach.flagged);
    EXPECT_EQ(life.incident().critical(), breach.flagged == kFailureKind);
    EXPECT_TRUE(life.state.candidate.empty());
  }
}

TEST(Opening, OpenAfterIsASetting) {
  LifecyclePolicy policy;
  policy.open_after = 90 * kSecond;
  Life slow(policy);
  EXPECT_EQ(slow.see(silent()), "");
  EXPECT_EQ(slow.wait(90 * kSecond - kTick).see(silent()), "");
  EXPECT_EQ(slow.wait(kTick).see(silent()), "opened");
  policy.open_after = 0;
  for (const Observation &breach : {failing(), silent()}) EXPECT_EQ(Life(policy).see(breach), "opened");
}

TEST(Opening, ObviousFailuresAtOnce) {
  struct Example {
    std::uint64_t failures, settled;
    bool obvious;
  };
  for (const Example &example : {Example{5, 5, true}, Example{5, 10, true}, Example{500, 1000, true},
                                 Example{4, 4, false}, Example{5, 11, false}, Example{499, 1000, false}}) {
    SCOPED_TRACE(std::to_string(example.failures) + " of " + std::to_string(example.settled));
    EXPECT_EQ(Life().see(failing(example.failures, example.settled)), example.obvious ? "opened" : "");
  }
}

TEST(Opening, FailuresThatAreNotFlaggedAreNotObvious) { EXPECT_EQ(Life().see(traffic(10, 10)), ""); }

TEST(Opening, ACandidateVanishesWhenItIsNotFlagged) {
  for (const Observation &breach : {failing(), silent()}) {
    SCOPED_TRACE(int{breach.flagged});
    Life life;
    EXPECT_EQ(life.see(breach), "");
    EXPECT_EQ(life.wait(10 * kSecond).see(calm()), "");
    EXPECT_TRUE(life.state.candidate.empty());
    EXPECT_EQ(life.wait(10 * kSecond).see(breach), "");
    EXPECT_EQ(life.wait(20 * kSecond).see(breach), "opened");
  }
}

TEST(Opening, ACandidateThatIsTooOldStartsAgain) {
  const Duration life_time = 20 * kSecond + 10 * kMinute;
  Life in_time;
  in_time.see(silent());
  EXPECT_EQ(in_time.wait(life_time).see(silent()), "opened");
  Life late;
  late.see(silent());
  EXPECT_EQ(late.wait(life_time + kTick).see(silent()), "");
  EXPECT_EQ(late.wait(20 * kSecond).see(silent()), "opened");
}

TEST(Opening, OneKindDoesNotConfirmAnother) {
  Life life;
  EXPECT_EQ(life.see(silent()), "");
  EXPECT_EQ(life.wait(20 * kSecond).see(failing()), "");
  EXPECT_EQ(life.wait(20 * kSecond).see(silent()), "");
  EXPECT_FALSE(life.state.incident);
}

TEST(Opening, WithTheKindsThatAreConfirmed) {
  Life life;
  EXPECT_EQ(life.see(flag(kFailureKind, spike())), "opened");
  EXPECT_EQ(life.incident().kinds, kSpikeKind);
  // The cluster is still a candidate, and it goes on.
  EXPECT_EQ(life.wait(20 * kSecond).see(flag(kFailureKind, spike())), "escalated");
  EXPECT_EQ(life.incident().kinds, kSpikeKind | kFailureKind);
}

TEST(Opening, FreezesWhatIsUsual) {
  Observation breach = failing(6, 10);
  breach.expected_count = 42;
  breach.baseline_failures = 9;
  breach.baseline_settled = 140;
  Life life = opened_by(breach);
  breach.expected_count = 1;
  breach.baseline_failures = 100;
  life.keep(kHour, breach);
  EXPECT_EQ(life.incident().usual_count, 42);
  EXPECT_DOUBLE_EQ(life.incident().usual_failure_ratio, 9.5 / 190);
}

// While it lasts

TEST(Lasting, FiguresFollowAndPeaksStay) {
  Observation worst = flag(kFailureKind, spike(80));
  worst.recent_failures = 40;
  worst.baseline_failures = 2;
  Life life = opened_by(worst);
  EXPECT_EQ(life.wait(kMinute).see(spike(30)), "");
  const Incident &incident = life.incident();
  EXPECT_EQ(incident.recent_count, 30U);
  EXPECT_EQ(incident.baseline_count, 120U);
  EXPECT_EQ(incident.recent_failures, 0U);
  EXPECT_EQ(incident.baseline_failures, 0U);
  EXPECT_EQ(incident.peak_failures, 40U);
  EXPECT_EQ(incident.peak_multiplier, 8.0);
  EXPECT_EQ(incident.detected_at, kStart);
  EXPECT_EQ(incident.last_seen_at, kStart + kMinute);
}

TEST(Lasting, WithoutAMultiplierThereIsNoPeak) {
  Life life = opened_by(silent());
  EXPECT_EQ(life.incident().peak_multiplier, std::nullopt);
}

TEST(Lasting, AnotherKindJoinsTheSameIncident) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.wait(kMinute).see(silent()), "");
  EXPECT_EQ(life.incident().kinds, kSpikeKind);  // a silence needs its confirmation here too
  EXPECT_EQ(life.wait(20 * kSecond).see(silent()), "");
  EXPECT_EQ(life.incident().kinds, kSpikeKind | kSilenceKind);
  EXPECT_EQ(life.incident().id, 7);
}

TEST(Lasting, WhatItHoldsIsNoCandidate) {
  for (const Observation &breach : {failing(), silent()}) {
    Life life = opened_by(breach);
    life.keep(kMinute, breach);
    life.keep(kMinute, calm());
    life.keep(kMinute, breach);
    EXPECT_TRUE(life.state.candidate.empty());
    EXPECT_EQ(life.incident().last_seen_at, life.at);
  }
}

TEST(Lasting, TheLastBreachIsNotOfTheCalm) {
  Life life = opened_by(spike());
  life.keep(5 * kMinute, calm());
  EXPECT_EQ(life.incident().last_seen_at, kStart);
  EXPECT_EQ(life.incident().calm_since, kStart + kMinute);
}

// Calm

TEST(Calm, OfTenMinutesResolves) {
  for (const Observation &breach : {spike(), failing(), silent()}) {
    SCOPED_TRACE(int{breach.flagged});
    Life life = opened_by(breach);
    EXPECT_EQ(life.wait(kMinute).see(calm()), "");
    EXPECT_EQ(life.wait(10 * kMinute - kTick).see(calm()), "");
    EXPECT_EQ(life.wait(kTick).see(calm()), "resolved");
    EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kCalm);
    EXPECT_EQ(life.incident().resolved_at, life.at);
    EXPECT_EQ(life.incident().calm_since, std::nullopt);
    EXPECT_EQ(life.incident().id, 7);
    EXPECT_EQ(life.keep(kHour, calm()), "");
  }
}

TEST(Calm, IsMeasuredInTimeNotInTicks) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.keep(10 * kMinute, calm(), kSecond), "");
  EXPECT_EQ(life.keep(kSecond, calm(), kSecond), "resolved");
}

TEST(Calm, ResolveAfterIsASetting) {
  LifecyclePolicy policy;
  policy.resolve_after = 3 * kMinute;
  Life life = opened_by(spike(), policy);
  EXPECT_EQ(life.calm_down(3 * kMinute - kTick), "");
  EXPECT_EQ(life.wait(kTick).see(calm()), "resolved");
}

TEST(Calm, InterruptedStartsAgain) {
  // By the detector, by what it no longer flags but is not usual again, and by what is not confirmed yet.
  for (const Observation &interruption : {spike(), traffic(15), silent()}) {
    Life life = opened_by(spike());
    EXPECT_EQ(life.calm_down(9 * kMinute), "");
    EXPECT_EQ(life.wait(30 * kSecond).see(interruption), "");
    EXPECT_EQ(life.incident().calm_since, std::nullopt);
    EXPECT_EQ(life.incident().last_seen_at, life.at);
    EXPECT_EQ(life.wait(30 * kSecond).calm_down(10 * kMinute - kTick), "");
    EXPECT_EQ(life.wait(kTick).see(calm()), "resolved");
  }
}

TEST(Calm, OfASpikeIsBelowOneAndAHalfTimesTheUsual) {
  Life life = opened_by(spike());
  Observation now = traffic(15);
  now.expected_count = 1000;  // the detector has got used to it, the incident has not
  EXPECT_EQ(life.calm_down(kHour, now), "");
  now.recent_count = 14;
  EXPECT_EQ(life.calm_down(10 * kMinute, now), "resolved");
}

TEST(Calm, OfASpikeThatWasNeverExpectedIsNoDelivery) {
  Observation now = spike();
  now.expected_count = 0;
  Life life = opened_by(now);
  EXPECT_EQ(life.calm_down(10 * kMinute, traffic(1)), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, traffic(0)), "resolved");
}

TEST(Calm, OfAClusterIsOneAndAHalfTimesTheUsualRatioOrThreePercent) {
  struct Example {
    std::uint64_t baseline_failures, baseline_settled, calm, failures;  // of 100
  };
  // r = (bf + .5) / (b + 50): .000588, .0192, .100833
  for (const Example &example : {Example{0, 800, 3, 4}, Example{12, 600, 3, 4}, Example{60, 550, 15, 16}}) {
    SCOPED_TRACE(example.baseline_failures);
    Observation breach = failing(50, 100);
    breach.baseline_failures = example.baseline_failures;
    breach.baseline_settled = example.baseline_settled;
    Life life = opened_by(breach);
    Observation now = traffic(100, example.failures);
    now.baseline_failures = now.baseline_settled = 1000;  // frozen, too
    EXPECT_EQ(life.calm_down(kHour, now), "");
    now.recent_failures = example.calm;
    EXPECT_EQ(life.calm_down(10 * kMinute, now), "resolved");
  }
}

TEST(Calm, OfAClusterLooksAtSettledDeliveriesOnly) {
  Observation breach = failing(50, 100);
  breach.baseline_count = 1000000;
  breach.baseline_failures = 60;
  breach.baseline_settled = 550;
  Life life = opened_by(breach);
  Observation now = traffic(1000000, 15);
  now.recent_settled = 99;
  EXPECT_EQ(life.calm_down(10 * kMinute, now), "");
  now.recent_settled = 100;
  EXPECT_EQ(life.calm_down(10 * kMinute, now), "resolved");
}

TEST(Calm, OfASilenceIsAnyDelivery) {
  Life life = opened_by(silent());
  EXPECT_EQ(life.calm_down(kHour, traffic(0)), "");  // the detector forgets what was usual, and flags it no more
  EXPECT_EQ(life.calm_down(kHour, nothing_for_an_hour()), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, traffic(1)), "resolved");
}

TEST(Calm, OfASilentFleetIsHalfOfItsTraffic) {
  Life life = opened_by(of_fleet(silent()));
  EXPECT_EQ(life.calm_down(kHour, of_fleet(traffic(4))), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, of_fleet(traffic(5))), "resolved");
}

TEST(Calm, OfAFleetThatWasNeverExpectedIsAnyDelivery) {
  Observation breach = of_fleet(silent());
  breach.expected_count = 0;
  Life life = opened_by(breach);
  EXPECT_EQ(life.calm_down(kHour, of_fleet(traffic(0))), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, of_fleet(traffic(1))), "resolved");
}

TEST(Calm, IsThatOfAllKinds) {
  Life life = opened_by(flag(kFailureKind, spike()));
  life.keep(kMinute, flag(kFailureKind, spike()));
  ASSERT_EQ(life.incident().kinds, kSpikeKind | kFailureKind);
  EXPECT_EQ(life.calm_down(kHour, traffic(50)), "");
  EXPECT_EQ(life.calm_down(kHour, traffic(10, 5)), "");
  EXPECT_EQ(life.calm_down(), "resolved");
}

TEST(Calm, NeitherStartsNorEndsWithoutASettledDelivery) {
  Life life = opened_by(failing());
  EXPECT_EQ(life.keep(2 * kHour, unsettled()), "");
  EXPECT_EQ(life.incident().calm_since, std::nullopt);
  EXPECT_EQ(life.incident().status, IncidentStatus::kOpen);
  EXPECT_EQ(life.see(calm()), "");
  const Timestamp calm_since = life.at;
  EXPECT_EQ(life.keep(9 * kMinute, unsettled()), "");
  EXPECT_EQ(life.incident().calm_since, calm_since);
  EXPECT_EQ(life.keep(kMinute, calm()), "resolved");
}

TEST(Calm, IsKnownFromTheOtherKindsToBeOver) {
  Life life = opened_by(flag(kFailureKind, spike(5000)));
  life.keep(kMinute, flag(kFailureKind, spike(5000)));
  ASSERT_EQ(life.incident().kinds, kSpikeKind | kFailureKind);
  life.see(calm());
  Observation now = unsettled();
  now.recent_count = 5000;
  life.wait(kMinute).see(now);
  EXPECT_EQ(life.incident().calm_since, std::nullopt);
}

TEST(Calm, IsAnHourWithoutADelivery) {
  Life life = opened_by(failing());
  EXPECT_EQ(life.calm_down(10 * kMinute, traffic(0)), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, nothing_for_an_hour()), "resolved");
}

// Reopening

TEST(Reopening, WithinTheGraceIsTheSameIncident) {
  Life life = resolved_spike();
  const Incident before = life.incident();
  EXPECT_EQ(life.wait(30 * kMinute).see(spike(20)), "reopened");
  const Incident &incident = life.incident();
  EXPECT_EQ(incident.id, 7);
  EXPECT_EQ(incident.status, IncidentStatus::kOpen);
  EXPECT_EQ(incident.resolve_reason, ResolveReason::kNone);
  EXPECT_EQ(incident.resolved_at, std::nullopt);
  EXPECT_EQ(incident.reopen_count, 1);
  EXPECT_FALSE(incident.flapping);
  EXPECT_EQ(incident.detected_at, before.detected_at);
  EXPECT_EQ(incident.last_seen_at, life.at);
  EXPECT_EQ(incident.level_since, life.at);
  EXPECT_EQ(incident.recent_count, 20U);
  EXPECT_EQ(incident.peak_multiplier, 5.0);
  EXPECT_EQ(incident.usual_count, kUsual);
}

TEST(Reopening, AfterTheGraceItIsANewIncident) {
  Life life = resolved_spike();
  EXPECT_EQ(life.wait(30 * kMinute + kTick).see(spike(20)), "opened");
  EXPECT_EQ(life.incident().id, 0);
  EXPECT_EQ(life.incident().reopen_count, 0);
  EXPECT_EQ(life.incident().detected_at, life.at);
  EXPECT_EQ(life.incident().peak_multiplier, 2.0);
}

TEST(Reopening, TheGraceIsASetting) {
  LifecyclePolicy policy;
  policy.reopen_grace = 0;
  EXPECT_EQ(resolved_spike(policy).see(spike()), "reopened");
  EXPECT_EQ(resolved_spike(policy).wait(kTick).see(spike()), "opened");
}

TEST(Reopening, NeedsTheSameConfirmation) {
  Life life = resolved_spike();
  EXPECT_EQ(life.wait(kMinute).see(failing()), "");
  EXPECT_TRUE(life.incident().resolved());
  EXPECT_EQ(life.wait(20 * kSecond).see(failing()), "reopened");
  EXPECT_EQ(life.incident().kinds, kFailureKind);  // of the spike nothing is left
}

TEST(Reopening, ForgetsTheAcknowledgement) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + 24 * kHour);
  EXPECT_EQ(life.calm_down(), "resolved");
  EXPECT_EQ(life.see(spike()), "reopened");
  EXPECT_EQ(life.incident().status, IncidentStatus::kOpen);
  EXPECT_EQ(life.incident().acknowledged_at, std::nullopt);
  EXPECT_EQ(life.incident().ack_until, std::nullopt);
}

TEST(Reopening, WhateverEndedIt) {
  const auto end = [](Events (*action)(Incident &, Timestamp)) {
    Life life = opened_by(spike());
    action(life.incident(), life.at);
    return life.wait(kMinute).see(spike());
  };
  EXPECT_EQ(end(expire), "reopened");
  EXPECT_EQ(end(drop_source), "reopened");
}

// Flapping

TEST(Flapping, IsMoreThanThreeReopenings) {
  Life life = reopened(3);
  EXPECT_FALSE(life.incident().flapping);
  EXPECT_EQ(life.flap(), "resolved reopened flapping");
  EXPECT_TRUE(life.incident().flapping);
  EXPECT_EQ(life.incident().reopen_count, 4);
}

TEST(Flapping, IsHeldOpenUntilItIsCalmForTheGrace) {
  LifecyclePolicy policy;
  policy.flap_threshold = 0;
  Life life = resolved_spike(policy);
  EXPECT_EQ(life.see(spike()), "reopened flapping");
  EXPECT_EQ(life.calm_down(29 * kMinute), "");
  EXPECT_EQ(life.see(spike()), "");
  EXPECT_EQ(life.calm_down(30 * kMinute - kTick), "");
  EXPECT_EQ(life.wait(kTick).see(calm()), "resolved");
}

TEST(Flapping, NeverShortensTheCalm) {
  LifecyclePolicy policy;
  policy.flap_threshold = 0;
  policy.reopen_grace = kMinute;
  Life life = resolved_spike(policy);
  EXPECT_EQ(life.see(spike()), "reopened flapping");
  EXPECT_EQ(life.calm_down(10 * kMinute - kTick), "");
  EXPECT_EQ(life.wait(kTick).see(calm()), "resolved");
}

TEST(Flapping, IsSaidOnce) {
  LifecyclePolicy policy;
  policy.flap_threshold = 0;
  Life life = resolved_spike(policy);
  EXPECT_EQ(life.see(spike()), "reopened flapping");
  EXPECT_EQ(life.calm_down(30 * kMinute), "resolved");
  EXPECT_EQ(life.see(spike()), "reopened");
  EXPECT_TRUE(life.incident().flapping);
}

TEST(Flapping, CountsTheReopeningsOfSixHours) {
  for (const Duration beyond : {Duration{0}, kTick}) {
    Life life = reopened(1);
    const Timestamp first = life.at;
    life.keep(5 * kHour, spike());
    for (int i = 0; i < 2; ++i) EXPECT_EQ(life.flap(), "resolved reopened");
    life.keep(first + 6 * kHour + beyond - life.at - 10 * kMinute, spike());
    EXPECT_EQ(life.flap(), beyond == 0 ? "resolved reopened flapping" : "resolved reopened");
  }
}

TEST(Flapping, EndsWithTheWindow) {
  LifecyclePolicy policy;
  policy.flap_threshold = 1;
  Life life = reopened(1, policy);
  EXPECT_EQ(life.flap(), "resolved reopened flapping");
  life.keep(6 * kHour, spike());
  EXPECT_EQ(life.calm_down(30 * kMinute), "resolved");
  EXPECT_EQ(life.see(spike()), "reopened");
  EXPECT_FALSE(life.incident().flapping);
}

TEST(Flapping, RemembersEnoughForTheLargestThreshold) {
  LifecyclePolicy policy;
  policy.flap_threshold = kMostReopens - 1;
  policy.flap_window = 24 * kHour;
  Life life = reopened(kMostReopens - 1, policy);
  EXPECT_EQ(life.flap(), "resolved reopened flapping");
  for (int i = 0; i < kMostReopens; ++i) {
    EXPECT_EQ(life.calm_down(30 * kMinute), "resolved");
    EXPECT_EQ(life.see(spike()), "reopened");
  }
  EXPECT_EQ(life.incident().reopen_count, 2 * kMostReopens);
}

// Escalation

// An endpoint whose first failures came before its traffic: what was usual then is nothing.
TEST(Escalation, FreezesWhatIsUsualWhenTheSpikeJoins) {
  Observation first = failing();
  first.expected_count = 0;
  Life life = opened_by(first);
  life.wait(kMinute).see(spike());
  EXPECT_EQ(life.incident().usual_count, kUsual);
  EXPECT_EQ(life.calm_down(), "resolved");
}

TEST(Escalation, IsTheRiseToCritical) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.wait(kHour).see(failing(5, 5)), "escalated");
  EXPECT_TRUE(life.incident().critical());
  EXPECT_EQ(life.incident().level_since, life.at);
  EXPECT_EQ(life.keep(kHour, failing(5, 5)), "");
}

TEST(Escalation, NeedsAConfirmedCluster) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.wait(kHour).see(failing()), "");
  EXPECT_FALSE(life.incident().critical());
  EXPECT_EQ(life.wait(20 * kSecond).see(failing()), "escalated");
}

TEST(Escalation, NothingElseIsOne) {
  Life life = opened_by(failing());
  EXPECT_EQ(life.keep(kHour, spike()), "");
  EXPECT_EQ(life.keep(kHour, silent()), "");
  EXPECT_EQ(life.incident().kinds, kSpikeKind | kFailureKind | kSilenceKind);
  EXPECT_EQ(life.incident().level_since, life.incident().detected_at);
}

TEST(Escalation, OfAnAcknowledgedOneToo) {
  Life life = opened_by(spike());
  life.acknowledge();
  EXPECT_EQ(life.wait(kMinute).see(failing(5, 5)), "escalated");
  EXPECT_EQ(life.incident().status, IncidentStatus::kAcknowledged);
}

TEST(Escalation, ComesAfterTheEndOfTheAcknowledgement) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + kMinute);
  EXPECT_EQ(life.wait(kMinute).see(failing(5, 5)), "ack_expired escalated");
}

// Acknowledgement

TEST(Acknowledgement, IsOfAnUnresolvedIncident) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.wait(kMinute).acknowledge(), "acknowledged");
  EXPECT_EQ(life.incident().status, IncidentStatus::kAcknowledged);
  EXPECT_EQ(life.incident().acknowledged_at, life.at);
  EXPECT_EQ(life.incident().ack_until, std::nullopt);
  EXPECT_EQ(life.keep(3 * kHour, spike()), "");
  EXPECT_EQ(life.incident().status, IncidentStatus::kAcknowledged);
}

TEST(Acknowledgement, Expires) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + kHour);
  EXPECT_EQ(life.wait(kHour - kTick).see(spike()), "");
  EXPECT_EQ(life.wait(kTick).see(spike()), "ack_expired");
  EXPECT_EQ(life.incident().status, IncidentStatus::kOpen);
  EXPECT_EQ(life.incident().acknowledged_at, std::nullopt);
  EXPECT_EQ(life.incident().ack_until, std::nullopt);
  EXPECT_EQ(life.keep(kHour, spike()), "");
  EXPECT_EQ(life.acknowledge(), "acknowledged");
}

TEST(Acknowledgement, DoesNotKeepACalmIncidentOpen) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + 10 * kMinute);
  EXPECT_EQ(life.calm_down(), "ack_expired resolved");
  Life for_ever = opened_by(spike());
  for_ever.acknowledge();
  EXPECT_EQ(for_ever.calm_down(), "resolved");
  EXPECT_NE(for_ever.incident().acknowledged_at, std::nullopt);
}

TEST(Acknowledgement, IsIdempotent) {
  for (const std::optional<Timestamp> until : {std::optional<Timestamp>(), std::optional(kStart + kHour)}) {
    Life life = opened_by(spike());
    EXPECT_EQ(life.acknowledge(until), "acknowledged");
    EXPECT_EQ(life.wait(kMinute).acknowledge(until), "");
    EXPECT_EQ(life.incident().acknowledged_at, kStart);
    // Another end is another acknowledgement.
    EXPECT_EQ(life.acknowledge(kStart + 2 * kHour), "acknowledged");
    EXPECT_EQ(life.incident().ack_until, kStart + 2 * kHour);
  }
}

TEST(Acknowledgement, MustEndInTheFuture) {
  Life life = opened_by(spike());
  const Incident before = life.incident();
  for (const Timestamp until : {life.at, life.at - kHour}) {
    EXPECT_EQ(refusal([&] { life.acknowledge(until); }), ErrorKind::kInvalidArgument);
  }
  EXPECT_FALSE(life.must_store(before));
  EXPECT_EQ(life.acknowledge(life.at + kTick), "acknowledged");
}

TEST(Acknowledgement, IsNotOfAResolvedIncident) {
  Life life = resolved_spike();
  EXPECT_EQ(refusal([&] { life.acknowledge(); }), ErrorKind::kWrongState);
  EXPECT_EQ(refusal([&] { life.acknowledge(life.at + kHour); }), ErrorKind::kWrongState);
  EXPECT_TRUE(life.incident().resolved());
}

// Resolved by hand

TEST(ByHand, ResolvesOnce) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + kHour);
  EXPECT_EQ(life.wait(kMinute).resolve(), "resolved");
  const Incident before = life.incident();
  EXPECT_EQ(before.resolve_reason, ResolveReason::kByHand);
  EXPECT_EQ(before.resolved_at, life.at);
  EXPECT_EQ(before.ack_until, std::nullopt);
  EXPECT_EQ(life.wait(kMinute).resolve(), "");
  EXPECT_FALSE(life.must_store(before));
  EXPECT_EQ(life.incident().resolved_at, before.resolved_at);
}

TEST(ByHand, LeavesOtherEndsAlone) {
  Life life = resolved_spike();
  EXPECT_EQ(life.resolve(), "");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kCalm);
  EXPECT_EQ(life.incident().suppression, Suppression::kNone);
}

TEST(ByHand, WhileItBreachesItStaysResolved) {
  for (const Observation &breach : {spike(), failing(5, 10), silent()}) {
    SCOPED_TRACE(int{breach.flagged});
    Life life = opened_by(breach);
    life.resolve();
    EXPECT_EQ(life.keep(5 * kHour, breach), "");
    EXPECT_EQ(life.calm_down(10 * kMinute - kTick), "");
    EXPECT_EQ(life.keep(kMinute, breach), "");  // not calm for long enough
    EXPECT_EQ(life.calm_down(), "");
    EXPECT_EQ(life.see(breach), breach.flagged == kSilenceKind ? "" : "opened");
    EXPECT_EQ(life.keep(kMinute, breach), breach.flagged == kSilenceKind ? "opened" : "");
  }
}

TEST(ByHand, AfterTheCalmTheGraceCountsFromItsEnd) {
  Life life = opened_by(spike());
  life.resolve();
  life.keep(10 * kMinute, spike());
  EXPECT_EQ(life.calm_down(), "");
  EXPECT_EQ(life.wait(10 * kMinute).see(spike()), "reopened");
}

TEST(ByHand, WhileItIsCalmTheNextBreachCounts) {
  Life life = opened_by(spike());
  life.wait(kMinute).see(calm());
  EXPECT_EQ(life.wait(kMinute).resolve(), "resolved");
  EXPECT_EQ(life.incident().suppression, Suppression::kNone);
  EXPECT_EQ(life.wait(kMinute).see(spike()), "reopened");
}

TEST(ByHand, WhatBreachesMeanwhileIsNoCandidate) {
  Life life = opened_by(spike());
  life.see(failing());
  EXPECT_FALSE(life.state.candidate.empty());
  life.resolve();
  life.keep(kMinute, failing(), kSecond);
  EXPECT_TRUE(life.state.candidate.empty());
}

TEST(ByHand, UnknownIsNotCalm) {
  Life life = opened_by(failing());
  life.resolve();
  EXPECT_EQ(life.keep(kHour, unsettled()), "");
  EXPECT_EQ(life.see(failing(5, 5)), "");
  life.calm_down(5 * kMinute);
  EXPECT_EQ(life.keep(4 * kMinute, unsettled()), "");  // nor does it end a calm
  EXPECT_EQ(life.keep(kMinute, calm()), "");
  EXPECT_EQ(life.see(failing(5, 5)), "opened");
}

TEST(ByHand, ALevelThatStaysForADayIsNormalHereToo) {
  Life life = opened_by(spike());
  life.resolve();
  EXPECT_EQ(life.keep(24 * kHour, spike(), 10 * kMinute), "");
  EXPECT_EQ(life.wait(kMinute).see(spike(74)), "");
  EXPECT_EQ(life.wait(kMinute).see(spike(75)), "opened");
}

// The new normal

TEST(NewNormal, IsALevelThatStaysForADay) {
  for (const Observation &breach : {spike(), failing(), silent()}) {
    SCOPED_TRACE(int{breach.flagged});
    Life life = opened_by(breach);
    EXPECT_EQ(life.keep(24 * kHour - kTick, breach, 10 * kMinute), "");
    EXPECT_EQ(life.wait(kTick).see(breach), "resolved");
    EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kNewNormal);
    EXPECT_EQ(life.incident().resolved_at, life.at);
    EXPECT_EQ(life.keep(24 * kHour, breach, 10 * kMinute), "");
  }
}

TEST(NewNormal, IsASetting) {
  LifecyclePolicy policy;
  policy.new_normal_after = kHour;
  Life life = opened_by(spike(), policy);
  EXPECT_EQ(life.keep(kHour - kTick, spike()), "");
  EXPECT_EQ(life.wait(kTick).see(spike()), "resolved");
}

TEST(NewNormal, CountsFromTheEscalation) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.wait(23 * kHour).see(failing(5, 5)), "escalated");
  EXPECT_EQ(life.keep(24 * kHour - kTick, failing(5, 5), 10 * kMinute), "");
  EXPECT_EQ(life.wait(kTick).see(failing(5, 5)), "resolved");
}

TEST(NewNormal, CountsFromTheReopening) {
  Life life = opened_by(spike());
  life.keep(23 * kHour, spike(), 10 * kMinute);
  EXPECT_EQ(life.flap(), "resolved reopened");
  EXPECT_EQ(life.keep(24 * kHour - kTick, spike(), 10 * kMinute), "");
}

TEST(NewNormal, IsNotWhatIsCalm) {
  Life life = opened_by(spike());
  life.keep(24 * kHour - 5 * kMinute, spike(), 10 * kMinute);
  life.see(calm());
  EXPECT_EQ(life.keep(10 * kMinute, calm()), "resolved");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kCalm);
}

TEST(NewNormal, WorseTrafficReopensIt) {
  Life life = new_normal(spike(50));
  EXPECT_EQ(life.wait(kMinute).see(spike(74)), "");
  EXPECT_EQ(life.wait(kMinute).see(traffic(75)), "");  // the detector must say so
  EXPECT_EQ(life.wait(kMinute).see(spike(75)), "reopened");
  EXPECT_EQ(life.incident().suppression, Suppression::kNone);
}

TEST(NewNormal, WorseTrafficOpensAnotherAfterTheGrace) {
  Life life = new_normal(spike(50));
  EXPECT_EQ(life.keep(10 * kHour, spike(74)), "");
  EXPECT_EQ(life.wait(kMinute).see(spike(75)), "opened");
}

TEST(NewNormal, MoreFailuresReopenIt) {
  Life life = new_normal(failing(40, 100));
  EXPECT_EQ(life.wait(kMinute).see(failing(59, 100)), "");
  EXPECT_EQ(life.wait(kMinute).see(failing(61, 100)), "reopened");
  // After that, once more what the detector flags is confirmed first.
  Life unconfirmed = new_normal(failing(10, 100));
  EXPECT_EQ(unconfirmed.wait(kMinute).see(failing(20, 100)), "");
  EXPECT_EQ(unconfirmed.wait(20 * kSecond).see(failing(20, 100)), "reopened");
}

TEST(NewNormal, OfTrafficIsNotOneOfFailures) {
  Life life = new_normal(spike(50));
  Observation breach = flag(kFailureKind, spike(50));
  breach.recent_failures = 25;
  EXPECT_EQ(life.wait(kMinute).see(breach), "reopened");
  EXPECT_TRUE(life.incident().critical());
}

TEST(NewNormal, OfFailuresIsNotOneOfSilence) {
  Life life = opened_by(failing());
  EXPECT_EQ(life.keep(24 * kHour, failing(), 10 * kMinute), "resolved");
  EXPECT_EQ(life.wait(kMinute).see(silent()), "");
  EXPECT_EQ(life.wait(kMinute).see(silent()), "reopened");
}

TEST(NewNormal, CalmAtThatLevelMakesTheNextBreachCount) {
  Life life = new_normal(spike(50));
  EXPECT_EQ(life.calm_down(10 * kMinute - kTick, traffic(50)), "");
  EXPECT_EQ(life.wait(kTick).see(traffic(50)), "");
  EXPECT_EQ(life.wait(kHour).see(spike(50)), "opened");
}

TEST(NewNormal, ASilenceIsOverWhenDeliveriesAreBack) {
  Life life = new_normal(silent());
  EXPECT_EQ(life.keep(5 * kHour, traffic(0)), "");
  EXPECT_EQ(life.calm_down(10 * kMinute, traffic(1)), "");
  EXPECT_EQ(life.see(silent()), "");
  EXPECT_EQ(life.wait(20 * kSecond).see(silent()), "opened");
}

TEST(NewNormal, IsReachedByWhatNobodyCanTell) {
  Life life = opened_by(failing(40, 100));
  EXPECT_EQ(life.keep(24 * kHour, unsettled(), 10 * kMinute), "resolved");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kNewNormal);
}

// Incidents that nobody evaluates

TEST(Expiry, IsAfterAnHourWithoutEvaluation) {
  Life life = opened_by(spike());
  life.wait(kHour);
  EXPECT_FALSE(life.expired());
  life.wait(kTick);
  EXPECT_TRUE(life.expired());
  EXPECT_EQ(said(expire(life.incident(), life.at)), "resolved");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kExpired);
  EXPECT_EQ(life.incident().resolved_at, life.at);
  EXPECT_FALSE(life.expired());
  EXPECT_EQ(said(expire(life.incident(), life.at)), "");
}

TEST(Expiry, IsOfAnAcknowledgedOneToo) {
  Life life = opened_by(spike());
  life.acknowledge(life.at + 24 * kHour);
  life.wait(kHour + kTick);
  EXPECT_TRUE(life.expired());
  EXPECT_EQ(said(expire(life.incident(), life.at)), "resolved");
  EXPECT_EQ(life.incident().ack_until, std::nullopt);
}

TEST(Expiry, IsASetting) {
  LifecyclePolicy policy;
  policy.expire_after = kMinute;
  Life life = opened_by(spike(), policy);
  EXPECT_FALSE(life.wait(kMinute).expired());
  EXPECT_TRUE(life.wait(kTick).expired());
}

TEST(Expiry, CountsFromTheLastEvaluation) {
  Life life = opened_by(spike());
  life.keep(2 * kHour, spike());
  life.wait(kHour).see(calm());
  EXPECT_FALSE(life.expired());
  EXPECT_FALSE(life.wait(kHour).expired());
  EXPECT_TRUE(life.wait(kTick).expired());
}

TEST(Expiry, NotOfWhatIsEvaluatedWithoutAVerdict) {
  Life life = opened_by(failing());
  life.keep(2 * kHour, unsettled());
  EXPECT_FALSE(life.expired());
}

TEST(Expiry, NotInALongCalm) {
  LifecyclePolicy policy;
  policy.resolve_after = 3 * kHour;
  Life life = opened_by(spike(), policy);
  life.keep(2 * kHour, calm());
  EXPECT_FALSE(life.expired());
}

TEST(DroppedSource, EndsItsIncidents) {
  Life life = opened_by(spike());
  life.wait(kMinute);
  EXPECT_EQ(said(drop_source(life.incident(), life.at)), "resolved");
  EXPECT_EQ(life.incident().resolve_reason, ResolveReason::kSourceDropped);
  EXPECT_EQ(life.incident().resolved_at, life.at);
  EXPECT_EQ(said(drop_source(life.incident(), life.at)), "");
  Life resolved = resolved_spike();
  EXPECT_EQ(said(drop_source(resolved.incident(), resolved.at)), "");
  EXPECT_EQ(resolved.incident().resolve_reason, ResolveReason::kCalm);
}

// Mutes

TEST(Mute, BeginsAndEndsWithAnEventEach) {
  Life life = opened_by(spike());
  EXPECT_EQ(life.mute(false), "");
  EXPECT_EQ(life.mute(true), "muted");
  EXPECT_TRUE(life.incident().muted);
  EXPECT_EQ(life.mute(true), "");
  EXPECT_EQ(life.mute(false), "unmuted");
  EXPECT_FALSE(life.incident().muted);
  EXPECT_EQ(life.mute(false), "");
}

TEST(Mute, OfAnAcknowledgedOneToo) {
  Life life = opened_by(spike());
  life.acknowledge();
  EXPECT_EQ(life.mute(true), "muted");
  EXPECT_EQ(life.mute(false), "unmuted");
}

TEST(Mute, AddsNothingToAStepThatSaysSomething) {
  Events opened;
  opened.add(Event::kOpened);
  Life life = opened_by(spike());
  EXPECT_EQ(life.mute(true, opened), "opened");
  EXPECT_TRUE(life.incident().muted);
  Events escalated;
  escalated.add(Event::kEscalated);
  EXPECT_EQ(life.mute(false, escalated), "escalated");
  EXPECT_FALSE(life.incident().muted);
}

TEST(Mute, AnIncidentThatOpensMutedTellsWhenTheMuteEnds) {
  Events opened;
  opened.add(Event::kOpened);
  Life life = opened_by(spike());
  life.mute(true, opened);
  EXPECT_EQ(life.mute(true), "");
  EXPECT_EQ(life.mute(false), "unmuted");
}

TEST(Mute, OfAResolvedOneIsSilent) {
  Life life = resolved_spike();
  EXPECT_EQ(life.mute(true), "");
  EXPECT_TRUE(life.incident().muted);
  EXPECT_EQ(life.mute(false), "");
  EXPECT_FALSE(life.incident().muted);
}

// What is written

TEST(MustStore, NothingWhereNothingChanged) {
  Life life = opened_by(spike());
  const Incident before = life.incident();
  EXPECT_FALSE(life.must_store(before));
  life.see(spike());
  EXPECT_FALSE(life.must_store(before));
  life.see(calm());
  const Incident calm_one = life.incident();
  life.keep(9 * kMinute, calm());
  EXPECT_FALSE(life.must_store(calm_one));
}

TEST(MustStore, NothingOfWhatIsOver) {
  Life life = resolved_spike();
  const Incident before = life.incident();
  life.keep(24 * kHour, calm(), 10 * kMinute);
  EXPECT_FALSE(life.must_store(before));
}

TEST(MustStore, TheLastBreachOnceAMinute) {
  Life life = opened_by(spike(50));
  const Incident stored = life.incident();
  life.wait(kMinute - kTick).see(spike(40));
  EXPECT_FALSE(life.must_store(stored));
  life.wait(kTick).see(spike(40));
  EXPECT_TRUE(life.must_store(stored));
}

// Else it would expire, since what is stored is what the next tick knows.
TEST(MustStore, ThatItIsEvaluatedAtAll) {
  Life life = opened_by(failing());
  life.policy.resolve_after = 3 * kHour;
  for (const Observation &now : {unsettled(), calm()}) {
    life.see(now);
    const Incident stored = life.incident();
    EXPECT_EQ(life.keep(30 * kMinute - kTick, now), "");
    EXPECT_FALSE(life.must_store(stored));
    EXPECT_EQ(life.wait(kTick).see(now), "");
    EXPECT_TRUE(life.must_store(stored));
  }
}

TEST(MustStore, ThatAWorseBreachIsBeingConfirmed) {
  Life life = new_normal(failing(10, 100));
  const Incident before = life.incident();
  EXPECT_EQ(life.wait(kMinute).see(failing(20, 100)), "");
  EXPECT_EQ(life.incident().suppression, Suppression::kNone);
  EXPECT_TRUE(life.must_store(before));
}

TEST(MustStore, EveryChangeThatIsNewsAtOnce) {
  const Observation cluster = failing(5, 5);
  struct Example {
    const char *what;
    Observation opened_by;
    std::function<void(Life &)> before, change;
  };
  const auto nothing = [](Life &) {};
  const auto sees = [](const Observation &now) { return [now](Life &life) { life.wait(kSecond).see(now); }; };
  const std::vector<Example> examples = {
      {"a peak of failures", failing(), nothing, sees(failing(4, 10))},
      {"a peak of the multiplier", spike(50), nothing, sees(spike(51))},
      {"the first multiplier", failing(), nothing, sees(spike(2))},
      {"calm begins", spike(), nothing, sees(calm())},
      {"calm ends", spike(), sees(calm()), sees(spike())},
      {"another kind", cluster, nothing, sees(spike(1))},
      {"escalated", spike(), nothing, sees(cluster)},
      {"acknowledged", spike(), nothing, [](Life &life) { life.acknowledge(); }},
      {"acknowledged for longer", spike(), [](Life &life) { life.acknowledge(life.at + 1); },
       [](Life &life) { life.acknowledge(life.at + 2); }},
      {"the acknowledgement expires", spike(), [](Life &life) { life.acknowledge(life.at + 1); }, sees(spike())},
      {"resolved", spike(), nothing, [](Life &life) { life.resolve(); }},
      {"resolved by calm", spike(), sees(calm()), [](Life &life) { life.wait(10 * kMinute).see(calm()); }},
      {"reopened", spike(), [](Life &life) { life.calm_down(); }, sees(spike())},
      {"calm begins after it was resolved by hand", spike(), [](Life &life) { life.resolve(); }, sees(calm())},
      {"no longer held back", spike(),
       [](Life &life) {
         life.resolve();
         life.see(calm());
       },
       [](Life &life) { life.wait(10 * kMinute).see(calm()); }},
      {"the new normal of one resolved by hand", spike(), [](Life &life) { life.resolve(); },
       [](Life &life) { life.wait(24 * kHour).see(spike()); }},
      {"muted", spike(), nothing, [](Life &life) { life.mute(true); }},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(example.what);
    Life life = opened_by(example.opened_by);
    example.before(life);
    const Incident before = life.incident();
    example.change(life);
    EXPECT_TRUE(life.must_store(before));
  }
}

// Clocks

TEST(Clock, RunningBackConfirmsNothing) {
  Life life;
  life.see(silent());
  EXPECT_EQ(life.wait(-5 * kMinute).see(silent()), "");
  EXPECT_EQ(life.wait(5 * kMinute + 20 * kSecond).see(silent()), "opened");
}

TEST(Clock, RunningBackEndsNothing) {
  Life life = opened_by(spike());
  life.wait(kMinute).see(calm());
  EXPECT_EQ(life.wait(-24 * kHour).see(calm()), "");
  EXPECT_FALSE(life.expired());
  EXPECT_EQ(life.wait(24 * kHour + 10 * kMinute).see(calm()), "resolved");
}

TEST(Clock, RunningBackKeepsTheOrderOfTimes) {
  Life life = opened_by(spike());
  life.wait(kHour).see(spike());
  life.wait(-2 * kHour).see(spike(60));
  EXPECT_EQ(life.incident().detected_at, kStart);
  EXPECT_EQ(life.incident().last_seen_at, kStart + kHour);
  EXPECT_EQ(life.incident().recent_count, 60U);
  EXPECT_EQ(life.resolve(), "resolved");
  EXPECT_EQ(life.incident().resolved_at, kStart + kHour);
}

TEST(Clock, RunningBackReopensTheSameIncident) {
  Life life = resolved_spike();
  EXPECT_EQ(life.wait(-5 * kHour).see(spike()), "reopened");
  EXPECT_LE(life.incident().detected_at, life.incident().last_seen_at);
}

TEST(Clock, MayBeBeforeItsEpoch) {
  Life life;
  life.at = -kHour;
  EXPECT_EQ(life.see(spike()), "opened");
  EXPECT_EQ(life.incident().detected_at, -kHour);
  EXPECT_EQ(life.incident().last_seen_at, -kHour);
  EXPECT_EQ(life.calm_down(), "resolved");
  EXPECT_EQ(life.incident().resolved_at, -kHour + 10 * kMinute);
}

// Names

TEST(Names, OfEverything) {
  const std::vector<std::string> events = {"opened",   "escalated", "acknowledged", "ack_expired", "reopened",
                                           "flapping", "resolved",  "muted",        "unmuted"};
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(name_of(static_cast<Event>(i)), events[i]);
  EXPECT_STREQ(name_of(IncidentStatus::kOpen), "open");
  EXPECT_STREQ(name_of(IncidentStatus::kAcknowledged), "acknowledged");
  EXPECT_STREQ(name_of(IncidentStatus::kResolved), "resolved");
  EXPECT_EQ(name_of(ResolveReason::kNone), nullptr);
  EXPECT_STREQ(name_of(ResolveReason::kCalm), "calm");
  EXPECT_STREQ(name_of(ResolveReason::kNewNormal), "new normal");
  EXPECT_STREQ(name_of(ResolveReason::kByHand), "by hand");
  EXPECT_STREQ(name_of(ResolveReason::kExpired), "expired");
  EXPECT_STREQ(name_of(ResolveReason::kSourceDropped), "source dropped");
  EXPECT_EQ(name_of(Suppression::kNone), nullptr);
  EXPECT_STREQ(name_of(Suppression::kUntilCalm), "until calm");
  EXPECT_STREQ(name_of(Suppression::kUntilCalmOrWorse), "until calm or worse");
}

// Random lives

namespace {

// The model. It keeps all that was ever seen and looks back, where the lifecycle keeps account as it goes.
class Chronicle {
 public:
  explicit Chronicle(const LifecyclePolicy &policy) : policy_(policy) {}

  std::string observe(const Observation &now) {
    seen_.push_back(now);
    std::string names;
    if (held_back_ != Suppression::kNone && !may_count_again()) {
      candidates_from_.fill(seen_.size());
      return names;
    }
    const Kinds kinds = confirmed();
    if (unresolved()) {
      go_on(kinds, names);
    } else if (kinds != 0 && exists_ && now.at - resolved_at_ <= policy_.reopen_grace) {
      begin(kinds);
      reopenings_.push_back(now.at);
      append(names, "reopened");
      const bool was_flapping = flapping_;
      const auto recent = std::count_if(reopenings_.begin(), reopenings_.end(),
                                        [&](Timestamp at) { return now.at - at <= policy_.flap_window; });
      flapping_ = recent > policy_.flap_threshold;
      if (flapping_ && !was_flapping) append(names, "flapping");
    } else if (kinds != 0) {
      open(kinds);
      append(names, "opened");
    }
    return names;
  }

  std::string acknowledge(Timestamp at, std::optional<Timestamp> until) {
    if (!unresolved()) return "wrong state";
    if (until && *until <= at) return "invalid argument";
    if (status_ == IncidentStatus::kAcknowledged && until == ack_until_) return "";
    status_ = IncidentStatus::kAcknowledged;
    acknowledged_at_ = at;
    ack_until_ = until;
    return "acknowledged";
  }

  std::string end(Timestamp at, ResolveReason reason) {
    if (!unresolved()) return "";
    if (reason == ResolveReason::kByHand && !calm_since()) held_back_ = Suppression::kUntilCalm;
    status_ = IncidentStatus::kResolved;
    reason_ = reason;
    resolved_at_ = at;
    ack_until_.reset();
    judged_from_ = seen_.size();
    return "resolved";
  }

  void mute(bool muted, std::string &names) {
    if (muted != muted_ && names.empty() && unresolved()) names = muted ? "muted" : "unmuted";
    muted_ = muted;
  }

  // In what the lifecycle differs; null where it does not.
  const char *difference(const KeyState &state) const {
    if (state.incident.has_value() != exists_) return "existence";
    if (!exists_) return nullptr;
    const Incident &incident = *state.incident;
    if (incident.status != status_) return "status";
    if (incident.resolve_reason != reason_) return "resolve_reason";
    if (incident.suppression != held_back_) return "suppression";
    if (incident.kinds != kinds_) return "kinds";
    if (incident.detected_at != detected_at_) return "detected_at";
    if (incident.last_seen_at != last_seen_at_) return "last_seen_at";
    if (incident.evaluated_at != evaluated_at_) return "evaluated_at";
    if (incident.resolved_at != (unresolved() ? std::nullopt : std::optional(resolved_at_))) return "resolved_at";
    if (incident.acknowledged_at != acknowledged_at_) return "acknowledged_at";
    if (incident.ack_until != ack_until_) return "ack_until";
    const bool judged = unresolved() || held_back_ != Suppression::kNone;
    if (incident.calm_since != (judged ? calm_since() : std::nullopt)) return "calm_since";
    if (incident.recent_failures != last_breach_.recent_failures) return "recent_failures";
    if (incident.recent_count != last_breach_.recent_count) return "recent_count";
    if (incident.peak_failures != peak_failures_) return "peak_failures";
    if (incident.peak_multiplier != peak_multiplier_) return "peak_multiplier";
    if (incident.reopen_count != static_cast<int>(reopenings_.size())) return "reopen_count";
    if (incident.flapping != flapping_) return "flapping";
    if (incident.muted != muted_) return "muted";
    return nullptr;
  }

 private:
  enum class Verdict { kBreach, kCalm, kUnknown };

  bool unresolved() const { return exists_ && status_ != IncidentStatus::kResolved; }
  bool holds(Kinds kind) const { return (kinds_ & kind) != 0; }
  const Observation &now() const { return seen_.back(); }

  bool traffic_exceeds(const Observation &at) const {
    return at.recent_count > 0 && static_cast<double>(at.recent_count) >= 1.5 * usual_;
  }

  bool failures_exceed(const Observation &at) const {
    if (at.recent_settled == 0) return false;
    const double ratio = static_cast<double>(at.recent_failures) / static_cast<double>(at.recent_settled);
    return ratio > 0.03 && ratio > 1.5 * usual_ratio_;
  }

  bool is_without_deliveries(const Observation &at) const {
    return at.recent_count == 0 || (at.fleet && 2 * static_cast<double>(at.recent_count) < usual_);
  }

  Verdict judge(const Observation &at) const {
    if (at.flagged != 0 || (holds(kSpikeKind) && traffic_exceeds(at)) || (holds(kFailureKind) && failures_exceed(at)) ||
        (holds(kSilenceKind) && is_without_deliveries(at))) {
      return Verdict::kBreach;
    }
    const bool tells_nothing = at.recent_settled == 0 && at.hour_count > 0;
    return holds(kFailureKind) && tells_nothing ? Verdict::kUnknown : Verdict::kCalm;
  }

  // The first calm evaluation after the last breach.
  std::optional<Timestamp> calm_since() const {
    std::optional<Timestamp> since;
    for (std::size_t i = seen_.size(); i-- > judged_from_;) {
      const Verdict verdict = judge(seen_[i]);
      if (verdict == Verdict::kBreach) break;
      if (verdict == Verdict::kCalm) since = seen_[i].at;
    }
    return since;
  }

  bool calm_for(Duration length) const { return judge(now()) == Verdict::kCalm && now().at - *calm_since() >= length; }

  bool level_stays() const { return !calm_since() && now().at - level_since_ >= policy_.new_normal_after; }

  // Whether one kind has been flagged at every evaluation for open_after. Long gaps do not count.
  bool has_held(Kinds kind, std::size_t from) const {
    std::size_t first = seen_.size() - 1;
    while (first > from && (seen_[first - 1].flagged & kind) != 0) --first;
    Timestamp since = seen_[first].at;
    for (std::size_t i = first; i < seen_.size(); ++i) {
      if (seen_[i].at > since + policy_.open_after + 10 * kMinute) since = seen_[i].at;
    }
    return now().at - since >= policy_.open_after;
  }

  Kinds confirmed() {
    Kinds kinds = 0;
    const bool obvious = now().recent_failures >= 5 && now().recent_failures >= now().recent_settled / 2.0;
    for (const Kinds kind : {kSpikeKind, kFailureKind, kSilenceKind}) {
      if ((now().flagged & kind) == 0) continue;
      std::size_t &from = candidates_from_[kind];
      const bool known = kind == kSpikeKind || (unresolved() && holds(kind)) || (kind == kFailureKind && obvious);
      if (!known && !has_held(kind, from)) continue;
      kinds |= kind;
      from = seen_.size();
    }
    return kinds;
  }

  void note_breach() {
    last_seen_at_ = now().at;
    last_breach_ = now();
    peak_failures_ = std::max(peak_failures_, now().recent_failures);
    if (now().multiplier) peak_multiplier_ = std::max(peak_multiplier_.value_or(0), *now().multiplier);
  }

  // What is usual is what was before a kind began. A silence that follows a spike has the spike in its baseline.
  void take_up(Kinds kinds) {
    const bool silence = (kinds & kSilenceKind) != 0 && !holds(kSilenceKind);
    if (!holds(kSpikeKind) && ((kinds & kSpikeKind) != 0 || silence)) usual_ = now().expected_count;
    if ((kinds & kFailureKind) == 0 || holds(kFailureKind)) return;
    usual_ratio_ =
        (static_cast<double>(now().baseline_failures) + .5) / (static_cast<double>(now().baseline_settled) + 50);
  }

  // Opens for the first time, or again.
  void begin(Kinds kinds) {
    exists_ = true;
    status_ = IncidentStatus::kOpen;
    reason_ = ResolveReason::kNone;
    acknowledged_at_.reset();
    take_up(kinds);
    kinds_ = kinds;
    level_since_ = evaluated_at_ = now().at;
    judged_from_ = seen_.size();
    note_breach();
  }

  void open(Kinds kinds) {
    const Observation &first = now();
    detected_at_ = first.at;
    kinds_ = 0;
    take_up(kSpikeKind | kFailureKind);
    peak_failures_ = 0;
    peak_multiplier_.reset();
    reopenings_.clear();
    flapping_ = muted_ = false;
    begin(kinds);
  }

  void go_on(Kinds kinds, std::string &names) {
    evaluated_at_ = now().at;
    if (status_ == IncidentStatus::kAcknowledged && ack_until_ && now().at >= *ack_until_) {
      status_ = IncidentStatus::kOpen;
      acknowledged_at_.reset();
      ack_until_.reset();
      append(names, "ack_expired");
    }
    if ((kinds & kFailureKind) != 0 && !holds(kFailureKind)) {
      level_since_ = now().at;
      append(names, "escalated");
    }
    take_up(kinds);
    kinds_ |= kinds;
    if (judge(now()) == Verdict::kBreach) note_breach();
    const Duration calm = flapping_ ? std::max(policy_.resolve_after, policy_.reopen_grace) : policy_.resolve_after;
    if (calm_for(calm)) {
      append(names, end(now().at, ResolveReason::kCalm));
    } else if (level_stays()) {
      append(names, end(now().at, ResolveReason::kNewNormal));
      accept_level();
    }
  }

  void accept_level() {
    held_back_ = Suppression::kUntilCalmOrWorse;
    usual_ = static_cast<double>(now().recent_count);
    if (now().recent_settled > 0) {
      usual_ratio_ = static_cast<double>(now().recent_failures) / static_cast<double>(now().recent_settled);
    }
    judged_from_ = seen_.size();
  }

  // Whether what was resolved in the middle of a breach has been calm once, or is worse than what became normal.
  bool may_count_again() {
    const bool worse = (now().flagged & ~kinds_) != 0 ||
                       ((now().flagged & kSpikeKind) != 0 && traffic_exceeds(now())) ||
                       ((now().flagged & kFailureKind) != 0 && failures_exceed(now()));
    if ((held_back_ == Suppression::kUntilCalmOrWorse && worse) || calm_for(policy_.resolve_after)) {
      held_back_ = Suppression::kNone;
      return true;
    }
    if (held_back_ == Suppression::kUntilCalm && level_stays()) accept_level();
    return false;
  }

  LifecyclePolicy policy_;
  std::vector<Observation> seen_;
  std::size_t judged_from_ = 0;                      // what was seen before says nothing of calm
  std::array<std::size_t, 8> candidates_from_ = {};  // by kind: nor of a candidate

  bool exists_ = false;
  IncidentStatus status_ = IncidentStatus::kOpen;
  ResolveReason reason_ = ResolveReason::kNone;
  Suppression held_back_ = Suppression::kNone;
  Kinds kinds_ = 0;
  Timestamp detected_at_ = 0, last_seen_at_ = 0, evaluated_at_ = 0, level_since_ = 0, resolved_at_ = 0;
  std::optional<Timestamp> acknowledged_at_, ack_until_;
  Observation last_breach_;
  std::uint64_t peak_failures_ = 0;
  std::optional<double> peak_multiplier_;
  double usual_ = 0, usual_ratio_ = 0;
  std::vector<Timestamp> reopenings_;
  bool flapping_ = false, muted_ = false;
};

bool has(const Events &events, Event event) { return std::find(events.begin(), events.end(), event) != events.end(); }

// What an event says of the states before and after it.
bool is_legal(Event event, const std::optional<Incident> &before, const Incident &after, const Events &events) {
  const bool was_resolved = before && before->resolved();
  const bool was_unresolved = before && !before->resolved();
  switch (event) {
    case Event::kOpened:
      return (!before || was_resolved) && after.status == IncidentStatus::kOpen && after.id == 0;
    case Event::kReopened:
      return was_resolved && after.status == IncidentStatus::kOpen && after.id == before->id;
    case Event::kFlapping:
      return has(events, Event::kReopened) && after.flapping;
    case Event::kEscalated:
      return was_unresolved && !before->critical() && after.critical();
    case Event::kAcknowledged:
      return was_unresolved && after.status == IncidentStatus::kAcknowledged;
    case Event::kAckExpired:
      return was_unresolved && before->status == IncidentStatus::kAcknowledged && after.status != before->status;
    case Event::kResolved:
      return was_unresolved && after.resolved();
    case Event::kMuted:
    case Event::kUnmuted:
      return was_unresolved && !after.resolved() && events.count == 1 && after.muted == (event == Event::kMuted);
  }
  return false;
}

// What is wrong with an incident, whatever happened; null: nothing.
const char *flaw(const Incident &incident) {
  if (incident.resolved_at.has_value() != incident.resolved()) return "resolved_at iff resolved";
  if ((incident.resolve_reason != ResolveReason::kNone) != incident.resolved()) return "resolve_reason iff resolved";
  const bool acknowledged = incident.status == IncidentStatus::kAcknowledged;
  if (acknowledged && !incident.acknowledged_at) return "an acknowledged one has acknowledged_at";
  if (!acknowledged && incident.ack_until) return "ack_until of an acknowledged one";
  if (incident.kinds == 0 || incident.kinds > 7) return "kinds";
  if (incident.critical() != ((incident.kinds & kFailureKind) != 0)) return "critical iff it holds a cluster";
  if (incident.detected_at > incident.last_seen_at) return "detected_at <= last_seen_at";
  if (incident.last_seen_at > incident.evaluated_at) return "last_seen_at <= evaluated_at";
  if (incident.resolved() && *incident.resolved_at < incident.last_seen_at) return "last_seen_at <= resolved_at";
  const bool suppressed = incident.suppression != Suppression::kNone;
  if (suppressed && !incident.resolved()) return "only a resolved one is suppressed";
  if (incident.calm_since && incident.resolved() && !suppressed) return "calm_since of unresolved or suppressed ones";
  if (incident.reopen_count < incident.remembered_reopens) return "reopen_count";
  return nullptr;
}

// What is wrong with a step; null: nothing.
const char *flaw(const std::optional<Incident> &before, const std::optional<Incident> &after, const Events &events,
                 const LifecyclePolicy &policy) {
  if (events.count < 0 || events.count > 8) return "at most eight events";
  if (!after) return before || events.count > 0 ? "an incident vanished" : nullptr;
  for (const Event event : events) {
    if (!is_legal(event, before, *after, events)) return name_of(event);
    if (std::count(events.begin(), events.end(), event) > 1) return "an event twice";
  }
  const bool is_new = has(events, Event::kOpened);
  const bool began = is_new || has(events, Event::kReopened);
  const bool was_unresolved = before && !before->resolved();
  if (!after->resolved() && !was_unresolved && !began) return "opened without a word";
  if (after->resolved() && was_unresolved && !has(events, Event::kResolved)) return "resolved without a word";
  if (!is_new && (!before || before->id != after->id || before->detected_at != after->detected_at)) {
    return "one incident took the place of another";
  }
  if (is_new) return flaw(*after);
  if (after->last_seen_at < before->last_seen_at) return "last_seen_at went back";
  if (after->peak_failures < before->peak_failures || after->peak_multiplier < before->peak_multiplier) {
    return "a peak sank";
  }
  if (events.count > 0 && !must_store(*before, *after, policy)) return "an event that is not stored";
  return flaw(*after);
}

using Random = std::mt19937_64;

std::uint64_t between(Random &random, std::uint64_t least, std::uint64_t most) {
  return least + below(random, most - least + 1);
}

// What the detector may say, for a while.
Observation random_observation(Random &random, std::size_t mood) {
  Observation now = traffic(between(random, 1, 14));
  switch (mood) {
    case 0:
    case 1:
      break;
    case 2:
      now = spike(between(random, 12, 80));
      break;
    case 3:
      now = traffic(between(random, 10, 40));
      break;
    case 4:
      now = failing(between(random, 1, 10), between(random, 10, 20));
      break;
    case 5:
      now = traffic(between(random, 10, 50), between(random, 0, 3));
      break;
    case 6:
      now = silent();
      break;
    case 7:
      now = below(random, 2) == 0 ? traffic(0) : nothing_for_an_hour();
      break;
    case 8:
      now = unsettled();
      break;
    default:
      now = flag(static_cast<Kinds>(below(random, 8)), traffic(between(random, 0, 60)));
      now.recent_failures = below(random, now.recent_settled + 1);
  }
  now.expected_count = static_cast<double>(between(random, 1, 20));
  now.baseline_failures = between(random, 0, 3) * 20;
  return now;
}

LifecyclePolicy random_policy(Random &random) {
  LifecyclePolicy policy;
  if (below(random, 2) == 0) return policy;
  policy.open_after = pick(random, std::vector<Duration>{0, 20 * kSecond, 2 * kMinute});
  policy.resolve_after = pick(random, std::vector<Duration>{kMinute, 10 * kMinute, 40 * kMinute});
  policy.reopen_grace = pick(random, std::vector<Duration>{0, 30 * kMinute, 3 * kHour});
  policy.flap_threshold = static_cast<int>(below(random, 4));
  policy.flap_window = pick(random, std::vector<Duration>{kHour, 6 * kHour});
  policy.new_normal_after = pick(random, std::vector<Duration>{kHour, 24 * kHour});
  return policy;
}

// One random life. What is wrong with it is told by each step; empty: nothing.
class RandomLife {
 public:
  RandomLife(std::uint64_t seed, bool clock_runs_back)
      : random_(seed),
        clock_runs_back_(clock_runs_back),
        fleet_(below(random_, 4) == 0),
        life_(random_policy(random_)),
        chronicle_(life_.policy) {}

  std::string step(std::map<std::string, int> &happened) {
    pass_time();
    const std::optional<Incident> before = life_.state.incident;
    Events events;
    std::string expected;
    std::string refused;
    act(events, refused, expected);
    if (life_.state.incident && refused.empty() && below(random_, 8) == 0) {
      const bool muted = below(random_, 2) == 0;
      note_mute(life_.incident(), muted, events);
      chronicle_.mute(muted, expected);
    }
    for (const Event event : events) ++happened[name_of(event)];
    if (has(events, Event::kResolved)) ++happened[name_of(life_.incident().resolve_reason)];
    if (!refused.empty()) ++happened[refused];

    const char *wrong = flaw(before, life_.state.incident, events, life_.policy);
    if (has(events, Event::kOpened)) life_.incident().id = ++last_id_;
    if (wrong != nullptr || clock_runs_back_) return wrong == nullptr ? "" : wrong;
    std::string names = said(events);
    append(names, refused);
    if (names != expected) return "said '" + names + "', expected '" + expected + "'";
    wrong = chronicle_.difference(life_.state);
    return wrong == nullptr ? "" : wrong;
  }

  // Nothing sticks: what has long been calm is resolved; and what cannot be calm, since it was both a spike and a
  // silence where nothing is usual, is the new normal.
  bool settles() {
    life_.at = std::max(life_.at, latest_);
    if (!life_.state.incident) return true;
    const LifecyclePolicy &policy = life_.policy;
    const Incident &incident = life_.incident();
    const bool returns = (incident.kinds & kSilenceKind) != 0;
    const auto half = static_cast<std::uint64_t>(incident.usual_count / 2) + 1;
    const std::uint64_t count = !returns ? 0 : fleet_ ? half : 1;
    const bool both = returns && (incident.kinds & kSpikeKind) != 0;
    const bool can_be_calm = !both || static_cast<double>(count) < 1.5 * incident.usual_count;
    const Duration calm = std::max(policy.resolve_after, policy.reopen_grace);
    Observation now = traffic(count);
    now.fleet = fleet_;
    if (count == 0) now.hour_count = 0;
    life_.keep((can_be_calm ? calm : policy.new_normal_after) + 2 * kMinute, now, kMinute);
    return incident.resolved();
  }

 private:
  void pass_time() {
    static const std::vector<Duration> steps = {0,           kSecond,      19 * kSecond, 20 * kSecond, 30 * kSecond,
                                                kMinute,     kMinute,      2 * kMinute,  2 * kMinute,  5 * kMinute,
                                                5 * kMinute, 10 * kMinute, 31 * kMinute, kHour};
    const bool back = clock_runs_back_ && below(random_, 6) == 0;
    life_.at += back ? -pick(random_, steps) : pick(random_, steps);
    latest_ = std::max(latest_, life_.at);
  }

  void act(Events &events, std::string &refused, std::string &expected) {
    const std::size_t what = below(random_, 40);
    if (what >= 6 || !life_.state.incident) {
      if (below(random_, 7) == 0) mood_ = below(random_, 10);
      Observation now = random_observation(random_, mood_);
      now.at = life_.at;
      now.fleet = fleet_;
      events = advance(life_.state, now, life_.policy);
      if (!clock_runs_back_) expected = chronicle_.observe(now);
    } else if (what < 3) {
      std::optional<Timestamp> until;
      if (below(random_, 3) != 0) until = life_.at + static_cast<Timestamp>(between(random_, 0, 9) * kHour / 6) - 1;
      refused = acknowledge(until, events);
      expected = chronicle_.acknowledge(life_.at, until);
    } else {
      const auto reason = std::array{ResolveReason::kByHand, ResolveReason::kExpired,
                                     ResolveReason::kSourceDropped}[below(random_, 4) % 3];
      const auto action = reason == ResolveReason::kByHand    ? resolve
                          : reason == ResolveReason::kExpired ? expire
                                                              : drop_source;
      events = action(life_.incident(), life_.at);
      expected = chronicle_.end(life_.at, reason);
    }
  }

  std::string acknowledge(std::optional<Timestamp> until, Events &events) {
    const auto kind = error_kind([&] { events = insights::acknowledge(life_.incident(), life_.at, until); });
    if (!kind) return "";
    return *kind == ErrorKind::kWrongState        ? "wrong state"
           : *kind == ErrorKind::kInvalidArgument ? "invalid argument"
                                                  : "another error";
  }

  Random random_;
  bool clock_runs_back_;
  bool fleet_;
  Life life_;
  Chronicle chronicle_;
  Timestamp latest_ = kStart;
  std::int64_t last_id_ = 0;
  std::size_t mood_ = 0;
};

// Lives so many random lives, and tells how often what happened.
std::map<std::string, int> live(std::uint64_t lives, bool clock_runs_back) {
  std::map<std::string, int> happened;
  for (std::uint64_t seed = 0; seed < lives; ++seed) {
    RandomLife life(seed, clock_runs_back);
    for (int step = 0; step < 80; ++step) {
      const std::string wrong = life.step(happened);
      if (wrong.empty()) continue;
      ADD_FAILURE() << "seed " << seed << ", step " << step << ": " << wrong;
      return happened;
    }
    EXPECT_TRUE(life.settles()) << "seed " << seed;
  }
  return happened;
}

}  // namespace

TEST(RandomLives, AreThoseOfTheModel) {
  const auto happened = live(10000, false);
  // Every arrow was taken often enough to mean something.
  for (const char *what :
       {"opened", "escalated", "acknowledged", "ack_expired", "reopened", "flapping", "resolved", "muted", "unmuted",
        "calm", "new normal", "by hand", "expired", "source dropped", "wrong state", "invalid argument"}) {
    const auto found = happened.find(what);
    EXPECT_GT(found == happened.end() ? 0 : found->second, 300) << what;
  }
}

TEST(RandomLives, StayLegalWhenTheClockRunsBack) { live(2000, true); }
