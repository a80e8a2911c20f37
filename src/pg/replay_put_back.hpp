// Putting the deliveries of a replay back in line.
#pragma once

#include "replay_deliveries.hpp"

namespace insights::pg {

// Puts those that are wanted back in line. Where some are refused, all of it is undone and done without these, so that
// nothing is left of what was set in their rows. `pinned` is the level of the pinned settings, without which the
// statement runs. Between SPI_connect and SPI_finish, with the caller's rights.
void put_back(const Source &source, const Deliveries &deliveries, int *pinned);

}  // namespace insights::pg
