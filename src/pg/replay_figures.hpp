// How replays fared.
#pragma once

#include "../core/figures.hpp"
#include "pg.hpp"
#include "source.hpp"
#include "window.hpp"

namespace insights::pg {

// Of the window's deliveries, those that an operator replayed, as the audit has it; where there was no such replay
// since the window began, those that were attempted more than once, of which `all` tells. Between SPI_connect and
// SPI_finish.
ReplayFigures count_replays(Oid schema, const Window &window, const Source *source, const char *tenant,
                            const Tally &all);

}  // namespace insights::pg
