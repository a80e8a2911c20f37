#include "id_list.hpp"

#include "array.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "parser/parse_coerce.h"
}

namespace insights::pg {

namespace {

// Ids on their way; halves of those that do not all convert are tried again, down to the ones that do not.
struct Sieve {
  const char *type;
  const Datum *ids;
  ArrayBuilder valid;
  List **malformed;

  bool converts(int from, int to) const {
    ArrayBuilder some(TEXTOID);
    for (int i = from; i < to; ++i) some.add(ids[i]);
    const char *statement = psprintf("SELECT %s::%s[]", quote_literal_cstr(some.text()), type);
    ErrorData *error = in_subtransaction([&] {
      run_statement(statement, SPI_OK_SELECT, true);
      Rows::latest().free();
    });
    if (error != nullptr && !is_of_value(error)) ReThrowError(error);
    return error == nullptr;
  }

  void sift(int from, int to) {
    if (from == to) return;
    if (converts(from, to)) {
      for (int i = from; i < to; ++i) valid.add(ids[i]);
    } else if (to - from == 1) {
      *malformed = lappend(*malformed, TextDatumGetCString(ids[from]));
    } else {
      const int middle = from + (to - from) / 2;
      sift(from, middle);
      sift(middle, to);
    }
  }
};

}  // namespace

const char *sift_ids(const Source &source, const char *ids, List **malformed) {
  const KeyComparison id = id_comparison(source);
  if (TypeCategory(expression_type(&source, source.field(Field::kId))) == TYPCATEGORY_STRING) return ids;
  Datum *texts = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, pstrdup(ids), TEXTOID, -1)), TEXTOID, -1, false,
                    TYPALIGN_INT, &texts, nullptr, &count);
  Sieve sieve = {id.type, texts, ArrayBuilder(TEXTOID), malformed};
  sieve.sift(0, count);
  return sieve.valid.text();
}

void sift_filter(const Source &source, DeliveryFilter *filter) {
  if (filter->ids == nullptr) return;
  List *malformed = NIL;
  filter->ids = sift_ids(source, filter->ids, &malformed);
}

}  // namespace insights::pg
