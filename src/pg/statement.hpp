// Statements: the one way in which any is run, and the parameters of our own ones.
#pragma once

#include "rows.hpp"

namespace insights::pg {

// What every statement runs under but the one that puts deliveries back in line: no name or operator in it can be
// another one than PostgreSQL's.
constexpr const char *kPinnedPath = "pg_catalog, pg_temp";

// All of these run between SPI_connect and SPI_finish, and under kPinnedPath; the current memory context stays what it
// is. They raise what the statement raises, and
// an internal error where it is not of the expected kind (an SPI_OK_...).

// Raises 55000 unless kPinnedPath is in force: code of a source's may have set another. `what` is about to be parsed.
void require_pinned_path(const char *what);

// Runs a statement and gives the number of its rows. Read-only ones go by the caller's snapshot.
std::uint64_t run_statement(const char *statement, int expected, bool read_only);

// The same for a plan.
std::uint64_t run_plan(SPIPlanPtr plan, ParamListInfo parameters, int expected, bool read_only);

// Plans it; cursor_options as in SPI_prepare_cursor().
SPIPlanPtr prepare_statement(const char *statement, int count, Oid *types, int cursor_options);

// What the planner thinks that it costs, in its own units: before the first row, and in all.
struct PlanCosts {
  double startup, total;
};
PlanCosts costs_of(SPIPlanPtr plan);

// Runs it under whatever search_path there is, and gives what SPI says of it.
int run_unpinned(const char *statement);

// The parameters of a statement, in the order of $1, $2, ...
class Parameters {
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
  int count() const { return count_; }

  // Runs a statement with them, on what is committed by now, and gives the number of rows.
  std::uint64_t run(const char *statement, int expected) { return execute(statement, expected, false); }

  // As run(), for rows that are looked up by an index each, however few the planner believes there are to be read.
  std::uint64_t run_by_index(const char *statement, int expected);

  // Opens a cursor on what a SELECT gives, on what is committed by now: for SPI_cursor_fetch() and Rows.
  Portal open(const char *statement);

  // As run(), for a SELECT by the caller's snapshot.
  std::uint64_t read(const char *statement) { return execute(statement, SPI_OK_SELECT, true); }

 private:
  std::uint64_t execute(const char *statement, int expected, bool read_only);

  static constexpr int kMost = 40;
  Oid types_[kMost];
  Datum values_[kMost];
  char nulls_[kMost];
  int count_ = 0;
};

}  // namespace insights::pg
