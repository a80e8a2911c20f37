#include "replay_figures.hpp"

#include "delivery_filter.hpp"
#include "role.hpp"
#include "scan.hpp"
#include "statement.hpp"

namespace insights::pg {

namespace {

// The ids that were replayed, as the text of an array; null for none. With the rights of the owner, since the caller
// need have none on the audit: all he learns is how many of his own deliveries were. Somebody may have recorded what is
// no id, or ids from before the source's table was changed: `pattern` is what the type of ids takes.
const char *replayed_ids(Oid schema, const Window &window, const Source *source, const char *pattern) {
  const Identity caller = become(owner_of(sources_table(schema)));
  Arguments arguments;
  arguments.time(window.start());
  arguments.time(window.as_of);
  arguments.text(source->name);
  arguments.text(pattern);
  arguments.read(
      psprintf("SELECT array_agg(DISTINCT target_id)::text FROM %s.operator_audit WHERE created_at > $1 AND "
               "created_at <= $2 AND action IN ('delivery.replay', 'delivery.bulk_replay') AND "
               "metadata ->> 'source' = $3 AND target_id ~ $4",
               quote_identifier(get_namespace_name(schema))));
  become(caller);
  return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

// What the output of the type looks like; null where the type is none that is known to take all of that.
const char *id_pattern(Oid type) {
  switch (type) {
    case TEXTOID:
    case VARCHAROID:
      return "";
    case INT8OID:
      return "^-?\\d{1,18}$";
    case INT4OID:
      return "^-?\\d{1,9}$";
    case UUIDOID:
      return "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
    default:
      return nullptr;
  }
}

// $3 and $4 are the exact bounds.
char *count_query(const ScanRequest &request) {
  constexpr StatusSet kDelivered = {true};
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query, "SELECT count(*), count(*) FILTER (WHERE d.delivered) FROM (SELECT ");
  append_created_at(&query, *request.source);
  appendStringInfoString(&query, ", ");
  append_status_in(&query, *request.source, kDelivered);
  append_deliveries(&query, request);
  appendStringInfoString(&query, ") AS d (at, delivered) WHERE d.at > $3 AND d.at <= $4");
  return query.data;
}

}  // namespace

ReplayFigures count_replays(Oid schema, const Window &window, const Source *source, const char *tenant,
                            const Tally &all) {
  const ReplayFigures retried = {all[Counter::kRetried], all[Counter::kRetriedDelivered], false};
  const char *id = source->field(Field::kId);
  const char *pattern = id == nullptr ? nullptr : id_pattern(expression_type(source, id));
  if (pattern == nullptr) return retried;
  DeliveryFilter filter = {};
  filter.ids = replayed_ids(schema, window, source, pattern);
  if (filter.ids == nullptr) return retried;
  ScanRequest request = {};
  request.schema = schema;
  request.source = source;
  request.after = window.start();
  request.until = window.as_of;
  request.tenant = tenant;
  request.filter = &filter;
  run_query(
      request, count_query,
      {2, {TIMESTAMPTZOID, TIMESTAMPTZOID}, {TimestampTzGetDatum(request.after), TimestampTzGetDatum(request.until)}});
  Columns columns(0);
  const std::uint64_t replayed = columns.count();
  return {replayed, columns.count(), true};
}

}  // namespace insights::pg
