// What a statement gave. The one place that touches SPI's tuples: nothing is read or handed on before number and type
// of its column are known to be what C takes them for.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// The rows of a statement; they live until SPI_finish() or free().
class Rows {
 public:
  // Of the statement that ran last, a fetch of a cursor included.
  static Rows latest() { return {SPI_tuptable, SPI_processed}; }

  std::uint64_t count() const { return count_; }
  Oid type(int column) const;  // of a column, 1 being the first
  void free() const { SPI_freetuptable(table_); }

  // Puts all of them, or the first so many, into the result of a set-returning function. Raises 42804 where its columns
  // are other ones.
  void hand_on(ReturnSetInfo *result) const { hand_on(result, count_); }
  void hand_on(ReturnSetInfo *result, std::uint64_t count) const;

 private:
  friend class Columns;
  Rows(SPITupleTable *table, std::uint64_t count) : table_(table), count_(count) {}

  SPITupleTable *table_;
  std::uint64_t count_;
};

// Raises 42804 unless the column, 1 being the first, is there and has exactly this type.
void require_column(TupleDesc descriptor, int column, Oid type);

// The columns of a row, from left to right. Texts point into it. Each raises 42804 where the column is missing or of
// another type, and 22004 for a NULL that it cannot give.
class Columns {
 public:
  explicit Columns(std::uint64_t row, Rows rows = Rows::latest());

  // A value of exactly this type.
  Datum typed(Oid type, bool *null);
  Datum typed(Oid type);

  Text text() { return varlena(TEXTOID); }
  Text bytes() { return varlena(BYTEAOID); }
  bool boolean() { return DatumGetBool(typed(BOOLOID)); }
  int integer() { return DatumGetInt32(typed(INT4OID)); }
  Oid oid() { return DatumGetObjectId(typed(OIDOID)); }
  std::int64_t bigint() { return DatumGetInt64(typed(INT8OID)); }
  std::uint64_t count() { return static_cast<std::uint64_t>(bigint()); }
  double number() { return DatumGetFloat8(typed(FLOAT8OID)); }
  Timestamp time() { return DatumGetTimestampTz(typed(TIMESTAMPTZOID)); }
  std::optional<double> number_or_null() {
    return optional<double>(FLOAT8OID, [](Datum value) { return DatumGetFloat8(value); });
  }
  std::optional<bool> boolean_or_null() {
    return optional<bool>(BOOLOID, [](Datum value) { return DatumGetBool(value); });
  }
  std::optional<int> integer_or_null() {
    return optional<int>(INT4OID, [](Datum value) { return DatumGetInt32(value); });
  }
  std::optional<Timestamp> time_or_null() {
    return optional<Timestamp>(TIMESTAMPTZOID, [](Datum value) { return DatumGetTimestampTz(value); });
  }

 private:
  Text varlena(Oid type);

  template <typename Value, typename Get>
  std::optional<Value> optional(Oid type, Get get) {
    bool null = false;
    const Datum value = typed(type, &null);
    if (null) return std::nullopt;
    return get(value);
  }

  static constexpr int kMost = 64;  // columns of a statement of ours

  TupleDesc descriptor_;
  Datum values_[kMost];
  bool nulls_[kMost];
  int column_ = 0;
};

}  // namespace insights::pg
