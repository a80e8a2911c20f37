// Why the detector says what it says of one endpoint.
#pragma once

#include <memory_resource>
#include <string>
#include <vector>

#include "anomalies.hpp"

namespace insights {

// One line of an explanation. The texts live in the given memory, or for ever.
struct Explanation {
  const char *part;  // "windows", "inputs", "spike", "failure cluster", "silence", "verdict"
  Text item;
  Text value;
  const char *meaning;
};

// Every input of the verdict on (tenant, endpoint), each test with its p value, and the reason. An endpoint without a
// delivery in any window is explained too: all of its counts are 0.
std::pmr::vector<Explanation> explain(std::string_view flat, const Detection &detection, Text tenant, Text endpoint,
                                      Poll &poll, std::pmr::memory_resource *memory);

}  // namespace insights
