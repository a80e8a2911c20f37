// Incidents in their tables: storing a step, recording and announcing its events. All of it runs between SPI_connect and
// SPI_finish with the rights of the tables' owner.
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

}  // namespace insights::pg
