#include "json.hpp"

extern "C" {
#include "catalog/namespace.h"
}

namespace insights::pg {

Text to_utf8(Text text) {
  const int encoding = GetDatabaseEncoding();
  if (is_null(text) || encoding == PG_UTF8 || encoding == PG_SQL_ASCII) return text;
  const Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
  if (!OidIsValid(conversion)) return text;  // what is no UTF-8 is left for the writer to replace
  const Size size = text.size() * MAX_CONVERSION_GROWTH + 1;
  auto *utf8 = static_cast<unsigned char *>(palloc(size));
  auto *from = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
  int left = static_cast<int>(text.size());
  Size written = 0;
  while (left > 0) {
    const int converted = pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, from, left, utf8 + written,
                                                        static_cast<int>(size - written), true);
    written += std::strlen(reinterpret_cast<char *>(utf8 + written));
    from += converted;
    left -= converted;
    if (left == 0) break;
    utf8[written++] = '?';
    const int broken = Min(pg_encoding_mblen(encoding, reinterpret_cast<char *>(from)), left);
    from += broken;
    left -= broken;
  }
  return {reinterpret_cast<char *>(utf8), written};
}

Datum to_jsonb(std::string_view utf8) {
  const char *json = utf8.data();
  if (GetDatabaseEncoding() != PG_SQL_ASCII) {
    json = pg_any_to_server(json, static_cast<int>(std::strlen(json)), PG_UTF8);
  }
  return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

}  // namespace insights::pg
