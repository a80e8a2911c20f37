// One tick of all incidents of a source: what was known, what is observed, what must be stored.
#pragma once

#include <memory_resource>
#include <vector>

#include "mute.hpp"
#include "observe.hpp"

namespace insights {

// What is stored of one key.
struct StoredKey {
  IncidentKey key;
  KeyState state;
};

// A key of which something must be stored.
struct Step {
  IncidentKey key;
  KeyState before;
  KeyState after;
  Text message;  // NULL: as it was
  Events events;
};

// The keys of what is stored (in their order, each once), for observe().
std::pmr::vector<IncidentKey> keys_of(const StoredKey *stored, std::size_t count, std::pmr::memory_resource *memory);

// Takes an observed key a step on. None where nothing must be stored.
std::optional<Step> take_step(const Observed &observed, const KeyState &before, const std::pmr::vector<Mute> &mutes,
                              const LifecyclePolicy &policy);

// A step to take, small beside the Step itself.
struct DueStep {
  const StoredKey *stored;  // null: nothing is stored of the key
  const Observed *observed;
};

// The steps to take, the most urgent first: what is news to somebody, the gravest first; then what waits to be
// confirmed; then incidents that only go on, those that have waited for longest first. `stored` is in the order of
// keys, each once, and all of its keys are observed.
std::pmr::vector<DueStep> plan_steps(const StoredKey *stored, std::size_t count, const Observations &observations,
                                     const std::pmr::vector<Mute> &mutes, const LifecyclePolicy &policy,
                                     std::pmr::memory_resource *memory);

}  // namespace insights
