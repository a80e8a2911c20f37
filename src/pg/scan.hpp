// Running the inner query of a report: deliveries of a source to a rollup.
#pragma once

#include "pg.hpp"
#include "query.hpp"

namespace insights::pg {

struct ScanResult {
  std::string_view rollup;  // bytes, in SPI's memory
  bool partial;             // row-level security hides rows from the caller
};

// A request that is only prepared or started, to see whether the source can be scanned: any shape will do.
ScanRequest trial_request(const Source *source, Oid schema);

// What a query takes beside the bounds: $3 and on.
struct QueryParameters {
  int count;
  Oid types[5];
  Datum values[5];
};

// Runs a query over the deliveries of the request with the caller's privileges and the caller's snapshot, planned by
// PostgreSQL for the actual bounds; the rows are the latest. To be called between SPI_connect and SPI_finish.
// Raises what the query raises, and 42P01 where the relation is gone.
using QueryBuilder = char *(*)(const ScanRequest &request);
SPIPlanPtr run_query(const ScanRequest &request, QueryBuilder build, const QueryParameters &parameters);

// Prepares the inner query of a report. Raises what PostgreSQL says of a mapping that no longer fits.
SPIPlanPtr prepare_rollup_query(const ScanRequest &request);

// Whether row-level security hides rows of the query from the caller.
bool hides_rows(SPIPlanPtr plan);

// Runs it, as run_query() does.
ScanResult scan_rollup(const ScanRequest &request);

}  // namespace insights::pg
