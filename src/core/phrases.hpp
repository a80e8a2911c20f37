// What texts of errors say: which known phrases are in one, and which HTTP status it gives.
#pragma once

#include <cstdint>
#include <string_view>

#include "text.hpp"
#include "triage.hpp"

namespace insights {

// What a text says. Of each kind the first phrase, as it is searched for; empty: none.
struct Findings {
  std::string_view rate_limited;
  std::string_view transient;
  std::int32_t http_status = kNoHttpStatus;  // one that a rule knows
};

// What to look for: the less, the faster.
struct Search {
  TriageMethod method;
  bool transient;    // and not for limits alone
  bool http_status;  // only in the default
};

// Stops at the first limit, which decides. Each byte is looked at once or twice, whatever the text.
Findings search_error(Text error, Search search) noexcept;

}  // namespace insights
