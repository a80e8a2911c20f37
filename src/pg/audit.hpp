// The operators' audit: adding to the chain.
#pragma once

#include "pg.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace insights::pg {

struct AuditEntry {
  Text action;      // not empty
  Text target;      // NULL: none
  Jsonb *metadata;  // an object
};

// Whence it was done, as the application says.
struct AuditSource {
  Datum ip;  // inet
  bool no_ip;
};

// Adds rows in their order, in the name of the current actor, and gives the id of the first; the others follow it.
// Takes the chain's lock until the end of the transaction: to be called last. Between SPI_connect and SPI_finish, with
// the rights of the audit's owner and under a pinned search_path.
std::int64_t record_audit(Oid schema, const AuditEntry *entries, int count, const AuditSource &from);

}  // namespace insights::pg
