#include "anomalies_json.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace insights {

namespace {

// An array's elements may take up to 256 MB in a JSONB.
constexpr std::size_t kLongestJsonb = (std::size_t{1} << 28) - (std::size_t{1} << 20);

json number_or_null(const std::optional<double> &number) { return number ? json(*number) : json(nullptr); }

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

std::size_t count_critical(const std::pmr::vector<Anomaly> &anomalies) {
  return static_cast<std::size_t>(
      std::count_if(anomalies.begin(), anomalies.end(), [](const Anomaly &anomaly) { return anomaly.critical(); }));
}

void check_length(const ByteWriter &out, const char *hint) {
  if (out.written().size() <= kLongestJsonb) return;
  throw Error(ErrorKind::kLimit, "the report is too long for a JSONB", hint);
}

json snapshot_json(const AnomalySnapshot &snapshot) {
  const std::string at = iso_time(snapshot.at);
  json incidents = json::array();
  for (std::size_t i = 0; i < std::min(snapshot.anomalies.size(), kIncidentsOfSnapshot); ++i) {
    incidents.push_back(incident(snapshot.anomalies[i], at));
  }
  return {{"timestamp", at},
          {"incident_count", snapshot.anomalies.size()},
          {"critical_count", count_critical(snapshot.anomalies)},
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
    check_length(out, "Give a tenant, or take the rows of anomalies_current().");
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

void write_history_json(const std::pmr::vector<AnomalySnapshot> &snapshots, int hours, Timestamp generated_at,
                        ByteWriter &out, Poll &poll) {
  out.put_bytes("{\"snapshots\": [");
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    poll.tick();
    if (i > 0) out.put_bytes(", ");
    out.put_bytes(to_text(snapshot_json(snapshots[i])));
    check_length(out, "Take a longer step, or the rows of anomalies_history().");
  }
  out.put_bytes("], ");
  out.put_bytes(to_text({{"hours_analyzed", hours}, {"generated_at", iso_time(generated_at)}}).substr(1));
}

}  // namespace insights
