// Rows of a set-returning function.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Memory for one row after another: what stands between enter() and leave() is freed by leave(). It has no destructor,
// since PostgreSQL's errors jump over it; the context goes with its parent.
class RowContext {
 public:
  RowContext() : row_(AllocSetContextCreate(CurrentMemoryContext, "report row", ALLOCSET_SMALL_SIZES)) {}

  void enter() {
    CHECK_FOR_INTERRUPTS();
    outer_ = MemoryContextSwitchTo(row_);
  }
  void leave() {
    MemoryContextSwitchTo(outer_);
    MemoryContextReset(row_);
  }

 private:
  MemoryContext row_;
  MemoryContext outer_ = nullptr;
};

// Fills a row, column by column.
class Row {
 public:
  void text(Text value) {
    is_null(value) ? null()
                   : put(PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
  }
  void boolean(bool value) { put(BoolGetDatum(value)); }
  void count(std::uint64_t value) { put(Int64GetDatum(static_cast<int64>(value))); }
  void integer(int value) { put(Int32GetDatum(value)); }
  void integer(const std::optional<int> &value) { value ? integer(*value) : null(); }
  void number(double value) { put(Float8GetDatum(value)); }
  void number(const std::optional<double> &value) { value ? number(*value) : null(); }
  void time(Timestamp value) { put(TimestampTzGetDatum(value)); }
  void interval(Duration value) {
    auto *interval = static_cast<Interval *>(palloc0(sizeof(Interval)));
    interval->time = value;
    put(IntervalPGetDatum(interval));
  }
  void null() {
    nulls_[column_] = true;
    values_[column_++] = static_cast<Datum>(0);
  }
  void store(ReturnSetInfo *result) {
    Assert(column_ == result->setDesc->natts);
    tuplestore_putvalues(result->setResult, result->setDesc, values_, nulls_);
    column_ = 0;
  }

 private:
  void put(Datum value) {
    nulls_[column_] = false;
    values_[column_++] = value;
  }

  Datum values_[32];
  bool nulls_[32];
  int column_ = 0;
};

}  // namespace insights::pg
