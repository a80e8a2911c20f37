// The sentence that an operator reads.
#pragma once

#include <memory_resource>

#include "anomalies.hpp"

namespace insights {

// The message of an anomaly, in memory of the given resource that is never handed back. `unicode`: the text is UTF-8,
// so the original's signs and dash may stand in it; else they are left out and the dash is "-".
Text write_message(const Anomaly &anomaly, const Fleet &fleet, bool unicode, std::pmr::memory_resource *memory);

}  // namespace insights
