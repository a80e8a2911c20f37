// An array that grows: an argument of a statement, or a literal in one.
#pragma once

#include "pg.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/fmgroids.h"
}

namespace insights::pg {

// The text of an array, as the input function of any array type reads it.
inline const char *array_text(Datum array) { return OidOutputFunctionCall(F_ARRAY_OUT, array); }

// Grows in the current context, which keeps copies of the elements.
class ArrayBuilder {
 public:
  ArrayBuilder() = default;  // of no type yet
  explicit ArrayBuilder(Oid type) : type_(type), state_(initArrayResult(type, CurrentMemoryContext, false)) {}

  void add(Datum value, bool null = false) {
    state_ = accumArrayResult(state_, value, null, type_, CurrentMemoryContext);
  }
  // For text and bytea, which are the same to the eye of memory.
  void add(Text value) {
    is_null(value) ? add(static_cast<Datum>(0), true)
                   : add(PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
  }
  bool empty() const { return state_->nelems == 0; }
  Oid type() const { return get_array_type(type_); }
  Datum array() const { return makeArrayResult(state_, CurrentMemoryContext); }
  const char *text() const { return array_text(array()); }

 private:
  Oid type_ = InvalidOid;
  ArrayBuildState *state_ = nullptr;
};

}  // namespace insights::pg
