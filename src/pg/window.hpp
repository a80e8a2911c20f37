// What the reports over a window of hours have in common.
#pragma once

#include "../core/trends.hpp"
#include "arguments.hpp"
#include "compute.hpp"
#include "scan.hpp"

namespace insights::pg {

// The window of `hours` up to as_of. Raises 22004 and 22023.
Window window_arguments(FunctionCallInfo fcinfo, int hours, int as_of);

// What a report scans. Plain data.
struct WindowScan {
  const std::pmr::vector<Timestamp> *edges;  // of the slots; the scan reaches from the first to the last
  CounterSet counters;
  const Source *source;
  const char *tenant;
  const char *endpoint;
  bool as_owner;  // in the name of the relation's owner, and not of who asks
  bool ungrouped;
  bool missing_is_unknown;
};

// `schema` is the extension's. Between SPI_connect and SPI_finish.
ScanResult scan_window(Oid schema, const WindowScan &scan);

// The source of a text argument.
const Source *source_argument(FunctionCallInfo fcinfo, int number);

// Edges in the current context, for WindowScan.
std::pmr::vector<Timestamp> *make_trend_edges(const Window &window, int interval_hours);

}  // namespace insights::pg
