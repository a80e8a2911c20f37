#include "status_words.hpp"

#include "subtransaction.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
}

namespace insights::pg {

namespace {

constexpr const char *kOnlyTotals = "Such deliveries count in totals only.";

const SeenStatus *end_of(const StatusSample &sample) { return sample.seen + sample.count; }

const char *copy_of(Text text) { return pnstrdup(text.data(), static_cast<Size>(text.size())); }

bool has_delivered(const StatusSample &sample) {
  for (const SeenStatus *seen = sample.seen; seen != end_of(sample); ++seen) {
    if (!is_null(seen->raw) && pg_strcasecmp(copy_of(seen->raw), "delivered") == 0) return true;
  }
  return false;
}

bool has_unknown_word(const StatusSample &sample) {
  for (const SeenStatus *seen = sample.seen; seen != end_of(sample); ++seen) {
    if (seen->status == StatusClass::kUnmapped && !is_null(seen->raw)) return true;
  }
  return sample.unlisted;
}

std::int64_t without_status(const StatusSample &sample) {
  for (const SeenStatus *seen = sample.seen; seen != end_of(sample); ++seen) {
    if (is_null(seen->raw)) return seen->deliveries;
  }
  return 0;
}

const char *where_seen(const Source &source, const StatusSample &sample) {
  if (sample.deliveries == 0) return "They are labels of the enum.";
  return psprintf("They are among the " INT64_FORMAT " %sdeliveries of %s that were looked at.", sample.deliveries,
                  sample.newest ? "newest " : "", source.relation);
}

void judge_unknown(const Source &source, const StatusSample &sample) {
  if (!has_unknown_word(sample)) return;
  const char *unknown = unmapped_list(sample, true);
  if (source.statuses.count > 0) {
    ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("\"statuses\" of the mapping does not know: %s", unknown), errdetail("%s", kOnlyTotals),
                      errhint("Add them, as \"delivered\", \"failed\", \"dead_letter\" or \"pending\".")));
    return;
  }
  const char *doubtful = doubts(source, sample);
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("what these statuses mean is not known: %s", unknown),
           errdetail("%s%s", where_seen(source, sample),
                     doubtful != nullptr ? psprintf(" And \"?\" stands for what is in doubt: %s", doubtful) : ""),
           errhint("Say in the mapping what all of them mean, \"delivered\", \"failed\", \"dead_letter\" or "
                   "\"pending\": %s",
                   map_to_paste(sample))));
}

void warn_of_doubts(const Source &source, const StatusSample &sample) {
  const char *doubtful = doubts(source, sample);
  if (doubtful == nullptr) return;
  ereport(WARNING,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
           errmsg("statuses of %s may not mean what they are taken for", source.relation), errdetail("%s", doubtful),
           errhint("Say in the mapping what all of them mean: %s", map_to_paste(sample))));
}

void warn_of_nulls(const StatusSample &sample) {
  const std::int64_t nulls = without_status(sample);
  if (nulls == 0) return;
  ereport(WARNING,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
           errmsg(INT64_FORMAT " of " INT64_FORMAT " deliveries have no status", nulls, sample.deliveries),
           errdetail("%s", kOnlyTotals),
           errhint("Map status to an expression that always gives one, such as coalesce(status, 'pending').")));
}

}  // namespace

const char *doubts(const Source &source, const StatusSample &sample) {
  if (source.statuses.count > 0) return nullptr;
  StringInfoData text;
  initStringInfo(&text);
  for (const SeenStatus *seen = sample.seen; seen != end_of(sample); ++seen) {
    const char *doubt = is_null(seen->raw) ? nullptr : doubt_of(seen->raw, has_delivered(sample));
    if (doubt == nullptr) continue;
    appendStringInfo(&text, "%s\"%s\" counts as %s; in some systems it is %s.", text.len > 0 ? " " : "",
                     copy_of(seen->raw), status_name(seen->status), doubt);
  }
  return text.len > 0 ? text.data : nullptr;
}

const char *map_to_paste(const StatusSample &sample) {
  StringInfoData map;
  initStringInfo(&map);
  appendStringInfoString(&map, "{\"statuses\": {");
  const char *separator = "";
  const bool delivered = has_delivered(sample);
  for (const SeenStatus *seen = sample.seen; seen != end_of(sample); ++seen) {
    if (is_null(seen->raw) || !seen->whole) continue;
    appendStringInfoString(&map, separator);
    escape_json(&map, copy_of(seen->raw));
    const bool open = seen->status == StatusClass::kUnmapped || doubt_of(seen->raw, delivered) != nullptr;
    appendStringInfo(&map, ": \"%s\"", open ? "?" : status_name(seen->status));
    separator = ", ";
  }
  appendStringInfoString(&map, "}}");
  return map.data;
}

namespace {

// No value of another type is a word that is known.
void require_map(const Source &source, const StatusSample &sample, Oid type) {
  const TYPCATEGORY category = TypeCategory(type);
  if (source.statuses.count > 0 || category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM) return;
  const char *map = has_unknown_word(sample) ? map_to_paste(sample)
                    : type == BOOLOID        ? "{\"statuses\": {\"true\": \"delivered\", \"false\": \"failed\"}}"
                                             : "{\"statuses\": {\"0\": \"pending\", \"1\": \"delivered\", \"2\": "
                                               "\"failed\"}}";
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("status is of type %s, so the mapping must say what its values mean", format_type_be(type)),
                  has_unknown_word(sample) ? errhint("Say in the mapping what all of them mean, \"delivered\", "
                                                     "\"failed\", \"dead_letter\" or \"pending\": %s",
                                                     map)
                                           : errhint("Add them, for instance %s.", map)));
}

}  // namespace

StatusSample check_words(const Source &source, Relation relation, Oid type) {
  StatusSample sample = {};
  const ErrorData *error = in_subtransaction(
      [&] { sample = type_is_enum(type) ? sample_labels(source, type) : sample_statuses(source, relation); });
  require_map(source, sample, type);
  if (error != nullptr) {
    // A row may be mended; until then the source is `failing`.
    ereport(WARNING, (errcode(error->sqlerrcode),
                      errmsg("the statuses of %s could not be looked at: %s", source.relation, error->message),
                      errhint("See SELECT * FROM delivery_source_check(%s).", quote_literal_cstr(source.name))));
    return sample;
  }
  if (!sample.taken) {
    ereport(WARNING, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                      errmsg("the statuses of %s have not been looked at", source.relation),
                      errdetail("That would read too much of it."),
                      errhint("An index that begins with the time makes that cheap, and all reports.")));
    return sample;
  }
  judge_unknown(source, sample);
  warn_of_doubts(source, sample);
  warn_of_nulls(sample);
  return sample;
}

}  // namespace insights::pg
