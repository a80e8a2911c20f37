// The payload of a notification.
#pragma once

#include <string>

#include "bytes.hpp"
#include "text.hpp"

namespace insights {

// What a notification says. The texts are UTF-8, or bytes that are replaced where they are none.
struct EventNotice {
  std::int64_t seq = 0;
  std::int64_t incident = 0;
  Text event;
  Text severity;
  Timestamp at = 0;
  bool details = false;  // the three below too
  Text tenant;
  Text endpoint;
  Text message;
};

// {"v":1,"seq":..,"id":..,"event":"opened","severity":"critical","at":"2025-11-05T14:30:00Z"}; with details tenant,
// endpoint (each cut to 512 bytes on a character) and message. Always shorter than 2000 bytes: a message that does not
// fit is cut. `ascii`: all else is escaped, which every server encoding holds; otherwise it is UTF-8.
void write_notice(const EventNotice &notice, bool ascii, ByteWriter &out);

}  // namespace insights
