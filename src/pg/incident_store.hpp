// Incidents in their tables: reading, storing a step, recording and announcing its events. All of it runs between
// SPI_connect and SPI_finish with the rights of the tables' owner.
#pragma once

#include "../core/step.hpp"
#include "lock_holder.hpp"
#include "pg.hpp"

namespace insights::pg {

// Raises 25000 in REPEATABLE READ and SERIALIZABLE, which do not see what the others did; 25006 on a
// standby and in a READ ONLY transaction.
void require_fresh_snapshots(const char *what);

// One tick at a time of a source; until the end of the transaction. False where another session is at it.
bool try_lock_source(Oid schema, const char *source);

// Who else has locked it. Between SPI_connect and SPI_finish.
LockHolder source_holder(Oid schema, const char *source);

// One writer of incidents at a time, until the end of the transaction: that makes the order of events the order of
// commits. Taken before anything is stored, and before anything that a decision to store depends on is read.
void lock_incidents(Oid schema);

// The same; false where another session has it for longer than lock_timeout.
bool wait_for_incidents(Oid schema);

// Who else has it. Between SPI_connect and SPI_finish.
LockHolder incidents_holder(Oid schema);

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

// What an operator says with a step.
struct Remark {
  Text note;
  std::optional<bool> false_positive;
  bool by_hand;
};

// Stores an incident, a new one too (and sets its id), and records its events: each in anomaly_events and, unless the
// incident is muted, as a notification at commit. `message` NULL: as it was.
void store_incident(Oid schema, Text source, const IncidentKey &key, Incident *incident, Text message,
                    const Events &events, Timestamp at, const Remark &remark);

// Stores what a tick makes of a key.
void store_step(Oid schema, Text source, Step *step, Timestamp at, const LifecyclePolicy &policy);

// Deletes at most so many rows each of what is older than anomaly_insights.retention. Runs SPI by itself.
struct Pruned {
  int incidents, events, mutes, replays;
};
Pruned prune_incidents(Oid schema, Timestamp as_of, int most);

// The mutes of a source that apply at a time, in the current context.
std::pmr::vector<Mute> *load_mutes(Oid schema, Text source, Timestamp at);

}  // namespace insights::pg
