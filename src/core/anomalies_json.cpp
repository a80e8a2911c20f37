#include "anomalies_json.hpp"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace insights {

namespace {

using nlohmann::json;

constexpr std::int64_t kUnixSeconds2000 = 946684800;

json text_or_null(Text text) { return is_null(text) ? json(nullptr) : json(std::string(text)); }

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

}  // namespace

std::string iso_time(Timestamp time) {
  // Division rounds towards zero, and time before 2000 is negative.
  const std::int64_t seconds = time / kSecond - (time % kSecond < 0 ? 1 : 0) + kUnixSeconds2000;
  const std::time_t unix_time = seconds;
  std::tm parts{};
  if (gmtime_r(&unix_time, &parts) == nullptr) return {};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text;
}

std::string anomalies_json(const Anomaly *anomalies, std::size_t count, const Detection &detection) {
  const std::string detected_at = iso_time(detection.as_of);
  json incidents = json::array();
  std::size_t critical = 0;
  for (std::size_t i = 0; i < count; ++i) {
    incidents.push_back(incident(anomalies[i], detected_at));
    critical += anomalies[i].critical() ? 1 : 0;
  }
  const json report = {
      {"incidents", std::move(incidents)},
      {"summary",
       {{"total_incidents", count}, {"critical_incidents", critical}, {"warning_incidents", count - critical}}},
      {"window_minutes", in_minutes(detection.recent)},
      {"baseline_minutes", in_minutes(detection.baseline)},
      {"detected_at", detected_at},
  };
  return report.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace insights
