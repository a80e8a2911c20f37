// Which statuses the deliveries of a source have, from a sample that takes little whatever the relation is.
#pragma once

#include "sample.hpp"

extern "C" {
#include "utils/relcache.h"
}

namespace insights::pg {

struct SeenStatus {
  Text raw;    // NULL for none; its first bytes where it is not whole
  bool whole;  // a longer text is no word that could be mapped
  StatusClass status;
  std::int64_t deliveries;
};

struct StatusSample {
  bool taken;               // false: it would have read too much
  bool newest;              // by created_at, or as they lie in the table
  std::int64_t deliveries;  // that were looked at
  std::int64_t unmapped;    // of these
  SeenStatus *seen;         // the commonest of the first that came
  int count;
  bool unlisted;  // there are other unmapped ones
};

// Looks at the newest deliveries of a source by an index on its time; at what lies at the end of a table without such
// an index; at any, where neither can be. Stops after some seconds, whatever the mapping's expressions do. As the
// current user, under kPinnedPath, between SPI_connect and SPI_finish.
StatusSample sample_statuses(const Source &source, Relation relation);

// The labels of an enum as such a sample, without deliveries.
StatusSample sample_labels(const Source &source, Oid enum_type);

// The unmapped ones for people: "lost" (3), NULL (1). Labels have no numbers. With `words` no NULL.
const char *unmapped_list(const StatusSample &sample, bool words);

}  // namespace insights::pg
