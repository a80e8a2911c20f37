#include "replay_word.hpp"

#include "query.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"
}

namespace insights::pg {

namespace {

// Words for what somebody is sending just now: nobody would take such a row up.
constexpr const char *kInFlight[] = {"processing", "sending", "in_progress", "executing", "running"};

bool waits(const Source &source, const char *word) {
  for (const char *other : kInFlight) {
    if (pg_strcasecmp(word, other) == 0) return false;
  }
  return class_of(source, word) == StatusClass::kPending;
}

// What a new row has; null where that is no constant.
const char *default_of(Relation relation, const Form_pg_attribute column) {
  Node *value = build_column_default(relation, column->attnum);
  if (value == nullptr) return nullptr;
  value = eval_const_expressions(nullptr, value);
  if (!IsA(value, Const) || reinterpret_cast<Const *>(value)->constisnull) return nullptr;
  Oid output = InvalidOid;
  bool varlena = false;
  getTypeOutputInfo(column->atttypid, &output, &varlena);
  return OidOutputFunctionCall(output, reinterpret_cast<Const *>(value)->constvalue);
}

List *words_of_map(const Source &source) {
  List *words = NIL;
  for (int i = 0; i < source.statuses.count; ++i) {
    const Text raw = source.statuses.entries[i].raw;
    words = lappend(words, pnstrdup(raw.data(), static_cast<Size>(raw.size())));
  }
  return words;
}

List *words_of_enum(Oid type) {
  List *words = NIL;
  Parameters parameters;
  parameters.put(OIDOID, ObjectIdGetDatum(type));
  const std::uint64_t labels = parameters.read("SELECT enumlabel::text FROM pg_enum WHERE enumtypid = $1");
  for (std::uint64_t i = 0; i < labels; ++i) {
    const Text raw = Columns(i).text();
    words = lappend(words, pnstrdup(raw.data(), static_cast<Size>(raw.size())));
  }
  return words;
}

// Empty where the mapping raises on a delivery.
StatusSample take_sample(const Source &source, Relation relation) {
  StatusSample sample = {};
  (void)in_subtransaction([&] { sample = sample_statuses(source, relation); });
  return sample;
}

List *words_of_sample(const StatusSample &sample) {
  List *words = NIL;
  for (const SeenStatus *seen = sample.seen; seen != sample.seen + sample.count; ++seen) {
    if (!seen->whole || is_null(seen->raw)) continue;
    words = lappend(words, pnstrdup(seen->raw.data(), static_cast<Size>(seen->raw.size())));
  }
  return words;
}

List *known_words(const Source &source, Relation relation, const StatusSample *sample) {
  if (source.statuses.count > 0) return words_of_map(source);
  const Oid type = expression_type(&source, source.field(Field::kStatus));
  if (type_is_enum(type)) return words_of_enum(type);
  return words_of_sample(sample != nullptr ? *sample : take_sample(source, relation));
}

// The only one of the words that waits, and is `wanted` in some case unless that is null.
const char *only_one(const Source &source, const List *words, const char *wanted) {
  const char *only = nullptr;
  const ListCell *cell = nullptr;
  foreach (cell, words) {
    const auto *word = static_cast<const char *>(lfirst(cell));
    if (!waits(source, word) || (wanted != nullptr && pg_strcasecmp(word, wanted) != 0)) continue;
    if (only != nullptr) return nullptr;
    only = word;
  }
  return only;
}

}  // namespace

StatusClass class_of(const Source &source, Text raw) {
  if (source.statuses.count == 0) return usual_status(raw);
  for (int i = 0; i < source.statuses.count; ++i) {
    if (source.statuses.entries[i].raw == raw) return source.statuses.entries[i].status;
  }
  return StatusClass::kUnmapped;
}

const char *find_replay_word(const Source &source, Relation relation, const StatusSample *sample) {
  const Form_pg_attribute column = column_of(relation, source.field(Field::kStatus));
  if (column == nullptr) return nullptr;
  const char *initial = default_of(relation, column);
  if (initial != nullptr && waits(source, initial)) return initial;
  const List *words = known_words(source, relation, sample);
  const char *pending = only_one(source, words, "pending");
  return pending != nullptr ? pending : only_one(source, words, nullptr);
}

}  // namespace insights::pg
