#include "tick.hpp"

#include "detection.hpp"
#include "future.hpp"
#include "incident_lock.hpp"
#include "incident_rows.hpp"
#include "incident_store.hpp"
#include "role.hpp"
#include "runs.hpp"
#include "settings.hpp"
#include "source_expression.hpp"
#include "source_store.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace insights::pg {

namespace {

// The scan runs code that is not ours: the mapping's expressions, views, policies. So it runs as the relation's owner,
// security-restricted, as ANALYZE does.
std::string_view scan_as_owner(Oid schema, const Source *source, Detection *detection) {
  const Identity caller = become_restricted(bound_owner(*source));
  const int settings = NewGUCNestLevel();
  const Binding binding = require_binding(*source);
  WindowScan scan = plan_scan(*detection, source, nullptr);
  scan.as_owner = true;
  scan.counters |= bit(Counter::kUnmapped);
  const std::string_view rollup = scan_for_detection(schema, scan, detection);
  AtEOXact_GUC(false, settings);
  become(caller);
  if (is_outdated(source->binding, binding)) store_binding(*source, binding);
  return rollup;
}

const Observations *observe_rollup(std::string_view rollup, const Detection &detection, const StoredKeys &stored) {
  return compute_in_context([&](ContextMemory *memory, Poll &poll) {
    const auto watched = keys_of(stored.keys, stored.count, memory);
    return observe(rollup, detection, watched, GetDatabaseEncoding() == PG_UTF8, poll, memory);
  });
}

std::pmr::vector<Step> *plan_steps(Oid schema, const Source *source, const StoredKeys &stored,
                                   const Observations &observations, Timestamp as_of, const LifecyclePolicy &policy) {
  const std::pmr::vector<Mute> *mutes = load_mutes(schema, source->name, as_of);
  return compute_in_context([&](ContextMemory *memory, Poll &) {
    return take_steps(stored.keys, stored.count, observations, *mutes, policy, memory);
  });
}

void count_step(const Step &step, TickResult *result) {
  if (!step.after.incident) return;
  bool opened = false;
  bool resolved = false;
  for (const Event event : step.events) {
    opened = opened || event == Event::kOpened || event == Event::kReopened;
    resolved = resolved || event == Event::kResolved;
  }
  result->opened += opened ? 1 : 0;
  result->resolved += resolved ? 1 : 0;
  result->updated += !opened && !resolved ? 1 : 0;
}

// Decides again on what is stored now that nobody else stores anything, and stores it. False where another session
// keeps us from that.
bool store_steps(Oid schema, const Source *source, std::string_view rollup, const Detection &detection,
                 const LifecyclePolicy &policy, TickResult *result) {
  if (!wait_for_incidents(schema)) return false;
  const StoredKeys stored = load_keys(schema, source->name, detection.as_of, policy);
  const Observations *observations = observe_rollup(rollup, detection, stored);
  std::pmr::vector<Step> *steps = plan_steps(schema, source, stored, *observations, detection.as_of, policy);
  for (Step &step : *steps) {
    CHECK_FOR_INTERRUPTS();
    store_step(schema, source->name, &step, detection.as_of, policy);
    count_step(step, result);
  }
  return true;
}

// Whether another session has kept the source from being evaluated, so that its incidents are not left yet. From then
// on it has all of expire_after again.
bool is_kept_from_us(Oid schema, const char *source, Timestamp since, const List *busy) {
  const ListCell *cell = nullptr;
  foreach (cell, busy) {
    if (std::strcmp(static_cast<const char *>(lfirst(cell)), source) == 0) return true;
  }
  return last_turned_away(source) >= since || !try_lock_source(schema, source);
}

// What is stored of a source, with no time that is yet to come. False where another session keeps us from that.
bool load_settled(Oid schema, const Source *source, Timestamp as_of, const LifecyclePolicy &policy,
                  StoredKeys *stored) {
  *stored = load_keys(schema, source->name, as_of, policy);
  if (!stored->of_future) return true;
  if (!wait_for_incidents(schema)) return false;
  settle_future(schema);
  *stored = load_keys(schema, source->name, as_of, policy);
  return true;
}

TickResult evaluate(Oid schema, const Source *source, Timestamp as_of) {
  TickResult result = {};
  Detection detection = usual_detection(as_of);
  const LifecyclePolicy policy = lifecycle_policy();
  if (!try_lock_source(schema, source->name)) {
    result.outcome = TickOutcome::kBusy;
    return result;
  }
  SPI_connect();
  StoredKeys stored = {};
  if (!load_settled(schema, source, as_of, policy, &stored)) {
    result.outcome = TickOutcome::kBusy;
  } else if (stored.newest > as_of) {
    result.outcome = TickOutcome::kSuperseded;
  } else {
    const std::string_view rollup = scan_as_owner(schema, source, &detection);
    const Observations *observations = observe_rollup(rollup, detection, stored);
    result.deliveries = observations->deliveries;
    result.unmapped = observations->unmapped;
    // Most ticks end here, with no more than reading done.
    if (!plan_steps(schema, source, stored, *observations, as_of, policy)->empty() &&
        !store_steps(schema, source, rollup, detection, policy, &result)) {
      result.outcome = TickOutcome::kBusy;
    }
  }
  SPI_finish();
  return result;
}

}  // namespace

const char *name_of(TickOutcome outcome) {
  switch (outcome) {
    case TickOutcome::kDone:
      return "done";
    case TickOutcome::kBusy:
      return "busy";
    case TickOutcome::kSuperseded:
      return "superseded";
    case TickOutcome::kFailed:
      return "failed";
  }
  return nullptr;
}

TickResult tick(Oid schema, const Source *source, Timestamp as_of) {
  // Whoever's session it is, the same is found.
  const int pinned = pin_for_scan();
  pin_configured_settings();
  const TickResult result = evaluate(schema, source, as_of);
  AtEOXact_GUC(true, pinned);
  return result;
}

TickResult try_tick(Oid schema, const Source *source, Timestamp as_of) {
  auto *result = static_cast<TickResult *>(palloc0(sizeof(TickResult)));
  ErrorData *error = in_subtransaction([&] { *result = tick(schema, source, as_of); });
  if (error == nullptr) return *result;
  TickResult failed = {};
  failed.outcome = TickOutcome::kFailed;
  failed.error = error;
  return failed;
}

int resolve_left_incidents(Oid schema, Timestamp as_of, const List *busy) {
  const LifecyclePolicy policy = lifecycle_policy();
  int resolved = 0;
  SPI_connect();
  if (holds_future(schema, 0) && wait_for_incidents(schema)) settle_future(schema);
  if (load_left_incidents(schema, as_of, policy).count > 0 && wait_for_incidents(schema)) {
    const LeftIncidents left = load_left_incidents(schema, as_of, policy);
    for (std::size_t i = 0; i < left.count; ++i) {
      StoredIncident stored = left.list[i].stored;
      const char *source = pnstrdup(stored.source.data(), stored.source.size());
      if (!left.list[i].orphaned && is_kept_from_us(schema, source, as_of - policy.expire_after, busy)) continue;
      const Events events =
          left.list[i].orphaned ? drop_source(stored.incident, as_of) : expire(stored.incident, as_of);
      store_incident(schema, stored.source, stored.key, &stored.incident, Text(), events, as_of, Remark());
      ++resolved;
    }
  }
  SPI_finish();
  return resolved;
}

void resolve_incidents_of(Oid schema, const char *source, Timestamp at) {
  if (load_incidents_of(schema, source).count == 0) return;
  lock_incidents(schema);
  const LeftIncidents left = load_incidents_of(schema, source);
  for (std::size_t i = 0; i < left.count; ++i) {
    StoredIncident stored = left.list[i].stored;
    const Events events = drop_source(stored.incident, at);
    store_incident(schema, stored.source, stored.key, &stored.incident, Text(), events, at, Remark());
  }
}

}  // namespace insights::pg
