// SHA-256 over several texts.
#pragma once

#include "pg.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
}

namespace insights::pg {

// Each text with its length, and NULL as a value of its own, so that no two lists of texts are the same bytes.
inline void append_field(StringInfo bytes, Text field) {
  if (is_null(field)) {
    appendStringInfoChar(bytes, 'n');
    return;
  }
  appendStringInfo(bytes, "%zu:", field.size());
  appendBinaryStringInfo(bytes, field.data(), static_cast<int>(field.size()));
}

// A bytea of 32 bytes.
inline Datum sha256(const StringInfoData &bytes) {
  return DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(bytes.data, bytes.len)));
}

}  // namespace insights::pg
