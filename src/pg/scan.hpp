// The one inner query of a report: deliveries of a source to a rollup.
#pragma once

#include "pg.hpp"
#include "source.hpp"

namespace insights::pg {

// What to scan: deliveries with after < created_at <= until, of one tenant or of all.
struct ScanRequest {
  const Source *source;
  Oid schema;              // of the extension
  std::string_view shape;  // bytes of an empty rollup
  Timestamp after;
  Timestamp until;
  const char *tenant;       // null: all
  bool missing_is_unknown;  // a missing tenant or endpoint counts as 'unknown', as in the original
};

struct ScanResult {
  std::string_view rollup;  // bytes, in SPI's memory
  bool partial;             // row-level security hides rows from the caller
};

// The OID of type delivery_rollup.
Oid rollup_type(Oid schema);

// The type of an expression over the source's relation, below its domains. Between SPI_connect and SPI_finish.
Oid expression_type(const Source *source, const char *expression);

// A request that is only prepared or started, to see whether the source can be scanned: any shape will do.
ScanRequest trial_request(const Source *source, Oid schema);

// The SQL of the inner query; $1 is the shape, $2 and $3 the bounds.
char *rollup_query(const ScanRequest &request);

// Prepares it. Raises what PostgreSQL says of a mapping that no longer fits.
SPIPlanPtr prepare_rollup_query(const ScanRequest &request);

// Whether row-level security hides rows of the query from the caller.
bool hides_rows(SPIPlanPtr plan);

// Runs it with the caller's privileges and the caller's snapshot, planned by PostgreSQL for the actual bounds. To be
// called between SPI_connect and SPI_finish. Raises what the query raises, and 42P01 where the relation is gone.
ScanResult scan_rollup(const ScanRequest &request);

}  // namespace insights::pg
