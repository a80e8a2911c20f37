#include "message.hpp"

#include <cmath>
#include <cstring>
#include <string>

#include "number.hpp"

namespace insights {

namespace {

// "12.0x normal", or "new" where nothing was expected.
std::string times_normal(const std::optional<double> &multiplier) {
  return multiplier ? python_repr(*multiplier) + "x normal" : "new";
}

std::string minutes(Duration window) {
  const std::string count = short_number(static_cast<double>(window) / kMinute);
  return count + (count == "1" ? " minute" : " minutes");
}

void append(std::string &out, Text text, const char *if_null) {
  if (is_null(text)) {
    out += if_null;
  } else {
    out.append(text);
  }
}

// "12 failures to X (3.5x normal)"; "12 failures in 15 minutes to X (3.5x normal)" where the usual window does not show
// it.
std::string counted(const Anomaly &anomaly, const char *what) {
  std::string out = std::to_string(anomaly.told_count) + " " + what;
  if (anomaly.told_window > 0) out += " in " + minutes(anomaly.told_window);
  out += " to ";
  append(out, anomaly.endpoint, "none");
  return out + " (" + times_normal(anomaly.told_multiplier) + ")";
}

std::string endpoint_sentence(const Anomaly &anomaly) {
  if (anomaly.failure_cluster) return "Failure Cluster: " + counted(anomaly, "failures");
  if (anomaly.spike) return "Traffic Spike: " + counted(anomaly, "deliveries");
  std::string out = "Silence: no deliveries to ";
  append(out, anomaly.endpoint, "none");
  return out + " for " + minutes(anomaly.window) + " (" + python_repr(round2(anomaly.expected_count * 3)) +
         " expected)";
}

std::string fleet_sentence(const Anomaly &anomaly, const Fleet &fleet) {
  if (anomaly.silence) {
    return "Silence: no deliveries to " + std::to_string(fleet.silent) + " of " + std::to_string(fleet.judged) +
           " steady endpoints for " + minutes(anomaly.window);
  }
  return "Traffic Spike: " + std::to_string(anomaly.recent_count) + " deliveries to all endpoints (" +
         python_repr(round2(fleet.factor)) + "x normal at the median endpoint)";
}

}  // namespace

Text write_message(const Anomaly &anomaly, const Fleet &fleet, bool unicode, std::pmr::memory_resource *memory) {
  std::string out;
  if (unicode) out = anomaly.critical() ? "\U0001F6A8 " : "\u26A0\uFE0F ";
  out += anomaly.fleet ? fleet_sentence(anomaly, fleet) : endpoint_sentence(anomaly);
  out += unicode ? " \u2013 Tenant: " : " - Tenant: ";
  append(out, anomaly.tenant, anomaly.fleet ? "all" : "none");

  char *copy = static_cast<char *>(memory->allocate(out.size(), 1));
  std::memcpy(copy, out.data(), out.size());
  return {copy, out.size()};
}

}  // namespace insights
