// Between the core's JSON, which is UTF-8, and the database's JSONB.
#pragma once

#include "../core/bytes.hpp"
#include "guard.hpp"
#include "memory.hpp"
#include "pg.hpp"

namespace insights::pg {

// The text in UTF-8, which JSON is made of. A byte that has no equivalent becomes "?": one such endpoint must not take
// the report from everybody.
Text to_utf8(Text text);

// nlohmann's text, with a zero at its end, to a datum of JSONB, through its input function: so no version of
// PostgreSQL's JSONB code matters.
Datum to_jsonb(std::string_view utf8);

// The end of a function that returns JSON: `write(out, poll)` writes it in the core, the datum is made in the caller's
// context, and SPI is finished.
template <typename Write>
Datum finish_json(MemoryContext caller, Write write) {
  ContextMemory *memory = current_memory();
  const std::string_view text = guarded([&] {
    InterruptPoll poll;
    auto *out = make_in<ByteWriter>(memory, memory);
    write(*out, poll);
    out->put_byte(0);
    return out->written();
  });
  MemoryContext spi = MemoryContextSwitchTo(caller);
  const Datum jsonb = to_jsonb(text);
  MemoryContextSwitchTo(spi);
  SPI_finish();
  return jsonb;
}

}  // namespace insights::pg
