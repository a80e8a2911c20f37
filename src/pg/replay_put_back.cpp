#include "replay_put_back.hpp"

#include "array.hpp"
#include "requeue.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace insights::pg {

namespace {

constexpr int kMostTries = 5;

void turn(const Deliveries &deliveries, Outcome from, Outcome to) {
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome == from) delivery.outcome = to;
  }
}

// The ids of those with this outcome as the text of an array; null for none.
const char *ids_with(const Deliveries &deliveries, Outcome outcome) {
  ArrayBuilder ids(TEXTOID);
  for (const Delivery &delivery : deliveries) {
    if (delivery.outcome == outcome) ids.add(delivery.id);
  }
  return ids.empty() ? nullptr : ids.text();
}

// Another row of the same id has come since it was looked for.
void refuse_late(Delivery *delivery) {
  delivery->outcome = Outcome::kRefused;
  delivery->detail = "several deliveries have this id by now";
}

// Takes those that are wanted and that nobody else has. A function looks after that by itself.
Taken take(const Source &source, const Deliveries &deliveries) {
  const char *wanted = ids_with(deliveries, Outcome::kWanted);
  if (wanted == nullptr) return {};
  if (source.replay_function != nullptr) {
    turn(deliveries, Outcome::kWanted, Outcome::kTaken);
    return {};
  }
  const Taken taken = take_failed(source, wanted);
  for (const TakenRow &row : taken) {
    Delivery *delivery = deliveries.find(row.id);
    if (delivery == nullptr) continue;
    if (delivery->outcome == Outcome::kWanted) {
      delivery->outcome = Outcome::kTaken;
    } else if (delivery->outcome == Outcome::kTaken) {
      refuse_late(delivery);
    }
  }
  return taken;
}

// Why those that are still wanted could not be taken.
void explain_wanted(const Source &source, const Deliveries &deliveries) {
  const char *wanted = ids_with(deliveries, Outcome::kWanted);
  if (wanted == nullptr) return;
  const Deliveries now = find_deliveries(source, wanted);
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kWanted) continue;
    const Delivery *found = now.find(delivery.id);
    const bool changed = found != nullptr && found->outcome != Outcome::kWanted;
    delivery.outcome = changed ? found->outcome : Outcome::kLocked;
    delivery.detail = changed ? found->detail : Text("another transaction has it, or a policy keeps it from you");
  }
}

void run_requeue(const char *statement, int expected) {
  const int code = run_unpinned(statement);
  if (code == expected) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("a rule made another statement of the update: %s", SPI_result_code_string(code)),
                  errhint("Register a function that replays: \"replay_function\" in the mapping.")));
}

// Marks those that were taken and whose ids are the latest rows as replayed. An id may be there twice; a NULL is none.
void mark_returned(const Source &source, const Deliveries &deliveries) {
  const Rows returned = Rows::latest();
  for (std::uint64_t i = 0; i < returned.count(); ++i) {
    const Text id = Columns(i, returned).text();
    if (is_null(id)) continue;
    Delivery *delivery = deliveries.find(id);
    if (delivery == nullptr || (delivery->outcome != Outcome::kTaken && delivery->outcome != Outcome::kReplayed)) {
      ereport(ERROR,
              (errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
               errmsg("\"%.*s\" was put back in line, which nobody asked for", static_cast<int>(id.size()), id.data()),
               errhint("%s", source.replay_function != nullptr
                                 ? "\"replay_function\" must return ids that it was given."
                                 : "A trigger changed the id: register a function that replays, \"replay_function\" in "
                                   "the mapping.")));
    }
    delivery->outcome = Outcome::kReplayed;
  }
}

Outcome outcome_in(const Deliveries &deliveries, Text id) {
  const Delivery *found = deliveries.find(id);
  return found == nullptr ? Outcome::kNotFound : found->outcome;
}

// After the UPDATE: whether all that were taken are in line. It goes by what the table has now, as triggers may have
// done their part before or after the row was returned; and by what was returned where the row has left the source. An
// update by ids may have met others that have come meanwhile.
bool settle_update(const Source &source, const Deliveries &deliveries, const char *ids, bool by_id) {
  read_requeued();
  mark_returned(source, deliveries);
  const Deliveries now = find_deliveries(source, ids);
  bool settled = true;
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kTaken && delivery.outcome != Outcome::kReplayed) continue;
    const Delivery *found = now.find(delivery.id);
    const Outcome outcome = found != nullptr ? found->outcome : Outcome::kNotFound;
    const bool shared = by_id && found != nullptr && found->rows > 1;
    if (outcome == Outcome::kNotFailed) delivery.outcome = Outcome::kReplayed;
    if (!shared && outcome != Outcome::kWanted && delivery.outcome == Outcome::kReplayed) continue;
    settled = false;
    if (shared) {
      refuse_late(&delivery);
      continue;
    }
    delivery.outcome = Outcome::kRefused;
    delivery.detail = "a trigger of the table kept it as it is";
  }
  return settled;
}

// After the call: whether all are still failed that the function did not return. The others have changed unsaid.
bool settle_call(const Source &source, const Deliveries &deliveries) {
  mark_returned(source, deliveries);
  const char *kept = ids_with(deliveries, Outcome::kTaken);
  if (kept == nullptr) return true;
  const Deliveries now = find_deliveries(source, kept);
  bool settled = true;
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kTaken) continue;
    const bool same = outcome_in(now, delivery.id) == Outcome::kWanted;
    delivery.outcome = same ? Outcome::kRefused : Outcome::kUnsaid;
    delivery.detail = "the source's function did not put it back in line";
    settled = settled && same;
  }
  return settled;
}

// Once the call is undone: those that changed unsaid are as another transaction left them. Where one is failed again,
// it was the function.
void explain_unsaid(const Source &source, const Deliveries &deliveries) {
  const char *unsaid = ids_with(deliveries, Outcome::kUnsaid);
  if (unsaid == nullptr) return;
  const Deliveries now = find_deliveries(source, unsaid);
  for (Delivery &delivery : deliveries) {
    if (delivery.outcome != Outcome::kUnsaid) continue;
    const Delivery *found = now.find(delivery.id);
    delivery.outcome = found != nullptr ? found->outcome : Outcome::kNotFound;
    delivery.detail = found != nullptr ? found->detail : kNone;
    if (delivery.outcome != Outcome::kWanted) continue;
    ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION),
                    errmsg("\"%.*s\" was put back in line, but not returned", static_cast<int>(delivery.id.size()),
                           delivery.id.data()),
                    errhint("\"replay_function\" must return all ids that it puts back in line.")));
  }
}

// A view, or a constraint, in whose way an update is.
[[noreturn]] void raise_with_hint(const Source &source, ErrorData *error) {
  const bool constraint = ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
  const bool view = std::strcmp(source.binding.relation_kind, "view") == 0;
  if (error->hint == nullptr && source.replay_function == nullptr && (constraint || view)) {
    error->hint = pstrdup("Register a function that replays: \"replay_function\" in the mapping.");
  }
  ReThrowError(error);
  pg_unreachable();
}

// Tries to put those that were taken back in line: all, or none of them. The statement and what it sets off run in the
// caller's own settings, which these may need.
bool requeue(const Source &source, const Deliveries &deliveries, const char *ids, const Taken &taken, int *pinned) {
  const char *statement = requeue_statement(source, ids, taken);
  AtEOXact_GUC(true, *pinned);
  bool settled = false;
  ErrorData *error = in_subtransaction([&] {
    run_requeue(statement, source.replay_function != nullptr ? SPI_OK_SELECT : SPI_OK_UPDATE_RETURNING);
    const int level = pin_settings(kPinnedPath);
    settled = source.replay_function != nullptr ? settle_call(source, deliveries)
                                                : settle_update(source, deliveries, ids, is_null(taken.rows->ctid));
    AtEOXact_GUC(true, level);
    return settled;
  });
  if (error != nullptr) raise_with_hint(source, error);
  *pinned = pin_settings(kPinnedPath);
  return settled;
}

}  // namespace

void put_back(const Source &source, const Deliveries &deliveries, int *pinned) {
  Taken taken = take(source, deliveries);
  explain_wanted(source, deliveries);
  for (int tries = 0; const char *ids = ids_with(deliveries, Outcome::kTaken); ++tries) {
    if (tries == kMostTries) {
      ereport(ERROR,
              (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
               errmsg("each of %d tries refused other deliveries", kMostTries),
               errhint("Nothing was replayed. See what the table's triggers, or the source's function, go by.")));
    }
    taken.keep([&](Text id) { return outcome_in(deliveries, id) == Outcome::kTaken; });
    if (requeue(source, deliveries, ids, taken, pinned)) return;
    explain_unsaid(source, deliveries);
    turn(deliveries, Outcome::kReplayed, Outcome::kTaken);
  }
}

}  // namespace insights::pg
