// What the writers of JSON share.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "window.hpp"

namespace insights {

using nlohmann::json;

inline json text_or_null(Text text) { return is_null(text) ? json(nullptr) : json(std::string(text)); }

inline json number_or_null(const std::optional<double> &value) { return value ? json(*value) : json(nullptr); }

// Bytes that are no UTF-8 become U+FFFD.
inline std::string to_text(const json &value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// An array's elements may take up to 256 MB in a JSONB. Throws kLimit, with the hint, where `written` is too long.
void check_length(std::string_view written, const char *hint);

// "2025-11-05T14:30:00Z": whole seconds, rounded down; 44 BC is -0043.
std::string iso_time(Timestamp time);

// {hours, start, end}
json time_range(const Window &window);

}  // namespace insights
