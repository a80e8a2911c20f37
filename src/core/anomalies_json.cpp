#include "anomalies_json.hpp"

#include "json_text.hpp"

namespace insights {

namespace {

// A whole number of minutes is an integer, as in the original.
json in_minutes(Duration duration) {
  return duration % kMinute == 0 ? json(duration / kMinute) : json(static_cast<double>(duration) / kMinute);
}

json incident(const Anomaly &anomaly, const std::string &detected_at) {
  json object = {
      {"tenant_id", text_or_null(anomaly.tenant)},
      {"endpoint", text_or_null(anomaly.endpoint)},
      {"severity", anomaly.critical() ? "critical" : "warning"},
      {"recent_count", anomaly.recent_count},
      {"baseline_count", anomaly.baseline_count},
      {"recent_failures", anomaly.recent_failures},
      {"baseline_failures", anomaly.baseline_failures},
      {"spike_detected", anomaly.spike},
      {"failure_cluster_detected", anomaly.failure_cluster},
      {"spike_multiplier", number_or_null(anomaly.spike_multiplier)},
      {"failure_multiplier", number_or_null(anomaly.failure_multiplier)},
      {"message", text_or_null(anomaly.message)},
      {"detected_at", detected_at},
  };
  if (anomaly.silence) object["silence_detected"] = true;
  return object;
}

json snapshot_json(const AnomalySnapshot &snapshot) {
  const std::string at = iso_time(snapshot.at);
  json incidents = json::array();
  for (const Anomaly &anomaly : snapshot.anomalies.gravest) incidents.push_back(incident(anomaly, at));
  return {{"timestamp", at},
          {"incident_count", snapshot.anomalies.total},
          {"critical_count", snapshot.anomalies.critical},
          {"incidents", std::move(incidents)}};
}

}  // namespace

void write_anomalies_json(const Anomaly *anomalies, std::size_t count, const Detection &detection, ByteWriter &out,
                          Poll &poll) {
  const std::string detected_at = iso_time(detection.as_of);
  std::size_t critical = 0;
  out.put_bytes("{\"incidents\": [");
  for (std::size_t i = 0; i < count; ++i) {
    poll.tick();
    critical += anomalies[i].critical() ? 1 : 0;
    if (i > 0) out.put_bytes(", ");
    out.put_bytes(to_text(incident(anomalies[i], detected_at)));
    check_length(out.written(), "Give a tenant, or take the rows of anomalies_current().");
  }
  const json rest = {
      {"summary",
       {{"total_incidents", count}, {"critical_incidents", critical}, {"warning_incidents", count - critical}}},
      {"window_minutes", in_minutes(detection.recent)},
      {"baseline_minutes", in_minutes(detection.baseline)},
      {"detected_at", detected_at},
  };
  out.put_bytes("], ");
  out.put_bytes(to_text(rest).substr(1));  // the members go on
}

void write_history_json(const AnomalySnapshot *const *snapshots, std::size_t count, int hours, Timestamp generated_at,
                        ByteWriter &out, Poll &poll) {
  out.put_bytes("{\"snapshots\": [");
  for (std::size_t i = 0; i < count; ++i) {
    poll.tick();
    if (i > 0) out.put_bytes(", ");
    out.put_bytes(to_text(snapshot_json(*snapshots[i])));
    check_length(out.written(), "Take a longer step, or the rows of anomalies_history().");
  }
  out.put_bytes("], ");
  out.put_bytes(to_text({{"hours_analyzed", hours}, {"generated_at", iso_time(generated_at)}}).substr(1));
}

}  // namespace insights
