// Incidents in their tables: storing steps, recording and announcing their events, many in one statement. All of it
// runs between SPI_connect and SPI_finish with the rights of the tables' owner, and under the lock of incidents.
#pragma once

#include "../core/step.hpp"
#include "pg.hpp"

namespace insights::pg {

// What an operator says with a step.
struct Remark {
  Text note;
  std::optional<bool> false_positive;
  bool by_hand;
};

// What becomes of an incident, a new one too (whose id is 0).
struct Change {
  Text source;
  IncidentKey key;
  Incident incident;
  Text message;  // NULL: as it was
  Events events;
};

// Stores changes of different incidents, and sets the ids of new ones. Each event becomes a row of anomaly_events, in
// the order of the list, and, unless the incident is muted, a notification at commit.
void store_changes(Oid schema, Change *changes, std::size_t count, Timestamp at, const Remark &remark);

// Stores what a tick makes of some keys.
void store_steps(Oid schema, Text source, const Step *steps, std::size_t count, Timestamp at,
                 const LifecyclePolicy &policy);

// Deletes at most so many rows each of what is older than anomaly_insights.retention. Runs SPI by itself.
struct Pruned {
  int incidents, events, mutes, replays;
};
Pruned prune_incidents(Oid schema, Timestamp as_of, int most);

}  // namespace insights::pg
