#include "rows.hpp"

namespace insights::pg {

namespace {

constexpr const char *kChanged =
    "A table of anomaly_insights or the relation of a delivery source was changed: see delivery_source_check().";

// Raises 42804 where there are fewer columns.
Oid column_type(TupleDesc descriptor, int column) {
  if (column > descriptor->natts) {
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("a result has %d columns, where %d were expected", descriptor->natts, column),
                    errhint("%s", kChanged)));
  }
  return TupleDescAttr(descriptor, column - 1)->atttypid;
}

}  // namespace

void require_column(TupleDesc descriptor, int column, Oid type) {
  const Oid found = column_type(descriptor, column);
  if (found == type) return;
  ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                  errmsg("column %d of a result is of type %s, where %s was expected", column,
                         OidIsValid(found) ? format_type_be(found) : "none (it was dropped)", format_type_be(type)),
                  errhint("%s", kChanged)));
}

Oid Rows::type(int column) const { return column_type(table_->tupdesc, column); }

void Rows::hand_on(ReturnSetInfo *result, std::uint64_t count) const {
  const TupleDesc expected = result->setDesc;
  if (table_->tupdesc->natts > expected->natts) (void)column_type(expected, table_->tupdesc->natts);
  for (int column = 1; column <= expected->natts; ++column) {
    require_column(table_->tupdesc, column, TupleDescAttr(expected, column - 1)->atttypid);
  }
  for (std::uint64_t i = 0; i < count; ++i) tuplestore_puttuple(result->setResult, table_->vals[i]);
}

Columns::Columns(std::uint64_t row, Rows rows) : descriptor_(nullptr) {
  if (rows.table_ == nullptr || row >= rows.count_) {
    ereport(ERROR, (errcode(ERRCODE_NO_DATA), errmsg("a result has no row " UINT64_FORMAT, row + 1)));
  }
  descriptor_ = rows.table_->tupdesc;
  if (descriptor_->natts > kMost) elog(ERROR, "a result has %d columns", descriptor_->natts);
  // At once: behind a NULL each column by itself would be looked for from the first one on.
  heap_deform_tuple(rows.table_->vals[row], descriptor_, values_, nulls_);
}

Datum Columns::typed(Oid type, bool *null) {
  require_column(descriptor_, ++column_, type);
  *null = nulls_[column_ - 1];
  return values_[column_ - 1];
}

Datum Columns::typed(Oid type) {
  bool null = false;
  const Datum value = typed(type, &null);
  if (null) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("column %d of a result is NULL, which it must not be", column_), errhint("%s", kChanged)));
  }
  return value;
}

Text Columns::varlena(Oid type) {
  bool null = false;
  const Datum value = typed(type, &null);
  if (null) return Text();
  const struct varlena *text = PG_DETOAST_DATUM_PACKED(value);
  return {VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)};
}

}  // namespace insights::pg
