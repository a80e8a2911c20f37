// Our own statements on our own tables: the arguments of one, and the columns of what it gives.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// The arguments of a statement, in the order of $1, $2, ...
class Arguments {
 public:
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
  void null(Oid type) {
    put(type, static_cast<Datum>(0));
    nulls_[count_ - 1] = 'n';
  }
  void put(Oid type, Datum value) {
    Assert(count_ < kMost);
    types_[count_] = type;
    values_[count_] = value;
    nulls_[count_++] = ' ';
  }

  // Runs a statement with them, between SPI_connect and SPI_finish, on what is committed by now. Raises what it raises,
  // and an internal error where it is not of the expected kind. Gives the number of rows.
  std::uint64_t run(const char *statement, int expected) { return execute(statement, expected, false); }

  // The same for a SELECT by the caller's snapshot.
  std::uint64_t read(const char *statement) { return execute(statement, SPI_OK_SELECT, true); }

 private:
  std::uint64_t execute(const char *statement, int expected, bool read_only) {
    const int code = SPI_execute_with_args(statement, count_, types_, values_, nulls_, read_only, 0);
    if (code != expected) elog(ERROR, "statement failed: %s: %s", SPI_result_code_string(code), statement);
    return SPI_processed;
  }

  static constexpr int kMost = 40;
  Oid types_[kMost];
  Datum values_[kMost];
  char nulls_[kMost];
  int count_ = 0;
};

// The columns of a row, from left to right. Texts point into it.
class Columns {
 public:
  explicit Columns(std::uint64_t row, const SPITupleTable *table = SPI_tuptable)
      : tuple_(table->vals[row]), descriptor_(table->tupdesc) {}

  Datum next(bool *null) { return SPI_getbinval(tuple_, descriptor_, ++column_, null); }
  Text text() {
    bool null = false;
    const Datum value = next(&null);
    if (null) return Text();
    const struct varlena *text = PG_DETOAST_DATUM_PACKED(value);
    return {VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)};
  }
  bool boolean() { return DatumGetBool(not_null()); }
  int integer() { return DatumGetInt32(not_null()); }
  std::int64_t bigint() { return DatumGetInt64(not_null()); }
  std::uint64_t count() { return static_cast<std::uint64_t>(bigint()); }
  double number() { return DatumGetFloat8(not_null()); }
  Timestamp time() { return DatumGetTimestampTz(not_null()); }
  std::optional<double> number_or_null() {
    bool null = false;
    const Datum value = next(&null);
    return null ? std::nullopt : std::optional<double>(DatumGetFloat8(value));
  }
  std::optional<bool> boolean_or_null() {
    bool null = false;
    const Datum value = next(&null);
    return null ? std::nullopt : std::optional<bool>(DatumGetBool(value));
  }
  std::optional<int> integer_or_null() {
    bool null = false;
    const Datum value = next(&null);
    return null ? std::nullopt : std::optional<int>(DatumGetInt32(value));
  }
  std::optional<Timestamp> time_or_null() {
    bool null = false;
    const Datum value = next(&null);
    return null ? std::nullopt : std::optional<Timestamp>(DatumGetTimestampTz(value));
  }
  Datum not_null() {
    bool null = false;
    const Datum value = next(&null);
    if (null) elog(ERROR, "column %d is null", column_);
    return value;
  }

 private:
  HeapTuple tuple_;
  TupleDesc descriptor_;
  int column_ = 0;
};

}  // namespace insights::pg
