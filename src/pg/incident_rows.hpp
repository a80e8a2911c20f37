// Incidents in their tables, and mutes: reading them. All of it runs between SPI_connect and SPI_finish with the rights
// of the tables' owner.
#pragma once

#include "../core/step.hpp"
#include "pg.hpp"

namespace insights::pg {

// What is stored of a source, in the order of keys: what is unresolved, what may be reopened or must not be, what is
// not confirmed yet.
// Its texts are in the current context.
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

// So many incidents or steps are read or stored in one go, so that memory stays flat.
constexpr std::size_t kAtOnce = 1000;

// Some incidents, in the order of their ids.
struct IncidentRows {
  StoredIncident *list;
  std::size_t count;
};
IncidentRows load_incidents(Oid schema, Datum ids);  // int8[]

// At most kAtOnce of one source that are unresolved, with ids greater than `after`.
IncidentRows load_incidents_of(Oid schema, const char *source, std::int64_t after);

// At most kAtOnce that have gone unevaluated for too long or whose source is no more (`orphaned`), likewise.
struct LeftIncident {
  StoredIncident stored;
  bool orphaned;
};
struct LeftIncidents {
  LeftIncident *list;
  std::size_t count;
};
LeftIncidents load_left_incidents(Oid schema, Timestamp as_of, const LifecyclePolicy &policy, std::int64_t after);

// The mutes of a source that apply at a time, in the current context.
std::pmr::vector<Mute> *load_mutes(Oid schema, Text source, Timestamp at);

}  // namespace insights::pg
