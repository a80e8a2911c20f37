#include "step.hpp"

#include <algorithm>
#include <tuple>

namespace insights {

namespace {

bool must_store(const Step &step, const LifecyclePolicy &policy) {
  if (step.events.count > 0 || !(step.before.candidate == step.after.candidate)) return true;
  if (!step.after.incident) return false;
  return !step.before.incident || must_store(*step.before.incident, *step.after.incident, policy);
}

// How long a step may wait for others.
enum class Urgency { kNews, kCandidate, kGoesOn };

struct RankedStep {
  DueStep due;
  Urgency urgency;
  Timestamp evaluated_at;  // of what only goes on
};

RankedStep rank(const DueStep &due, const Step &step) {
  if (step.events.count > 0) return {due, Urgency::kNews, 0};
  if (!step.before.incident) return {due, Urgency::kCandidate, 0};
  return {due, Urgency::kGoesOn, step.before.incident->evaluated_at};
}

bool more_urgent(const RankedStep &a, const RankedStep &b) {
  const auto order = [](const RankedStep &step) {
    return std::tuple(step.urgency, step.evaluated_at, step.due.observed->rank, step.due.observed);
  };
  return order(a) < order(b);
}

}  // namespace

std::optional<Step> take_step(const Observed &observed, const KeyState &before, const std::pmr::vector<Mute> &mutes,
                              const LifecyclePolicy &policy) {
  Step step{observed.key, before, before, observed.observation.message, Events()};
  step.events = advance(step.after, observed.observation, policy);
  // Whoever was told of an incident is told of its end; a mute of resolved ones changes nothing any more.
  if (std::optional<Incident> &incident = step.after.incident; incident && (!incident->resolved() || step.events.count))
    note_mute(*incident, is_muted(mutes, step.key, incident->critical()), step.events);
  if (!must_store(step, policy)) return std::nullopt;
  return step;
}

std::pmr::vector<IncidentKey> keys_of(const StoredKey *stored, std::size_t count, std::pmr::memory_resource *memory) {
  std::pmr::vector<IncidentKey> keys(memory);
  keys.reserve(count);
  for (std::size_t i = 0; i < count; ++i) keys.push_back(stored[i].key);
  return keys;
}

std::pmr::vector<DueStep> plan_steps(const StoredKey *stored, std::size_t count, const Observations &observations,
                                     const std::pmr::vector<Mute> &mutes, const LifecyclePolicy &policy,
                                     std::pmr::memory_resource *memory) {
  std::pmr::vector<RankedStep> ranked(memory);
  const StoredKey *next = stored;
  const StoredKey *end = stored + count;
  for (const Observed &observed : observations.list) {
    while (next != end && next->key < observed.key) ++next;
    const bool known = next != end && compare(next->key, observed.key) == 0;
    const DueStep due = {known ? next : nullptr, &observed};
    const auto step = take_step(observed, known ? next->state : KeyState(), mutes, policy);
    if (step) ranked.push_back(rank(due, *step));
  }
  std::sort(ranked.begin(), ranked.end(), more_urgent);
  std::pmr::vector<DueStep> steps(memory);
  steps.reserve(ranked.size());
  for (const RankedStep &step : ranked) steps.push_back(step.due);
  return steps;
}

}  // namespace insights
