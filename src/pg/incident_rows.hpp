// Incidents in their tables, and mutes: reading them. All of it runs between SPI_connect and SPI_finish with the rights
// of the tables' owner.
#pragma once

#include "../core/step.hpp"
#include "pg.hpp"

namespace insights::pg {

// What is stored of a source, in the order of keys: what is unresolved, what may be reopened or must not be, what is
// not confirmed yet.
struct StoredKeys {
  StoredKey *keys;
  std::size_t count;
  Timestamp newest;  // the latest time at which any of it was evaluated
  bool of_future;    // a time of it is yet to come
};
StoredKeys load_keys(Oid schema, const char *source, Timestamp as_of, const LifecyclePolicy &policy);

// An incident by itself. False where there is none of this id, or none of these tenants (0: any).
struct StoredIncident {
  Text source;
  IncidentKey key;
  Incident incident;
};
bool load_incident(Oid schema, std::int64_t id, Datum tenants, StoredIncident *stored);

// Incidents that have gone unevaluated for too long, or whose source is no more (`orphaned`).
struct LeftIncident {
  StoredIncident stored;
  bool orphaned;
};
struct LeftIncidents {
  LeftIncident *list;
  std::size_t count;
};
LeftIncidents load_left_incidents(Oid schema, Timestamp as_of, const LifecyclePolicy &policy);

// Those of one source that are unresolved.
LeftIncidents load_incidents_of(Oid schema, const char *source);

// The mutes of a source that apply at a time, in the current context.
std::pmr::vector<Mute> *load_mutes(Oid schema, Text source, Timestamp at);

}  // namespace insights::pg
