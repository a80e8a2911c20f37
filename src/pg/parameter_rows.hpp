// Rows as the parameters of one statement: each column is an array, for unnest().
#pragma once

#include "array.hpp"
#include "statement.hpp"

namespace insights::pg {

// Rows that all have the same columns, which are put from left to right. They are copied into the current context.
class ParameterRows {
 public:
  void begin_row() { column_ = 0; }

  void text(Text value) {
    is_null(value)
        ? null(TEXTOID)
        : put(TEXTOID, PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
  }
  void text(const char *value) { text(value == nullptr ? Text() : Text(value)); }
  void boolean(bool value) { put(BOOLOID, BoolGetDatum(value)); }
  void integer(int value) { put(INT4OID, Int32GetDatum(value)); }
  void bigint(std::int64_t value) { put(INT8OID, Int64GetDatum(value)); }
  void count(std::uint64_t value) { bigint(static_cast<std::int64_t>(value)); }
  void number(double value) { put(FLOAT8OID, Float8GetDatum(value)); }
  void number(const std::optional<double> &value) { value ? number(*value) : null(FLOAT8OID); }
  void time(Timestamp value) { put(TIMESTAMPTZOID, TimestampTzGetDatum(value)); }
  void time(const std::optional<Timestamp> &value) { value ? time(*value) : null(TIMESTAMPTZOID); }
  void null(Oid type) { add(type, static_cast<Datum>(0), true); }
  void put(Oid type, Datum value) { add(type, value, false); }

  bool empty() const { return columns_ == 0; }

  // Puts the columns as $1, $2, ...
  void put_into(Parameters *parameters) const {
    for (int i = 0; i < columns_; ++i) parameters->put(arrays_[i].type(), arrays_[i].array());
  }

  // "unnest($1, $2, ...)" of them.
  const char *unnest() const {
    StringInfoData call;
    initStringInfo(&call);
    for (int i = 1; i <= columns_; ++i) appendStringInfo(&call, "%s$%d", i == 1 ? "unnest(" : ", ", i);
    appendStringInfoChar(&call, ')');
    return call.data;
  }

 private:
  void add(Oid type, Datum value, bool null) {
    Assert(column_ < kMost);
    if (column_ == columns_) arrays_[columns_++] = ArrayBuilder(type);
    arrays_[column_++].add(value, null);
  }

  static constexpr int kMost = 40;
  ArrayBuilder arrays_[kMost];
  int columns_ = 0, column_ = 0;
};

}  // namespace insights::pg
