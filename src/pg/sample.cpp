#include "sample.hpp"

#include <algorithm>

#include "catalog.hpp"
#include "query.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
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

// Some fields of the mapping.
struct Fields {
  bool wanted[kFieldCount];
};

Fields one_field(Field field) {
  Fields fields = {};
  fields.wanted[static_cast<int>(field)] = true;
  return fields;
}

Fields mapped_fields(const Source &source) {
  Fields fields = {};
  for (int i = 0; i < kFieldCount; ++i) fields.wanted[i] = source.fields[i] != nullptr;
  return fields;
}

const char *fields_query(const Source &source, const Fields &fields, Part part) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(ROW(0");
  for (int i = 0; i < kFieldCount; ++i) {
    if (fields.wanted[i]) append_field(&query, source, static_cast<Field>(i));
  }
  appendStringInfoString(&query, "))");
  append_part(&query, source, part);
  return query.data;
}

// Runs some fields over a part; the error, or null.
const ErrorData *try_fields(const Source &source, const Fields &fields, Part part) {
  const char *query = fields_query(source, fields, part);
  return in_subtransaction([&] { run_statement(query, SPI_OK_SELECT, true); });
}

// The part of one row at which the mapping raises first.
Part narrow_down(const Source &source, const Fields &fields, Part part) {
  while (part.rows > 1) {
    CHECK_FOR_INTERRUPTS();
    const Part newer = {part.offset, part.rows / 2};
    part =
        try_fields(source, fields, newer) != nullptr ? newer : Part{part.offset + newer.rows, part.rows - newer.rows};
  }
  return part;
}

// What the row is called: by its id, where that can be had.
const char *name_row(const Source &source, Part row) {
  const char *id = nullptr;
  if (source.field(Field::kId) != nullptr && try_fields(source, one_field(Field::kId), row) == nullptr) {
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
int count_rows(const Source &source, int most) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(*)");
  append_part(&query, source, {0, most});
  int rows = 0;
  (void)in_subtransaction([&] {
    run_statement(query.data, SPI_OK_SELECT, true);
    rows = static_cast<int>(Columns(0).bigint());
  });
  return rows;
}

// What is to be said of the newest row on which some of the fields raise; null where none does.
const RaisingRow *look_at(const Source &source, const Fields &fields, int most) {
  const ErrorData *error = try_fields(source, fields, {0, most});
  const int rows = error != nullptr ? count_rows(source, most) : 0;
  if (rows == 0) return nullptr;
  const Part row = narrow_down(source, fields, {0, rows});
  for (int i = 0; i < kFieldCount; ++i) {
    const Field field = static_cast<Field>(i);
    const ErrorData *of_field = fields.wanted[i] ? try_fields(source, one_field(field), row) : nullptr;
    if (of_field == nullptr) continue;
    auto *raising = static_cast<RaisingRow *>(palloc(sizeof(RaisingRow)));
    *raising = {psprintf("%s of %s cannot be had: %s", field_name(field), name_row(source, row), of_field->message),
                field_name(field)};
    return raising;
  }
  ReThrowError(const_cast<ErrorData *>(error));  // the row is another one by now
  pg_unreachable();
}

// A column of a table is there in each row, and so is what is made of it; behind one of a view may be anything.
Fields fields_that_may_raise(const Source &source) {
  Fields fields = mapped_fields(source);
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  const char kind = relation->rd_rel->relkind;
  const bool stored = kind == RELKIND_RELATION || kind == RELKIND_MATVIEW || kind == RELKIND_PARTITIONED_TABLE;
  for (int i = 0; i < kFieldCount; ++i) {
    if (stored && fields.wanted[i] && column_of(relation, source.fields[i]) != nullptr) fields.wanted[i] = false;
  }
  relation_close(relation, NoLock);
  return fields;
}

bool is_cheap(const Source &source, const Fields &fields, int most, double most_cost) {
  return costs_of(prepare_statement(fields_query(source, fields, {0, most}), 0, nullptr, 0)).total <= most_cost;
}

}  // namespace

void append_sample(StringInfo query, const Source &source) { append_part(query, source, {0, kSampleRows}); }

const RaisingRow *find_raising_row(const Source &source) { return look_at(source, mapped_fields(source), kSampleRows); }

const char *find_raising_detail(const Source &source, bool again) {
  constexpr int kNewestRows = 1000;
  constexpr double kMostCost = 10000;  // as the planner counts: tens of milliseconds
  const Fields fields = fields_that_may_raise(source);
  if (std::find(std::begin(fields.wanted), std::end(fields.wanted), true) == std::end(fields.wanted)) return nullptr;
  const int most = again ? kSampleRows : kNewestRows;
  const RaisingRow *row = nullptr;
  // Whoever has changed the row meanwhile has mended it, or will be found by the next evaluation.
  (void)in_subtransaction([&] {
    if (is_cheap(source, fields, most, again ? 30 * kMostCost : kMostCost)) row = look_at(source, fields, most);
  });
  return row != nullptr ? row->detail : nullptr;
}

}  // namespace insights::pg
