// One evaluation of a source and what it makes of its incidents.
#pragma once

#include "pg.hpp"
#include "source.hpp"

namespace insights::pg {

enum class TickOutcome {
  kDone,
  kPartial,     // it ran out of time: what is left is the next one's
  kBusy,        // another session is evaluating the source, has changed it, or keeps incidents from being written
  kSuperseded,  // it was evaluated at a later time than as_of
  kFailed,
};

const char *name_of(TickOutcome outcome);

struct TickResult {
  TickOutcome outcome;
  int opened, updated, resolved;  // incidents; reopened ones count as opened
  std::uint64_t deliveries;       // that were scanned
  std::uint64_t unmapped;         // of these, with a status that nobody knows
  std::uint64_t stored, left;     // changes that are stored, and that are not yet
  const char *raising;            // on which delivery the mapping raises, though not for the detector; null: on none
  ErrorData *error;               // of kFailed
};

// An evaluation whose changes are stored a thousand at a time, the most urgent first, each in whatever transaction
// there is. It lives in a memory context of its own.
struct Tick;

// Evaluates a source with the rights of its owner, in a child of the current context, and stores nothing yet. Raises
// what goes wrong. Runs SPI by itself, as store_more() does.
Tick *begin_tick(Oid schema, const Source *source, Timestamp as_of);

// Stores the next changes, if any are left, with the rights of the current role, which owns the extension's tables. The
// lock of the source must have been held since begin_tick().
void store_more(Tick *tick);

// Whether there is more to be stored, and nobody in its way.
bool has_more(const Tick &tick);

// How it went so far; kPartial where there is more.
TickResult result_of(const Tick &tick);

// All of it.
TickResult tick(Oid schema, const Source *source, Timestamp as_of);

// The same in a subtransaction, so that an error other than a cancel becomes a result.
TickResult try_tick(Oid schema, const Source *source, Timestamp as_of);

// Resolves at most a thousand incidents, with ids greater than `after`, whose source is dropped, or has not been
// evaluated for anomaly_insights.expire_after though no other session kept it from that: it is locked, or one of `busy`
// (names). Sets `after` for the next thousand; false where there is none, or another session in the way. Runs SPI by
// itself.
bool resolve_left_incidents(Oid schema, Timestamp as_of, const List *busy, std::int64_t *after);

// Resolves the incidents of a source that is being dropped. Runs SPI by itself.
void resolve_incidents_of(Oid schema, const char *source, Timestamp at);

}  // namespace insights::pg
