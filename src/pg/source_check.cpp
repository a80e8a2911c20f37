// delivery_source_check: what a DBA would want to know of a source before relying on it.
#include "catalog.hpp"
#include "guard.hpp"
#include "look.hpp"
#include "memory.hpp"
#include "replay_obstacle.hpp"
#include "replay_trial.hpp"
#include "sample.hpp"
#include "scan.hpp"
#include "source.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "status_words.hpp"
#include "subtransaction.hpp"
#include "trust.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/rel.h"
}

namespace insights::pg {

namespace {

// Where the findings go.
class Report {
 public:
  explicit Report(ReturnSetInfo *result) : result_(result) {}

  void add(const char *source, const char *check, const char *level, const char *detail, const char *hint = nullptr) {
    Datum values[] = {CStringGetTextDatum(check), CStringGetTextDatum(level), CStringGetTextDatum(detail),
                      hint != nullptr ? CStringGetTextDatum(hint) : static_cast<Datum>(0), CStringGetTextDatum(source)};
    bool nulls[] = {false, false, false, hint == nullptr, false};
    tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls);
  }

 private:
  ReturnSetInfo *result_;
};

// Whether an index begins with this expression: with a btree, or as the only key or first of a BRIN index.
bool leads_index(Relation index, const char *expression) {
  const Oid method = index->rd_rel->relam;
  if (!index->rd_index->indisvalid || (method != BTREE_AM_OID && method != BRIN_AM_OID)) return false;
  if (RelationGetIndexPredicate(index) != NIL) return false;
  const Datum key = DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(index)),
                                        Int32GetDatum(1), BoolGetDatum(false));
  const char *first = TextDatumGetCString(key);
  if (std::strcmp(first, expression) == 0) return true;
  // An expression index prints its key in parentheses.
  const std::size_t length = std::strlen(expression);
  return std::strlen(first) == length + 2 && first[0] == '(' && std::strncmp(first + 1, expression, length) == 0;
}

void check_index(Report *report, const Source *source, Relation relation) {
  const char kind = relation->rd_rel->relkind;
  if (kind == RELKIND_VIEW || kind == RELKIND_FOREIGN_TABLE) {
    report->add(source->name, "index", "info", "a view or foreign table has no index of its own",
                "See that what lies below it has one on the time.");
    return;
  }
  const char *created_at = source->field(Field::kCreatedAt);
  bool found = false;
  const ListCell *cell = nullptr;
  foreach (cell, RelationGetIndexList(relation)) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    found = found || leads_index(index, created_at);
    index_close(index, AccessShareLock);
  }
  if (found) {
    report->add(source->name, "index", "ok", psprintf("an index begins with %s", created_at));
    return;
  }
  // A partitioned table takes no index concurrently.
  const bool partitioned = kind == RELKIND_PARTITIONED_TABLE;
  report->add(
      source->name, "index", "warning",
      psprintf("no index begins with %s, so every report reads the whole table%s", created_at,
               partitioned ? ", or all of each partition that it needs" : ""),
      psprintf("CREATE INDEX %sON %s ((%s));", partitioned ? "" : "CONCURRENTLY ", source->relation, created_at));
}

void check_time(Report *report, const Source *source, Relation relation) {
  const char *created_at = source->field(Field::kCreatedAt);
  const Form_pg_attribute column = column_of(relation, created_at);
  if (column == nullptr) {
    report->add(source->name, "time", "info", psprintf("created_at is the expression %s", created_at));
  } else if (column->attnotnull) {
    report->add(source->name, "time", "ok", psprintf("%s is never NULL", created_at));
  } else {
    report->add(source->name, "time", "info",
                psprintf("%s may be NULL; deliveries without it are in no report", created_at),
                "Set it NOT NULL if it always has a value.");
  }
}

// Keys are texts: a column of another type is converted for every row.
void check_types(Report *report, const Source *source) {
  constexpr Field kKeys[] = {Field::kTenantId, Field::kEndpoint, Field::kStatus};
  StringInfoData converted;
  initStringInfo(&converted);
  for (const Field key : kKeys) {
    if (source->field(key) == nullptr) continue;
    const Oid type = expression_type(source, source->field(key));
    if (type == TEXTOID || type == VARCHAROID) continue;
    appendStringInfo(&converted, "%s%s is %s", converted.len > 0 ? ", " : "", field_name(key), format_type_be(type));
  }
  if (converted.len == 0) {
    report->add(source->name, "types", "ok", "tenant, endpoint and status are texts");
  } else {
    report->add(source->name, "types", "info", converted.data,
                "They are converted to text for every row, which takes a little time.");
  }
}

// Whether the relation is what the source was bound to; if not, there is nothing to be said of what it is now.
bool check_binding(Report *report, const Source *source) {
  const char *change = find_change(*source);
  if (change == nullptr) {
    report->add(source->name, "binding", "ok", psprintf("as it was registered by \"%s\"", source->registered_by));
    return true;
  }
  report->add(source->name, "binding", "error", psprintf("changed since it was registered: %s", change),
              register_again(*source, source->schema));
  return false;
}

// Whether the worker can read it as the relation's owner.
void check_owner(Report *report, const Source *source, SPIPlanPtr plan) {
  const Oid owner = bound_owner(*source);
  const char *name = GetUserNameFromId(owner, false);
  if (const char *untrusted = find_untrusted(owner, plan)) {
    report->add(source->name, "owner", "error",
                psprintf("the worker cannot read it as superuser \"%s\": %s", name, untrusted),
                "Give the relation an owner who is no superuser, and register the source again.");
    return;
  }
  if (namespace_aclcheck(source->schema, owner, ACL_USAGE) != ACLCHECK_OK) {
    report->add(
        source->name, "owner", "error",
        psprintf("\"%s\", as whom the worker reads it, may not use schema %s", name, schema_name(source->schema)),
        psprintf("GRANT USAGE ON SCHEMA %s TO %s;", schema_name(source->schema), quote_identifier(name)));
  } else {
    report->add(source->name, "owner", "ok", psprintf("the worker reads it as \"%s\", who owns it", name));
  }
}

void check_statuses(Report *report, const Source *source, Relation relation) {
  const StatusSample sample = sample_statuses(*source, relation);
  // Of fewer all have been looked at, in whatever order.
  const char *newest = sample.newest || sample.deliveries < kSampleRows ? "newest " : "";
  if (!sample.taken) {
    report->add(source->name, "statuses", "warning", "not looked at, since that would read too much of the relation",
                "An index that begins with the time makes that cheap, and all reports.");
  } else if (sample.unmapped > 0) {
    report->add(source->name, "statuses", "warning",
                psprintf("statuses that no map knows, with their counts: %s", unmapped_list(sample, false)),
                "Such deliveries count in totals only. Register the source again with \"statuses\" in its mapping.");
  } else if (const char *doubtful = doubts(*source, sample)) {
    report->add(source->name, "statuses", "info", doubtful,
                "If it means that here, register the source again with \"statuses\" in its mapping.");
  } else {
    report->add(source->name, "statuses", "ok",
                psprintf("all statuses of the %s%d deliveries are known", newest, kSampleRows));
  }
}

// Deliveries that share an id, or have none, are in no replay.
void check_ids(Report *report, const Source *source) {
  if (source->field(Field::kId) == nullptr) return;
  const char *id = source->field(Field::kId);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(
      &query,
      "SELECT coalesce(sum(n) FILTER (WHERE id IS NULL), 0)::int8, coalesce(sum(n) FILTER (WHERE id IS NOT "
      "NULL AND n > 1), 0)::int8 FROM (SELECT id, count(*) AS n FROM (SELECT (%s)::text COLLATE \"C\" FROM "
      "%s WHERE (%s) IS NOT NULL%s ORDER BY (%s) DESC LIMIT %d) AS newest (id) GROUP BY id) AS ids",
      id, source->relation, source->field(Field::kCreatedAt),
      source->filter != nullptr ? psprintf(" AND (%s)", source->filter) : "", source->field(Field::kCreatedAt),
      kSampleRows);
  run_statement(query.data, SPI_OK_SELECT, true);
  Columns columns(0);
  const std::int64_t missing = columns.bigint();
  const std::int64_t shared = columns.bigint();
  if (missing == 0 && shared == 0) {
    report->add(source->name, "id", "ok", psprintf("ids of the newest %d deliveries are unique", kSampleRows));
    return;
  }
  report->add(source->name, "id", "warning",
              psprintf("of the newest %d deliveries, " INT64_FORMAT " share their id with others, and " INT64_FORMAT
                       " have none",
                       kSampleRows, shared, missing),
              "They cannot be replayed, and those without are in no list. Map id to what is unique in a delivery, or "
              "register a view with one row for each.");
}

// What a sample says of the endpoint and the attempts, though nothing is wrong with their types.
void check_values(Report *report, const Source *source) {
  const char *endpoint = source->field(Field::kEndpoint);
  const char *attempts = source->field(Field::kAttempts);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query,
                   "SELECT count(*)::int8, count(endpoint)::int8, (min(attempts) FILTER (WHERE ended))::float8 FROM "
                   "(SELECT %s, %s, ",
                   endpoint != nullptr ? psprintf("(%s)", endpoint) : "0",
                   attempts != nullptr ? psprintf("(%s)", attempts) : "NULL::int4");
  append_status_in(&query, *source, kEndedStatuses);
  appendStringInfo(&query,
                   " FROM %s WHERE (%s) IS NOT NULL%s ORDER BY (%s) DESC LIMIT %d) AS newest (endpoint, "
                   "attempts, ended)",
                   source->relation, source->field(Field::kCreatedAt),
                   source->filter != nullptr ? psprintf(" AND (%s)", source->filter) : "",
                   source->field(Field::kCreatedAt), kSampleRows);
  run_statement(query.data, SPI_OK_SELECT, true);
  Columns columns(0);
  const std::int64_t deliveries = columns.bigint();
  const std::int64_t with_endpoint = columns.bigint();
  const std::optional<double> least = columns.number_or_null();
  if (deliveries > 0 && with_endpoint == 0) {
    report->add(source->name, "endpoint", "warning",
                psprintf("none of the newest " INT64_FORMAT " deliveries has an endpoint", deliveries),
                "They are all told of as one. Map endpoint to what tells where a delivery goes.");
  }
  if (least && *least < 1) {
    report->add(source->name, "attempts", "info",
                psprintf("the newest deliveries that came to an end have attempts from %g on", *least),
                "If the first attempt is number 0, map attempts to one more, such as (attempt_number + 1).");
  }
}

// Whether the mapping can be had of each delivery of the sample.
bool check_rows(Report *report, const Source *source) {
  const RaisingRow *row = look_safely(*source, [source] { return find_raising_row(*source); });
  if (row == nullptr) {
    report->add(source->name, "mapping", "ok", "all of its columns and functions are there");
    return true;
  }
  report->add(source->name, "mapping", "error", row->detail,
              psprintf("Reports that read it fail. Mend the delivery, or map %s to what gives NULL there and register "
                       "the source again.",
                       row->field));
  return false;
}

// What may be done with a mapping.
enum class Mapping { kNotToBeRun, kRaises, kFits };

// Plans the inner query of a report, which finds out whether the mapping still fits, and runs the mapping over a
// sample where it may be run.
Mapping check_mapping(Report *report, const Source *source, Oid schema) {
  const ScanRequest request = trial_request(source, schema);
  SPIPlanPtr plan = prepare_rollup_query(request);
  const bool trusted = find_untrusted(bound_owner(*source), plan) == nullptr;
  Mapping mapping = Mapping::kNotToBeRun;
  if (trusted) {
    mapping = check_rows(report, source) ? Mapping::kFits : Mapping::kRaises;
  } else {
    report->add(source->name, "mapping", "ok", "all of its columns and functions are there");
  }
  check_owner(report, source, plan);
  if (hides_rows(plan)) {
    report->add(source->name, "row security", "info", "row-level security hides rows from you",
                "Reports count what you may see, and say nothing of the fleet as a whole.");
  } else {
    report->add(source->name, "row security", "ok", "no row-level security is in force for you");
  }
  return mapping;
}

// Whether a constraint is in the way of failed deliveries of a sample.
bool check_constraints(Report *report, const Source *source, const Requeue &requeue) {
  StringInfoData rows;
  initStringInfo(&rows);
  append_sample(&rows, *source);
  appendStringInfoString(&rows, " WHERE ");
  append_status_in(&rows, *source, kFailedStatuses);
  const List *found = look_safely(*source, [&] { return find_forbidden(*source, requeue, rows.data, 1); });
  if (found == NIL) return true;
  const auto *first = static_cast<const Forbidden *>(linitial(found));
  report->add(source->name, "replay", "info",
              psprintf("%s, such as of the delivery with id %s%s", first->why, first->id,
                       first->uncertain ? ", unless a trigger of the table sees to that" : ""),
              kNeedsFunction);
  return false;
}

// Whether failed deliveries can be put back in line.
void check_replay(Report *report, const Source *source) {
  const Possibility possibility = find_possibility(*source);
  const Requeue &requeue = possibility.requeue;
  if (possibility.obstacle != nullptr) {
    report->add(source->name, "replay", "info", possibility.obstacle, possibility.hint);
  } else if (source->replay_function != nullptr) {
    report->add(source->name, "replay", "ok", psprintf("possible: by %s", source->replay_function));
  } else if (check_constraints(report, source, requeue)) {
    report->add(source->name, "replay", "ok", psprintf("possible: sets the status to \"%s\"", requeue.word));
  }
}

void check_source(Report *report, const Source *source, Oid schema, const char *volatile *check) {
  const Oid oid = source_relation(source);
  Relation relation = OidIsValid(oid) ? try_relation_open(oid, AccessShareLock) : nullptr;
  if (relation == nullptr) {
    report->add(
        source->name, "relation", "error", psprintf("%s does not exist", source->relation),
        psprintf("Register the source again with the relation's new name, or SELECT %s.delivery_source_drop(%s);",
                 schema_name(schema), quote_literal_cstr(source->name)));
    return;
  }
  report->add(source->name, "relation", "ok", psprintf("%s exists", source->relation));
  *check = "binding";
  if (!check_binding(report, source)) return relation_close(relation, AccessShareLock);
  check_time(report, source, relation);
  check_index(report, source, relation);
  *check = "mapping";
  const Mapping mapping = check_mapping(report, source, schema);
  check_types(report, source);
  if (mapping != Mapping::kNotToBeRun) check_replay(report, source);
  *check = "statuses";
  if (mapping == Mapping::kFits) {
    look_safely(*source, [&] {
      check_ids(report, source);
      check_values(report, source);
      check_statuses(report, source, relation);
      return true;
    });
  }
  relation_close(relation, AccessShareLock);
}

// Checks a source, and makes an error of it a finding, so that the other sources are checked too.
void check_by_itself(Report *report, const Source *source, Oid schema) {
  const char *volatile check = "relation";  // what is being checked
  const ErrorData *error = in_subtransaction([&] { check_source(report, source, schema, &check); });
  if (error == nullptr) return;
  const char *hint = is_of_the_mapping(error) ? "Register the source again." : error->hint;
  report->add(source->name, check, "error", error->message, hint);
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// delivery_source_check(name) -> setof (check, level, detail, hint, source)
ANOMALY_INSIGHTS_FUNCTION(ai_source_check) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  const Oid schema = extension_schema(fcinfo);
  const char *name = text_or_null(fcinfo, 0);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  List *sources = name == nullptr ? all_sources(schema) : list_make1(find_source(schema, name));
  Report report(result);
  const ListCell *cell = nullptr;
  foreach (cell, sources) check_by_itself(&report, static_cast<Source *>(lfirst(cell)), schema);
  SPI_finish();
  return static_cast<Datum>(0);
}
