#include "sample.hpp"

#include "catalog.hpp"
#include "query.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
}

namespace insights::pg {

namespace {

// A part of the sample: so many rows behind so many newer ones.
struct Part {
  int offset, rows;
};

// ", field" as reports have it.
void append_field(StringInfo query, const Source &source, Field field) {
  const Text type = reported_type(field);
  if (type == "int4") return append_number(query, source, field);
  if (type == "timestamptz") return append_time(query, source, field);
  append_as(query, source.field(field), "text");
}

// " FROM (...)": the mapping is run over no other rows. Those of one time keep their order where they have places.
void append_part(StringInfo query, const Source &source, Part part) {
  const char *created_at = source.field(Field::kCreatedAt);
  const char kind = get_rel_relkind(require_source_relation(&source));
  const bool placed = kind == RELKIND_RELATION || kind == RELKIND_MATVIEW || kind == RELKIND_PARTITIONED_TABLE;
  appendStringInfo(query,
                   " FROM (SELECT *%s FROM %s WHERE (%s) IS NOT NULL%s ORDER BY (%s) DESC%s OFFSET %d LIMIT %d) s",
                   placed ? ", tableoid, ctid" : "", source.relation, created_at,
                   source.filter != nullptr ? psprintf(" AND (%s)", source.filter) : "", created_at,
                   placed ? ", tableoid, ctid" : "", part.offset, part.rows);
}

// Runs some fields over a part; the error, or null.
const ErrorData *try_fields(const Source &source, Field first, Field last, Part part) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(ROW(0");
  for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
    if (source.fields[i] != nullptr) append_field(&query, source, static_cast<Field>(i));
  }
  appendStringInfoString(&query, "))");
  append_part(&query, source, part);
  return in_subtransaction([&] { run_statement(query.data, SPI_OK_SELECT, true); });
}

constexpr Field kFirst = static_cast<Field>(0), kLast = static_cast<Field>(kFieldCount - 1);

// The part of one row at which the mapping raises first.
Part narrow_down(const Source &source, Part part) {
  while (part.rows > 1) {
    CHECK_FOR_INTERRUPTS();
    const Part newer = {part.offset, part.rows / 2};
    part = try_fields(source, kFirst, kLast, newer) != nullptr ? newer
                                                               : Part{part.offset + newer.rows, part.rows - newer.rows};
  }
  return part;
}

// What the row is called: by its id, where that can be had.
const char *name_row(const Source &source, Part row) {
  const char *id = nullptr;
  if (source.field(Field::kId) != nullptr && try_fields(source, Field::kId, Field::kId, row) == nullptr) {
    StringInfoData query;
    initStringInfo(&query);
    appendStringInfo(&query, "SELECT coalesce((%s)::text, 'NULL')", source.field(Field::kId));
    append_part(&query, source, row);
    if (run_statement(query.data, SPI_OK_SELECT, true) == 1) {
      const Text text = Columns(0).text();
      id = pnstrdup(text.data(), text.size());
    }
  }
  return id != nullptr ? psprintf("the delivery with id %s", id) : psprintf("number %d of the newest", row.offset + 1);
}

// 0 where not even that can be had, by the filter, the time or a privilege.
int count_sample(const Source &source) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(*)");
  append_part(&query, source, {0, kSampleRows});
  int rows = 0;
  (void)in_subtransaction([&] {
    run_statement(query.data, SPI_OK_SELECT, true);
    rows = static_cast<int>(Columns(0).bigint());
  });
  return rows;
}

}  // namespace

void append_sample(StringInfo query, const Source &source) { append_part(query, source, {0, kSampleRows}); }

const RaisingRow *find_raising_row(const Source &source) {
  const int rows = count_sample(source);
  if (rows == 0) return nullptr;
  const ErrorData *error = try_fields(source, kFirst, kLast, {0, rows});
  if (error == nullptr) return nullptr;
  const Part row = narrow_down(source, {0, rows});
  for (int i = 0; i < kFieldCount; ++i) {
    const Field field = static_cast<Field>(i);
    const ErrorData *of_field = source.fields[i] == nullptr ? nullptr : try_fields(source, field, field, row);
    if (of_field == nullptr) continue;
    auto *raising = static_cast<RaisingRow *>(palloc(sizeof(RaisingRow)));
    *raising = {psprintf("%s of %s cannot be had: %s", field_name(field), name_row(source, row), of_field->message),
                field_name(field)};
    return raising;
  }
  ReThrowError(const_cast<ErrorData *>(error));  // the row is another one by now
  pg_unreachable();
}

}  // namespace insights::pg
