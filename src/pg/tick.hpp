// One evaluation of a source and what it makes of its incidents.
#pragma once

#include "pg.hpp"
#include "source.hpp"

namespace insights::pg {

enum class TickOutcome {
  kDone,
  kBusy,        // another session is evaluating the source, or keeps incidents from being written
  kSuperseded,  // it was evaluated at a later time than as_of
  kFailed,
};

const char *name_of(TickOutcome outcome);

struct TickResult {
  TickOutcome outcome;
  int opened, updated, resolved;  // incidents; reopened ones count as opened
  std::uint64_t deliveries;       // that were scanned
  std::uint64_t unmapped;         // of these, with a status that nobody knows
  ErrorData *error;               // of kFailed
};

// Evaluates a source with the rights of its owner, and stores what comes of it with those of the current role, which
// owns the extension's tables. Raises what goes wrong. Runs SPI by itself.
TickResult tick(Oid schema, const Source *source, Timestamp as_of);

// The same in a subtransaction, so that an error other than a cancel becomes a result.
TickResult try_tick(Oid schema, const Source *source, Timestamp as_of);

// Resolves incidents whose source is dropped, or has not been evaluated for anomaly_insights.expire_after though no
// other session kept it from that: it is locked, or one of `busy` (names). Gives their number. Runs SPI by itself.
int resolve_left_incidents(Oid schema, Timestamp as_of, const List *busy);

// Resolves the incidents of a source that is being dropped. Between SPI_connect and SPI_finish.
void resolve_incidents_of(Oid schema, const char *source, Timestamp at);

}  // namespace insights::pg
