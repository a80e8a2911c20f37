#include "event_json.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace insights {

namespace {

constexpr std::size_t kLongestName = 512;
constexpr std::size_t kLongestNotice = 1999;

// Cuts a text to `size` bytes, without leaving a part of a UTF-8 character at the end.
Text cut(Text text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

std::string to_payload(const json &value, bool ascii) {
  return value.dump(-1, ' ', ascii, json::error_handler_t::replace);
}

// Shortens a text member until the whole is short enough. Escaped, a byte may have become six.
void fit(json &notice, bool ascii, const char *member, std::string text) {
  std::size_t size = to_payload(notice, ascii).size();
  while (size > kLongestNotice && !text.empty()) {
    text = cut(text, text.size() - std::min(text.size(), (size - kLongestNotice + 5) / 6));
    notice[member] = text;
    size = to_payload(notice, ascii).size();
  }
}

}  // namespace

void write_notice(const EventNotice &notice, bool ascii, ByteWriter &out) {
  json object = {{"v", 1},
                 {"seq", notice.seq},
                 {"id", notice.incident},
                 {"event", std::string(notice.event)},
                 {"severity", std::string(notice.severity)},
                 {"at", iso_time(notice.at)}};
  if (notice.details) {
    const Text tenant = cut(notice.tenant, kLongestName);
    const Text endpoint = cut(notice.endpoint, kLongestName);
    object["tenant"] = text_or_null(tenant);
    object["endpoint"] = text_or_null(endpoint);
    object["message"] = text_or_null(notice.message);
    // The message says the names again, so it is the first to be cut.
    fit(object, ascii, "message", std::string(notice.message));
    fit(object, ascii, "endpoint", std::string(endpoint));
    fit(object, ascii, "tenant", std::string(tenant));
  }
  out.put_bytes(to_payload(object, ascii));
}

}  // namespace insights
