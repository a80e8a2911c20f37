// Who need not be told.
#pragma once

#include <memory_resource>
#include <vector>

#include "observe.hpp"

namespace insights {

// A mute that applies now. NULL is any.
struct Mute {
  Text tenant;
  Text endpoint;
  bool warnings_only = false;  // its severity_cap
};

// A mute of one tenant or endpoint does not mute the fleet.
inline bool covers(const Mute &mute, const IncidentKey &key, bool critical) {
  const auto matches = [&](Text muted, Text text) {
    return is_null(muted) || (!key.fleet && !is_null(text) && muted == text);
  };
  return matches(mute.tenant, key.tenant) && matches(mute.endpoint, key.endpoint) && !(critical && mute.warnings_only);
}

inline bool is_muted(const std::pmr::vector<Mute> &mutes, const IncidentKey &key, bool critical) {
  for (const Mute &mute : mutes) {
    if (covers(mute, key, critical)) return true;
  }
  return false;
}

}  // namespace insights
