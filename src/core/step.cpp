#include "step.hpp"

namespace insights {

namespace {

bool must_store(const Step &step, const LifecyclePolicy &policy) {
  if (step.events.count > 0 || !(step.before.candidate == step.after.candidate)) return true;
  if (!step.after.incident) return false;
  return !step.before.incident || must_store(*step.before.incident, *step.after.incident, policy);
}

Step take_step(const IncidentKey &key, const KeyState &before, const Observation &observation,
               const std::pmr::vector<Mute> &mutes, const LifecyclePolicy &policy) {
  Step step{key, before, before, observation.message, Events()};
  step.events = advance(step.after, observation, policy);
  // Whoever was told of an incident is told of its end; a mute of resolved ones changes nothing any more.
  if (std::optional<Incident> &incident = step.after.incident; incident && (!incident->resolved() || step.events.count))
    note_mute(*incident, is_muted(mutes, key, incident->critical()), step.events);
  return step;
}

}  // namespace

std::pmr::vector<IncidentKey> keys_of(const StoredKey *stored, std::size_t count, std::pmr::memory_resource *memory) {
  std::pmr::vector<IncidentKey> keys(memory);
  keys.reserve(count);
  for (std::size_t i = 0; i < count; ++i) keys.push_back(stored[i].key);
  return keys;
}

std::pmr::vector<Step> take_steps(const StoredKey *stored, std::size_t count, const Observations &observations,
                                  const std::pmr::vector<Mute> &mutes, const LifecyclePolicy &policy,
                                  std::pmr::memory_resource *memory) {
  std::pmr::vector<Step> steps(memory);
  const StoredKey *next = stored;
  const StoredKey *end = stored + count;
  for (const Observed &observed : observations.list) {
    while (next != end && next->key < observed.key) ++next;
    const bool known = next != end && compare(next->key, observed.key) == 0;
    const Step step = take_step(observed.key, known ? next->state : KeyState(), observed.observation, mutes, policy);
    if (must_store(step, policy)) steps.push_back(step);
  }
  return steps;
}

}  // namespace insights
