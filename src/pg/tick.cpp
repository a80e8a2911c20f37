#include "tick.hpp"

#include <algorithm>

#include "array.hpp"
#include "detection.hpp"
#include "future.hpp"
#include "incident_lock.hpp"
#include "incident_rows.hpp"
#include "incident_store.hpp"
#include "role.hpp"
#include "runs.hpp"
#include "sample.hpp"
#include "settings.hpp"
#include "source_expression.hpp"
#include "source_store.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace insights::pg {

// Plain data.
struct Tick {
  Oid schema;
  const char *source;
  Timestamp registered_at;
  Timestamp as_of;
  LifecyclePolicy policy;
  const std::pmr::vector<Mute> *mutes;
  const Observations *observations;
  const std::pmr::vector<DueStep> *steps;  // null: it was not evaluated
  std::size_t next;                        // of the steps
  TickResult result;
};

namespace {

// A copy in the current context.
std::string_view keep(std::string_view bytes) {
  auto *copy = static_cast<char *>(palloc_extended(bytes.size() + 1, MCXT_ALLOC_HUGE));
  std::memcpy(copy, bytes.data(), bytes.size());
  return {copy, bytes.size()};
}

// The scan runs code that is not ours: the mapping's expressions, views, policies. So it runs as the relation's owner,
// security-restricted, as ANALYZE does. The rollup's bytes are in the current context. `raising` as in TickResult.
std::string_view scan_as_owner(Oid schema, const Source *source, Detection *detection, const char **raising) {
  const bool raised = was_raising(source->name);
  const Identity caller = become_restricted(bound_owner(*source));
  const int settings = NewGUCNestLevel();
  const Binding binding = require_binding(*source);
  WindowScan scan = plan_scan(*detection, source, nullptr);
  scan.as_owner = true;
  scan.counters |= bit(Counter::kUnmapped);
  const std::string_view rollup = keep(scan_for_detection(schema, scan, detection));
  Rows::latest().free();
  *raising = find_raising_detail(*source, raised);
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

// What is stored of a source, with no time that is yet to come. False where another session keeps us from that.
bool load_settled(Oid schema, const char *source, Timestamp as_of, const LifecyclePolicy &policy, StoredKeys *stored) {
  *stored = load_keys(schema, source, as_of, policy);
  if (!stored->of_future) return true;
  if (!wait_for_incidents(schema)) return false;
  settle_future(schema);
  *stored = load_keys(schema, source, as_of, policy);
  return true;
}

// Everything in the current context. Between SPI_connect and SPI_finish.
void evaluate(const Source *source, Tick *tick) {
  StoredKeys stored = {};
  if (!load_settled(tick->schema, source->name, tick->as_of, tick->policy, &stored)) {
    tick->result.outcome = TickOutcome::kBusy;
    return;
  }
  if (stored.newest > tick->as_of) {
    tick->result.outcome = TickOutcome::kSuperseded;
    return;
  }
  Detection detection = usual_detection(tick->as_of);
  const std::string_view rollup = scan_as_owner(tick->schema, source, &detection, &tick->result.raising);
  tick->observations = observe_rollup(rollup, detection, stored);
  tick->result.deliveries = tick->observations->deliveries;
  tick->result.unmapped = tick->observations->unmapped;
  tick->mutes = load_mutes(tick->schema, source->name, tick->as_of);
  tick->steps = compute_in_context([&](ContextMemory *memory, Poll &) {
    return plan_steps(stored.keys, stored.count, *tick->observations, *tick->mutes, tick->policy, memory);
  });
}

// What is stored by now of the incidents that the steps go on with.
IncidentRows load_again(Oid schema, const DueStep *due, std::size_t count) {
  ArrayBuilder ids(INT8OID);
  for (std::size_t i = 0; i < count; ++i) {
    if (due[i].stored != nullptr && due[i].stored->state.incident) {
      ids.add(Int64GetDatum(due[i].stored->state.incident->id));
    }
  }
  return ids.empty() ? IncidentRows() : load_incidents(schema, ids.array());
}

const StoredIncident *find(const IncidentRows &rows, std::int64_t id) {
  const StoredIncident *end = rows.list + rows.count;
  const StoredIncident *found =
      std::lower_bound(static_cast<const StoredIncident *>(rows.list), end, id,
                       [](const StoredIncident &stored, std::int64_t wanted) { return stored.incident.id < wanted; });
  return found != end && found->incident.id == id ? found : nullptr;
}

KeyState state_by_now(const DueStep &due, const IncidentRows &rows) {
  if (due.stored == nullptr) return {};
  KeyState state = due.stored->state;
  if (!state.incident) return state;
  const StoredIncident *stored = find(rows, state.incident->id);
  stored != nullptr ? state.incident = stored->incident : state.incident = std::nullopt;
  return state;
}

// Decides again on what is stored now that nobody else stores anything, and stores it.
void store_due(Tick *tick, const DueStep *due, std::size_t count) {
  const IncidentRows rows = load_again(tick->schema, due, count);
  auto *steps = static_cast<Step *>(palloc(count * sizeof(Step)));
  std::size_t taken = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto step = take_step(*due[i].observed, state_by_now(due[i], rows), *tick->mutes, tick->policy);
    if (!step) continue;
    steps[taken++] = *step;
    count_step(*step, &tick->result);
  }
  store_steps(tick->schema, tick->source, steps, taken, tick->as_of, tick->policy);
}

// Whether the source is still what was evaluated, and not dropped or another one of the same name.
bool is_the_same(const Tick &tick) {
  const Source *source = find_latest_source(tick.schema, tick.source);
  return source != nullptr && source->registered_at == tick.registered_at;
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

}  // namespace

const char *name_of(TickOutcome outcome) {
  switch (outcome) {
    case TickOutcome::kDone:
      return "done";
    case TickOutcome::kPartial:
      return "partial";
    case TickOutcome::kBusy:
      return "busy";
    case TickOutcome::kSuperseded:
      return "superseded";
    case TickOutcome::kFailed:
      return "failed";
  }
  return nullptr;
}

Tick *begin_tick(Oid schema, const Source *source, Timestamp as_of) {
  MemoryContext memory =
      AllocSetContextCreate(CurrentMemoryContext, "evaluation of a delivery source", ALLOCSET_DEFAULT_SIZES);
  auto *tick = new (MemoryContextAlloc(memory, sizeof(Tick))) Tick();
  tick->schema = schema;
  tick->source = MemoryContextStrdup(memory, source->name);
  tick->registered_at = source->registered_at;
  tick->as_of = as_of;
  tick->policy = lifecycle_policy();
  if (!try_lock_source(schema, source->name)) {
    tick->result.outcome = TickOutcome::kBusy;
    return tick;
  }
  // Whoever's session it is, the same is found.
  const int pinned = pin_for_scan();
  pin_configured_settings();
  SPI_connect();
  MemoryContext spi = MemoryContextSwitchTo(memory);
  evaluate(source, tick);
  MemoryContextSwitchTo(spi);
  SPI_finish();
  AtEOXact_GUC(true, pinned);
  return tick;
}

bool has_more(const Tick &tick) {
  return tick.result.outcome == TickOutcome::kDone && tick.steps != nullptr && tick.next < tick.steps->size();
}

namespace {

// How many of the next steps are stored in one go: a thousand, or as many as their texts allow.
std::size_t next_set(const Tick &tick) {
  constexpr std::size_t kMostBytes = 16 * 1024 * 1024;
  const std::size_t most = Min(kAtOnce, tick.steps->size() - tick.next);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < most; ++i) {
    const Observed &observed = *(*tick.steps)[tick.next + i].observed;
    bytes += observed.key.tenant.size() + observed.key.endpoint.size() + observed.observation.message.size();
    if (bytes > kMostBytes) return Max(i, static_cast<std::size_t>(1));
  }
  return most;
}

}  // namespace

void store_more(Tick *tick) {
  if (!has_more(*tick)) return;
  if (!wait_for_incidents(tick->schema) || !is_the_same(*tick)) {
    tick->result.outcome = TickOutcome::kBusy;
    return;
  }
  const std::size_t count = next_set(*tick);
  SPI_connect();
  store_due(tick, tick->steps->data() + tick->next, count);
  SPI_finish();
  tick->next += count;
}

TickResult result_of(const Tick &tick) {
  TickResult result = tick.result;
  result.stored = tick.next;
  result.left = tick.steps == nullptr ? 0 : tick.steps->size() - tick.next;
  if (has_more(tick)) result.outcome = TickOutcome::kPartial;
  return result;
}

TickResult tick(Oid schema, const Source *source, Timestamp as_of) {
  Tick *tick = begin_tick(schema, source, as_of);
  while (has_more(*tick)) {
    CHECK_FOR_INTERRUPTS();
    store_more(tick);
  }
  const TickResult result = result_of(*tick);
  MemoryContextDelete(GetMemoryChunkContext(tick));
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

bool resolve_left_incidents(Oid schema, Timestamp as_of, const List *busy, std::int64_t *after) {
  const LifecyclePolicy policy = lifecycle_policy();
  SPI_connect();
  if (holds_future(schema, 0) && wait_for_incidents(schema)) settle_future(schema);
  std::size_t found = 0;
  if (load_left_incidents(schema, as_of, policy, *after).count > 0 && wait_for_incidents(schema)) {
    const LeftIncidents left = load_left_incidents(schema, as_of, policy, *after);
    found = left.count;
    auto *changes = static_cast<Change *>(palloc(found * sizeof(Change)));
    std::size_t changed = 0;
    for (std::size_t i = 0; i < found; ++i) {
      const StoredIncident &stored = left.list[i].stored;
      const bool orphaned = left.list[i].orphaned;
      *after = stored.incident.id;
      const char *source = pnstrdup(stored.source.data(), stored.source.size());
      if (!orphaned && is_kept_from_us(schema, source, as_of - policy.expire_after, busy)) continue;
      Change &change = changes[changed++];
      change = {stored.source, stored.key, stored.incident, Text(), Events()};
      change.events = orphaned ? drop_source(change.incident, as_of) : expire(change.incident, as_of);
    }
    store_changes(schema, changes, changed, as_of, Remark());
  }
  SPI_finish();
  return found == kAtOnce;
}

namespace {

// The next thousand. Between SPI_connect and SPI_finish.
bool resolve_some_of(Oid schema, const char *source, Timestamp at, std::int64_t *after) {
  const IncidentRows rows = load_incidents_of(schema, source, *after);
  auto *changes = static_cast<Change *>(palloc(rows.count * sizeof(Change)));
  for (std::size_t i = 0; i < rows.count; ++i) {
    const StoredIncident &stored = rows.list[i];
    changes[i] = {stored.source, stored.key, stored.incident, Text(), Events()};
    changes[i].events = drop_source(changes[i].incident, at);
    *after = stored.incident.id;
  }
  store_changes(schema, changes, rows.count, at, Remark());
  return rows.count == kAtOnce;
}

bool has_unresolved(Oid schema, const char *source) {
  SPI_connect();
  const bool found = load_incidents_of(schema, source, 0).count > 0;
  SPI_finish();
  return found;
}

}  // namespace

void resolve_incidents_of(Oid schema, const char *source, Timestamp at) {
  if (!has_unresolved(schema, source)) return;
  lock_incidents(schema);
  std::int64_t after = 0;
  for (bool more = true; more;) {
    CHECK_FOR_INTERRUPTS();
    SPI_connect();
    more = resolve_some_of(schema, source, at, &after);
    SPI_finish();
  }
}

}  // namespace insights::pg
