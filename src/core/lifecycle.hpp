// The life of an incident: from what the detector says at one moment to one incident that opens once, follows what
// happens and closes by itself. Pure: time is what the caller says it is.
//
//            breach confirmed                 calm for resolve_after; 24 h at one level; by hand; expired
//   (none) ------------------> open <-------> acknowledged ----------------> resolved
//                               ^  ack, or its end                              |
//                               +-------- breach within reopen_grace -----------+
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "error.hpp"
#include "text.hpp"

namespace insights {

// Kinds of breach, as bits.
using Kinds = std::uint8_t;
constexpr Kinds kSpikeKind = 1;
constexpr Kinds kFailureKind = 2;
constexpr Kinds kSilenceKind = 4;

// How fast incidents open and close. The defaults are the product's (docs/incidents.md).
struct LifecyclePolicy {
  Duration open_after = 20 * kSecond;  // a cluster or silence must be flagged again after this; a spike opens at once
  Duration resolve_after = 10 * kMinute;       // of calm, in a row
  Duration reopen_grace = 30 * kMinute;        // a breach so soon after the end is the same incident
  int flap_threshold = 3;                      // more reopenings than this
  Duration flap_window = 360 * kMinute;        // within this are flapping
  Duration new_normal_after = 1440 * kMinute;  // a level that stays for so long is nobody's incident any more
  Duration expire_after = 60 * kMinute;        // an incident that nobody evaluates
};

// The most reopenings that are remembered, hence the largest flap_threshold + 1.
constexpr int kMostReopens = 32;

// What the detector says of one key (tenant and endpoint, or the fleet) at one moment.
struct Observation {
  Timestamp at = 0;
  bool fleet = false;
  Kinds flagged = 0;
  std::uint64_t recent_count = 0, baseline_count = 0;        // x5, b
  std::uint64_t recent_failures = 0, baseline_failures = 0;  // f5, bf
  std::uint64_t recent_settled = 0, baseline_settled = 0;    // n5, b settled
  std::uint64_t hour_count = 0;                              // deliveries in the last 12R
  double expected_count = 0;                                 // in R, from the baseline
  std::optional<double> multiplier;                          // the larger of those of the flagged kinds
  Text message;                                              // NULL where nothing is flagged
};

enum class IncidentStatus { kOpen, kAcknowledged, kResolved };
enum class ResolveReason { kNone, kCalm, kNewNormal, kByHand, kExpired, kSourceDropped };

// Why a breach does not reopen a resolved incident, or open another.
enum class Suppression {
  kNone,
  kUntilCalm,         // resolved by hand while it breached: until it has been calm once
  kUntilCalmOrWorse,  // the new normal: until it has been calm at that level, or exceeds it
};

// One incident. Plain data, so that a step can be tried on a copy.
struct Incident {
  std::int64_t id = 0;  // 0: not stored yet
  IncidentStatus status = IncidentStatus::kOpen;
  ResolveReason resolve_reason = ResolveReason::kNone;
  Kinds kinds = 0;  // all that it has held since it was opened last
  Timestamp detected_at = 0;
  Timestamp last_seen_at = 0;           // the last breach
  Timestamp evaluated_at = 0;           // the last evaluation, whatever it gave
  Timestamp level_since = 0;            // opened, reopened or escalated last
  std::optional<Timestamp> calm_since;  // of an unresolved one, or of a suppressed one
  std::optional<Timestamp> resolved_at, acknowledged_at, ack_until;

  std::uint64_t recent_count = 0, baseline_count = 0, recent_failures = 0, baseline_failures = 0;
  std::uint64_t peak_failures = 0;
  std::optional<double> peak_multiplier;
  double usual_count = 0;          // expected deliveries in R, frozen when the kind was taken up
  double usual_failure_ratio = 0;  // r = (bf + .5) / (b + 50), b settled; frozen likewise

  int reopen_count = 0;
  int remembered_reopens = 0;
  std::array<Timestamp, kMostReopens> reopens{};  // the latest ones, oldest first
  bool flapping = false;
  Suppression suppression = Suppression::kNone;
  bool muted = false;

  bool resolved() const { return status == IncidentStatus::kResolved; }
  bool critical() const { return (kinds & kFailureKind) != 0; }
};

// A breach that is not confirmed yet: since when its kinds have been flagged.
struct Candidate {
  std::optional<Timestamp> failure_since, silence_since;

  bool empty() const { return !failure_since && !silence_since; }
  bool operator==(const Candidate &other) const {
    return failure_since == other.failure_since && silence_since == other.silence_since;
  }
};

// Everything that is known of one key.
struct KeyState {
  std::optional<Incident> incident;  // the unresolved one, else the one that was resolved last, if that still matters
  Candidate candidate;
};

enum class Event {
  kOpened,
  kEscalated,
  kAcknowledged,
  kAckExpired,
  kReopened,
  kFlapping,
  kResolved,
  kMuted,
  kUnmuted,
};

const char *name_of(Event event);            // "opened", ..., "ack_expired", ...
const char *name_of(IncidentStatus status);  // "open", "acknowledged", "resolved"
const char *name_of(ResolveReason reason);   // "calm", "new normal", "by hand", "expired", "source dropped"; null: none
const char *name_of(Suppression suppression);  // "until calm", "until calm or worse"; null: none

// The transitions of one step, in their order.
struct Events {
  int count = 0;
  std::array<Event, 8> list{};

  void add(Event event) { list[static_cast<std::size_t>(count++)] = event; }
  const Event *begin() const { return list.data(); }
  const Event *end() const { return list.data() + count; }
};

// One evaluation of a key. Time that runs backwards counts as standing still.
Events advance(KeyState &state, const Observation &observation, const LifecyclePolicy &policy);

// The operator's hand. Idempotent: what is so already gives no event.
// acknowledge() throws kWrongState where the incident is resolved, kInvalidArgument where `until` is not after `at`.
Events acknowledge(Incident &incident, Timestamp at, std::optional<Timestamp> until);
Events resolve(Incident &incident, Timestamp at);

// Ends an incident whose source is dropped.
Events drop_source(Incident &incident, Timestamp at);

// Whether an incident has gone unevaluated for expire_after; and its end.
bool is_expired(const Incident &incident, Timestamp at, const LifecyclePolicy &policy);
Events expire(Incident &incident, Timestamp at);

// Takes note of whether a mute applies now, after the events of the same step. When it ends with the incident
// unresolved, that is an event, unless the step has one that notifies anyway.
void note_mute(Incident &incident, bool muted, Events &events);

// Whether the step from `before` to `after` must be stored. What moves with every tick (last_seen_at, the current
// figures) waits until it is a minute old; a new peak does not wait. That it is evaluated at all is stored often enough
// for it not to expire.
bool must_store(const Incident &before, const Incident &after, const LifecyclePolicy &policy);

}  // namespace insights
