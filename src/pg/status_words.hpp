// What is said of the words of a source's statuses when it is registered.
#pragma once

#include "status_sample.hpp"

namespace insights::pg {

// The usual words of the sample that mean another thing in some systems, for people; null where there are none, or
// where the source says itself what its statuses mean.
const char *doubts(const Source &source, const StatusSample &sample);

// A map to paste: of the sample's words those that are known, and "?" for the others and for those in doubt.
const char *map_to_paste(const StatusSample &sample);

// Raises 22023 for a word that nobody knows, and warns where the source has a map that does not know it; and warns of
// words in doubt, and of deliveries without a status. `type`: of the status. Gives the sample; as sample_statuses().
StatusSample check_words(const Source &source, Relation relation, Oid type);

}  // namespace insights::pg
