#include "anomalies_json.hpp"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace insights {

namespace {

using nlohmann::json;

// An array's elements may take up to 256 MB in a JSONB.
constexpr std::size_t kLongestJsonb = (std::size_t{1} << 28) - (std::size_t{1} << 20);

constexpr std::int64_t kUnixSeconds2000 = 946684800;

json text_or_null(Text text) { return is_null(text) ? json(nullptr) : json(std::string(text)); }

json number_or_null(const std::optional<double> &number) { return number ? json(*number) : json(nullptr); }

// A whole number of minutes is an integer, as in the original.
json in_minutes(Duration duration) {
  return duration % kMinute == 0 ? json(duration / kMinute) : json(static_cast<double>(duration) / kMinute);
}

// Bytes that are no UTF-8 become U+FFFD.
std::string to_text(const json &value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

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
    if (out.written().size() > kLongestJsonb) {
      throw Error(ErrorKind::kLimit, "a report of " + std::to_string(count) + " incidents is too long for a JSONB",
                  "Give a tenant, or take the rows of anomalies_current().");
    }
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

}  // namespace insights
