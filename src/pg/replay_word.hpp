// Which raw status puts a failed delivery back in line: the table's own word for it.
#pragma once

#include "status_sample.hpp"

namespace insights::pg {

// What a raw status means to the source.
StatusClass class_of(const Source &source, Text raw);

// The word of a source whose mapping does not say: the column's default where that waits to be sent; else "pending", or
// the only word for such, of its map, its enum, or a sample of its deliveries, which is taken unless it is given. Null
// where that leaves a choice or nothing. Runs as the current user, between SPI_connect and SPI_finish.
const char *find_replay_word(const Source &source, Relation relation, const StatusSample *sample = nullptr);

}  // namespace insights::pg
