// Ids that somebody gave, of which some may be none.
#pragma once

#include "query.hpp"
#include "source.hpp"

namespace insights::pg {

// Of `ids`, the text of an array of texts, those that the type of the source's id takes, as such a text; the others are
// added to `malformed`, as C strings. Between SPI_connect and SPI_finish, and in no parallel operation.
const char *sift_ids(const Source &source, const char *ids, List **malformed);

// Leaves out of a filter's ids those that no delivery can have.
void sift_filter(const Source &source, DeliveryFilter *filter);

}  // namespace insights::pg
