// What the reports of the detector have in common: their arguments, their scan, their rows.
#pragma once

#include "../core/anomalies.hpp"
#include "window.hpp"

namespace insights::pg {

// What to evaluate, from a function's arguments (their numbers) and the settings. Raises 22004 and 22023.
Detection detection_arguments(FunctionCallInfo fcinfo, int recent, int baseline, int method, int as_of);

// The usual windows, by method `rate`, under the settings.
Detection usual_detection(Timestamp as_of);

// The slots of `detection` alone, and the counters that it needs. In the current context.
WindowScan plan_scan(const Detection &detection, const Source *source, const char *tenant);

// The rollup's bytes; `schema` is the extension's. Sets partial_view. Between SPI_connect and SPI_finish.
std::string_view scan_for_detection(Oid schema, WindowScan scan, Detection *detection);

// A row of anomalies_current or anomalies_history.
void put_anomaly(ReturnSetInfo *result, const Anomaly &anomaly, Method method, Timestamp at);

// Makes its texts UTF-8, for JSON.
void texts_to_utf8(Anomaly *anomaly);

}  // namespace insights::pg
