#include "replay_figures.hpp"

#include "array.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "scan.hpp"
#include "statement.hpp"

extern "C" {
#include "utils/acl.h"
}

namespace insights::pg {

namespace {

// Which recorded ids the type of ids takes for sure: somebody may have recorded what is no id, or ids from before the
// source's table was changed. Null where nothing is known of the type.
const char *takes_id(Oid type) {
  constexpr const char *kInteger =
      "CASE WHEN target_id ~ '^-?\\d{1,19}$' THEN target_id::numeric BETWEEN %s ELSE false END";
  switch (type) {
    case TEXTOID:
    case VARCHAROID:
      return "true";
    case INT8OID:
      return psprintf(kInteger, "-9223372036854775808 AND 9223372036854775807");
    case INT4OID:
      return psprintf(kInteger, "-2147483648 AND 2147483647");
    case UUIDOID:
      return "target_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'";
    default:
      return nullptr;
  }
}

// Whether the caller may read the audit. With nobody else's rights: ids of deliveries that he may not see would show in
// the plans that his session may print.
bool may_read_audit(Oid schema) {
  return pg_class_aclcheck(own_table(schema, "operator_audit"), GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

// The ids that were replayed and that hold `condition`, an array of texts; 0 for none.
Datum replayed_ids(Oid schema, const Window &window, const Source *source, const char *condition) {
  Parameters parameters;
  parameters.time(window.start());
  parameters.time(window.as_of);
  parameters.text(source->name);
  parameters.read(own_statement(
      schema, psprintf("SELECT array_agg(DISTINCT target_id) FROM @.operator_audit WHERE created_at > $1 AND "
                       "created_at <= $2 AND action IN ('delivery.replay', 'delivery.bulk_replay') AND "
                       "metadata ->> 'source' = $3 AND target_id IS NOT NULL AND %s",
                       condition)));
  bool none = false;
  const Datum ids = Columns(0).typed(TEXTARRAYOID, &none);
  return none ? static_cast<Datum>(0) : ids;
}

// $3 and $4 are the exact bounds, $5 the ids as their type writes them.
char *count_query(const ScanRequest &request) {
  constexpr StatusSet kDelivered = {true};
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(*), count(*) FILTER (WHERE d.delivered) FROM (SELECT ");
  append_created_at(&query, *request.source);
  appendStringInfoString(&query, ", ");
  append_status_in(&query, *request.source, kDelivered);
  append_as(&query, request.source->field(Field::kId), "text");
  append_deliveries(&query, request);
  appendStringInfoString(&query,
                         ") AS d (at, delivered, id) WHERE d.at > $3 AND d.at <= $4 AND "
                         "d.id COLLATE \"C\" = ANY ($5)");
  return query.data;
}

}  // namespace

ReplayFigures count_replays(Oid schema, const Window &window, const Source *source, const char *tenant,
                            const Tally &all) {
  const ReplayFigures retried = {all[Counter::kRetried], all[Counter::kRetriedDelivered], false};
  if (source->field(Field::kId) == nullptr || !may_read_audit(schema)) return retried;
  const char *condition = takes_id(expression_type(source, source->field(Field::kId)));
  const Datum ids = replayed_ids(schema, window, source, condition != nullptr ? condition : "true");
  if (ids == static_cast<Datum>(0)) return retried;
  DeliveryFilter filter = {};
  if (condition != nullptr) filter.ids = array_text(ids);  // so that an index on it serves
  ScanRequest request = {};
  request.schema = schema;
  request.source = source;
  request.after = window.start();
  request.until = window.as_of;
  request.tenant = tenant;
  request.filter = &filter;
  run_query(request, count_query,
            {3,
             {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID},
             {TimestampTzGetDatum(request.after), TimestampTzGetDatum(request.until), ids}});
  Columns columns(0);
  const std::uint64_t replayed = columns.count();
  return replayed == 0 ? retried : ReplayFigures{replayed, columns.count(), true};
}

}  // namespace insights::pg
