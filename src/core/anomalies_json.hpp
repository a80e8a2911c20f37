// The JSON of `GET /anomalies/current` and `GET /anomalies/history`.
#pragma once

#include <string>

#include "anomalies.hpp"
#include "bytes.hpp"
#include "history.hpp"
#include "poll.hpp"

namespace insights {

// The contract of the original, in UTF-8: exactly its keys, with integers, numbers and texts where it has them. What
// the original does not know of its clients know neither, but for one key: an incident that is a silence says so in
// `silence_detected`. All texts must be UTF-8; bytes that are not become U+FFFD.
// With method `reference` a missing tenant or endpoint is 'unknown', by way of the rollup's keys.
// Written incident by incident, so that a report of very many can be stopped and takes the writer's memory only.
// Error kLimit where the text is too long for a JSONB.
void write_anomalies_json(const Anomaly *anomalies, std::size_t count, const Detection &detection, ByteWriter &out,
                          Poll &poll);

// The contract of the original: of each snapshot its counts and the incidents that it holds, which should be
// the gravest five. Texts and limit as above.
constexpr std::size_t kIncidentsOfSnapshot = 5;
void write_history_json(const AnomalySnapshot *const *snapshots, std::size_t count, int hours, Timestamp generated_at,
                        ByteWriter &out, Poll &poll);

}  // namespace insights
