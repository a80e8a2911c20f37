#include "lifecycle.hpp"

#include <algorithm>
#include <string>

namespace insights {

namespace {

// Below this the traffic of a spike has fallen back: the factor of the detector, without its test.
constexpr double kSpikeHysteresis = 1.5;
// A cluster has ended at this many times its usual ratio of failures, or at this ratio.
constexpr double kFailureHysteresis = 1.5;
constexpr double kHarmlessRatio = 0.03;
constexpr double kPriorFailures = 0.5;  // shrinks the ratio of a thin baseline, as the detector does
constexpr double kPriorSettled = 50;
// A fleet whose most endpoints were silent is back with half of its usual traffic.
constexpr double kFleetReturn = 0.5;
// So many failures, if they are at least half of the settled deliveries, need no second evaluation.
constexpr std::uint64_t kObviousFailures = 5;
// A candidate that was not looked at for longer than this after it could have been confirmed starts again.
constexpr Duration kCandidateLife = 10 * kMinute;
// What only says that a breach goes on is stored at most so often.
constexpr Duration kStoreEvery = kMinute;

enum class Calm { kNo, kUnknown, kYes };

double failure_ratio(std::uint64_t failures, std::uint64_t settled) {
  return static_cast<double>(failures) / static_cast<double>(settled);
}

Calm yes_or_no(bool calm) { return calm ? Calm::kYes : Calm::kNo; }

bool traffic_is_usual(const Incident &incident, const Observation &now) {
  return static_cast<double>(now.recent_count) < kSpikeHysteresis * incident.usual_count || now.recent_count == 0;
}

// No settled delivery says nothing, unless there has been no delivery for an hour.
Calm failures_are_usual(const Incident &incident, const Observation &now) {
  if (now.recent_settled == 0) return now.hour_count == 0 ? Calm::kYes : Calm::kUnknown;
  const double threshold = std::max(kHarmlessRatio, kFailureHysteresis * incident.usual_failure_ratio);
  return yes_or_no(failure_ratio(now.recent_failures, now.recent_settled) <= threshold);
}

bool deliveries_are_back(const Incident &incident, const Observation &now) {
  if (!now.fleet) return now.recent_count > 0;
  return static_cast<double>(now.recent_count) >= kFleetReturn * incident.usual_count && now.recent_count > 0;
}

// Whether all that the incident holds is below its lower threshold.
Calm calm_of(const Incident &incident, const Observation &now) {
  if (now.flagged != 0) return Calm::kNo;
  Calm calm = Calm::kYes;
  if ((incident.kinds & kSpikeKind) != 0) calm = std::min(calm, yes_or_no(traffic_is_usual(incident, now)));
  if ((incident.kinds & kFailureKind) != 0) calm = std::min(calm, failures_are_usual(incident, now));
  if ((incident.kinds & kSilenceKind) != 0) calm = std::min(calm, yes_or_no(deliveries_are_back(incident, now)));
  return calm;
}

// ---- confirmation ----

bool is_obvious(const Observation &now) {
  return now.recent_failures >= kObviousFailures && now.recent_failures * 2 >= now.recent_settled;
}

// Whether a flagged kind has held for open_after; keeps account of it in `since`.
bool has_held(std::optional<Timestamp> &since, Timestamp at, const LifecyclePolicy &policy) {
  const bool too_old = since && at - *since > policy.open_after + kCandidateLife;
  if (!since || too_old || at < *since) {
    since = at;
    return policy.open_after == 0;
  }
  return at - *since >= policy.open_after;
}

// The kinds that are flagged and confirmed. What the incident holds already needs no confirmation.
Kinds confirm(Candidate &candidate, const Observation &now, Kinds held, const LifecyclePolicy &policy) {
  Kinds confirmed = now.flagged & static_cast<Kinds>(held | kSpikeKind);
  const auto consider = [&](Kinds kind, std::optional<Timestamp> &since, bool obvious) {
    if ((now.flagged & kind) != 0 && (confirmed & kind) == 0 && (obvious || has_held(since, now.at, policy))) {
      confirmed |= kind;
    }
    if ((now.flagged & kind) == 0 || (confirmed & kind) != 0) since.reset();
  };
  consider(kFailureKind, candidate.failure_since, is_obvious(now));
  consider(kSilenceKind, candidate.silence_since, false);
  return confirmed;
}

// ---- the arrows ----

void follow(Incident &incident, const Observation &now) {
  incident.last_seen_at = std::max(incident.last_seen_at, now.at);
  incident.recent_count = now.recent_count;
  incident.baseline_count = now.baseline_count;
  incident.recent_failures = now.recent_failures;
  incident.baseline_failures = now.baseline_failures;
  incident.peak_failures = std::max(incident.peak_failures, now.recent_failures);
  if (now.multiplier) incident.peak_multiplier = std::max(incident.peak_multiplier.value_or(0), *now.multiplier);
}

// `r` where anything settled; what it was before where nothing did.
double level_of_failures(std::uint64_t failures, std::uint64_t settled, double otherwise) {
  return settled == 0 ? otherwise : failure_ratio(failures, settled);
}

// What is usual for kinds that the incident takes up now: before they began, as far as the baseline knows.
void freeze(Incident &incident, const Observation &now, Kinds taken_up) {
  // The baseline of a silence that ends a spike holds the spike.
  const Kinds of_traffic = (incident.kinds & kSpikeKind) != 0 ? kSpikeKind : kSpikeKind | kSilenceKind;
  if ((taken_up & of_traffic) != 0) incident.usual_count = now.expected_count;
  if ((taken_up & kFailureKind) != 0) {
    incident.usual_failure_ratio = (static_cast<double>(now.baseline_failures) + kPriorFailures) /
                                   (static_cast<double>(now.baseline_settled) + kPriorSettled);
  }
}

Incident open(const Observation &now, Kinds kinds) {
  Incident incident;
  incident.detected_at = incident.level_since = incident.last_seen_at = incident.evaluated_at = now.at;
  freeze(incident, now, kSpikeKind | kFailureKind);
  incident.kinds = kinds;
  follow(incident, now);
  return incident;
}

void remember_reopening(Incident &incident, Timestamp at) {
  if (incident.remembered_reopens == kMostReopens) {
    std::move(incident.reopens.begin() + 1, incident.reopens.end(), incident.reopens.begin());
    --incident.remembered_reopens;
  }
  incident.reopens[static_cast<std::size_t>(incident.remembered_reopens++)] = at;
  ++incident.reopen_count;
}

bool flaps(const Incident &incident, Timestamp at, const LifecyclePolicy &policy) {
  const auto end = incident.reopens.begin() + incident.remembered_reopens;
  const auto recent = std::count_if(incident.reopens.begin(), end,
                                    [&](Timestamp reopened) { return at - reopened <= policy.flap_window; });
  return recent > policy.flap_threshold;
}

void reopen(Incident &incident, const Observation &now, Kinds kinds, const LifecyclePolicy &policy, Events &events) {
  incident.status = IncidentStatus::kOpen;
  incident.resolve_reason = ResolveReason::kNone;
  incident.suppression = Suppression::kNone;
  incident.resolved_at.reset();
  incident.acknowledged_at.reset();
  incident.ack_until.reset();
  incident.calm_since.reset();
  freeze(incident, now, static_cast<Kinds>(kinds & ~incident.kinds));
  incident.kinds = kinds;
  incident.level_since = now.at;
  incident.evaluated_at = std::max(incident.evaluated_at, now.at);
  follow(incident, now);
  remember_reopening(incident, now.at);
  events.add(Event::kReopened);
  const bool flapping = flaps(incident, now.at, policy);
  if (flapping && !incident.flapping) events.add(Event::kFlapping);
  incident.flapping = flapping;
}

void end(Incident &incident, Timestamp at, ResolveReason reason, Events &events) {
  incident.status = IncidentStatus::kResolved;
  incident.resolve_reason = reason;
  incident.resolved_at = std::max(at, incident.last_seen_at);
  incident.calm_since.reset();
  incident.ack_until.reset();
  events.add(Event::kResolved);
}

// What is usual from now on is what it is now.
void accept_level(Incident &incident, const Observation &now) {
  incident.usual_count = static_cast<double>(now.recent_count);
  incident.usual_failure_ratio =
      level_of_failures(now.recent_failures, now.recent_settled, incident.usual_failure_ratio);
  incident.suppression = Suppression::kUntilCalmOrWorse;
}

// Takes up kinds that the incident has not held; and the end of an acknowledgement.
void escalate(Incident &incident, const Observation &now, Kinds confirmed, Events &events) {
  if (incident.status == IncidentStatus::kAcknowledged && incident.ack_until && *incident.ack_until <= now.at) {
    incident.status = IncidentStatus::kOpen;
    incident.acknowledged_at.reset();
    incident.ack_until.reset();
    events.add(Event::kAckExpired);
  }
  const bool was_critical = incident.critical();
  freeze(incident, now, static_cast<Kinds>(confirmed & ~incident.kinds));
  incident.kinds |= confirmed;
  if (incident.critical() && !was_critical) {
    incident.level_since = now.at;
    events.add(Event::kEscalated);
  }
}

void advance_unresolved(Incident &incident, const Observation &now, Kinds confirmed, const LifecyclePolicy &policy,
                        Events &events) {
  escalate(incident, now, confirmed, events);
  incident.evaluated_at = std::max(incident.evaluated_at, now.at);
  const Calm calm = calm_of(incident, now);
  if (calm == Calm::kNo) {
    incident.calm_since.reset();
    follow(incident, now);
  } else if (calm == Calm::kYes && !incident.calm_since) {
    incident.calm_since = now.at;
  }
  // A flapping incident would only be reopened after a calm as short as that before.
  const Duration needed =
      incident.flapping ? std::max(policy.resolve_after, policy.reopen_grace) : policy.resolve_after;
  if (calm == Calm::kYes && now.at - *incident.calm_since >= needed) {
    end(incident, now.at, ResolveReason::kCalm, events);
  } else if (!incident.calm_since && now.at - incident.level_since >= policy.new_normal_after) {
    end(incident, now.at, ResolveReason::kNewNormal, events);
    accept_level(incident, now);
  }
}

// Whether a breach exceeds the level that has become normal, or is of another kind.
bool is_worse(const Incident &incident, const Observation &now) {
  if ((now.flagged & ~incident.kinds) != 0) return true;
  if ((now.flagged & kSpikeKind) != 0 && !traffic_is_usual(incident, now)) return true;
  return (now.flagged & kFailureKind) != 0 && failures_are_usual(incident, now) == Calm::kNo;
}

// Ends the suppression of a resolved incident when it is time to.
void review_suppression(Incident &incident, const Observation &now, const LifecyclePolicy &policy) {
  if (incident.suppression == Suppression::kUntilCalmOrWorse && is_worse(incident, now)) {
    incident.suppression = Suppression::kNone;
    incident.calm_since.reset();
    return;
  }
  const Calm calm = calm_of(incident, now);
  if (calm == Calm::kNo) incident.calm_since.reset();
  if (calm == Calm::kYes && !incident.calm_since) incident.calm_since = now.at;
  if (calm == Calm::kYes && now.at - *incident.calm_since >= policy.resolve_after) {
    incident.suppression = Suppression::kNone;
    incident.calm_since.reset();
  } else if (!incident.calm_since && now.at - incident.level_since >= policy.new_normal_after) {
    if (incident.suppression == Suppression::kUntilCalm) accept_level(incident, now);
  }
}

}  // namespace

const char *name_of(Event event) {
  switch (event) {
    case Event::kOpened:
      return "opened";
    case Event::kEscalated:
      return "escalated";
    case Event::kAcknowledged:
      return "acknowledged";
    case Event::kAckExpired:
      return "ack_expired";
    case Event::kReopened:
      return "reopened";
    case Event::kFlapping:
      return "flapping";
    case Event::kResolved:
      return "resolved";
    case Event::kMuted:
      return "muted";
    case Event::kUnmuted:
      return "unmuted";
  }
  return nullptr;
}

const char *name_of(IncidentStatus status) {
  switch (status) {
    case IncidentStatus::kOpen:
      return "open";
    case IncidentStatus::kAcknowledged:
      return "acknowledged";
    case IncidentStatus::kResolved:
      return "resolved";
  }
  return nullptr;
}

const char *name_of(ResolveReason reason) {
  switch (reason) {
    case ResolveReason::kNone:
      return nullptr;
    case ResolveReason::kCalm:
      return "calm";
    case ResolveReason::kNewNormal:
      return "new normal";
    case ResolveReason::kByHand:
      return "by hand";
    case ResolveReason::kExpired:
      return "expired";
    case ResolveReason::kSourceDropped:
      return "source dropped";
  }
  return nullptr;
}

const char *name_of(Suppression suppression) {
  switch (suppression) {
    case Suppression::kNone:
      return nullptr;
    case Suppression::kUntilCalm:
      return "until calm";
    case Suppression::kUntilCalmOrWorse:
      return "until calm or worse";
  }
  return nullptr;
}

Events advance(KeyState &state, const Observation &observation, const LifecyclePolicy &policy) {
  Events events;
  std::optional<Incident> &incident = state.incident;
  const bool unresolved = incident && !incident->resolved();
  if (incident && incident->suppression != Suppression::kNone) {
    review_suppression(*incident, observation, policy);
    if (incident->suppression != Suppression::kNone) {
      state.candidate = Candidate();
      return events;
    }
  }
  const Kinds held = unresolved ? incident->kinds : Kinds{0};
  const Kinds confirmed = confirm(state.candidate, observation, held, policy);
  if (unresolved) {
    advance_unresolved(*incident, observation, confirmed, policy, events);
  } else if (confirmed == 0) {
    return events;
  } else if (incident && observation.at - *incident->resolved_at <= policy.reopen_grace) {
    reopen(*incident, observation, confirmed, policy, events);
  } else {
    incident = open(observation, confirmed);
    events.add(Event::kOpened);
  }
  return events;
}

Events acknowledge(Incident &incident, Timestamp at, std::optional<Timestamp> until) {
  Events events;
  if (incident.resolved()) {
    throw Error(ErrorKind::kWrongState,
                "incident " + std::to_string(incident.id) + " is resolved, so it cannot be acknowledged",
                "Only an incident that is open can be acknowledged; see anomalies_active.");
  }
  if (until && *until <= at) {
    throw Error(ErrorKind::kInvalidArgument, "until must be in the future",
                "Give a time to come, or NULL for an acknowledgement that does not expire.");
  }
  if (incident.status == IncidentStatus::kAcknowledged && incident.ack_until == until) return events;
  incident.status = IncidentStatus::kAcknowledged;
  incident.acknowledged_at = at;
  incident.ack_until = until;
  events.add(Event::kAcknowledged);
  return events;
}

Events resolve(Incident &incident, Timestamp at) {
  Events events;
  if (incident.resolved()) return events;
  const bool breaching = !incident.calm_since;
  end(incident, at, ResolveReason::kByHand, events);
  if (breaching) incident.suppression = Suppression::kUntilCalm;
  return events;
}

Events drop_source(Incident &incident, Timestamp at) {
  Events events;
  if (!incident.resolved()) end(incident, at, ResolveReason::kSourceDropped, events);
  return events;
}

bool is_expired(const Incident &incident, Timestamp at, const LifecyclePolicy &policy) {
  return !incident.resolved() && at - incident.evaluated_at > policy.expire_after;
}

Events expire(Incident &incident, Timestamp at) {
  Events events;
  if (!incident.resolved()) end(incident, at, ResolveReason::kExpired, events);
  return events;
}

void note_mute(Incident &incident, bool muted, Events &events) {
  if (muted == incident.muted) return;
  const bool stepped = events.count > 0;
  incident.muted = muted;
  if (stepped || incident.resolved()) return;
  events.add(muted ? Event::kMuted : Event::kUnmuted);
}

bool must_store(const Incident &before, const Incident &after, const LifecyclePolicy &policy) {
  return before.status != after.status || before.kinds != after.kinds || before.calm_since != after.calm_since ||
         before.ack_until != after.ack_until || before.acknowledged_at != after.acknowledged_at ||
         before.suppression != after.suppression || before.usual_count != after.usual_count ||
         before.usual_failure_ratio != after.usual_failure_ratio || before.level_since != after.level_since ||
         before.reopen_count != after.reopen_count || before.muted != after.muted ||
         before.peak_failures != after.peak_failures || before.peak_multiplier != after.peak_multiplier ||
         after.last_seen_at - before.last_seen_at >= kStoreEvery ||
         (!after.resolved() && after.evaluated_at - before.evaluated_at >= policy.expire_after / 2);
}

}  // namespace insights
