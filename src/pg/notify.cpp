#include "notify.hpp"

#include "guard.hpp"
#include "json.hpp"
#include "memory.hpp"
#include "settings.hpp"

extern "C" {
#include "commands/async.h"
}

namespace insights::pg {

bool notifications_are_on() { return *notify_channel != '\0'; }

void notify(EventNotice notice) {
  notice.details = notify_details;
  notice.tenant = to_utf8(notice.tenant);
  notice.endpoint = to_utf8(notice.endpoint);
  notice.message = to_utf8(notice.message);
  ContextMemory *memory = current_memory();
  const std::string_view payload = guarded([&] {
    auto *out = make_in<ByteWriter>(memory, memory);
    write_notice(notice, GetDatabaseEncoding() != PG_UTF8, *out);
    out->put_byte(0);
    return out->written();
  });
  Async_Notify(notify_channel, payload.data());
}

}  // namespace insights::pg
