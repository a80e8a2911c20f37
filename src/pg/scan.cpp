#include "scan.hpp"

#include "local_time.hpp"
#include "rollup_type.hpp"

extern "C" {
#include "catalog/pg_operator.h"
#include "nodes/nodeFuncs.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace insights::pg {

namespace {

void append_key(StringInfo query, const char *expression, bool missing_is_unknown) {
  const char *value = expression != nullptr ? psprintf("(%s)::text", expression) : "NULL::text";
  appendStringInfo(query, missing_is_unknown ? ", coalesce(%s, 'unknown')" : ", %s", value);
}

Oid operator_namespace(Oid operator_oid) {
  HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator_oid));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", operator_oid);
  const Oid schema = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple))->oprnamespace;
  ReleaseSysCache(tuple);
  return schema;
}

void append_tenant(StringInfo query, const ScanRequest &request) {
  const char *tenant_id = request.source->field(Field::kTenantId);
  if (request.missing_is_unknown && std::strcmp(request.tenant, "unknown") == 0) {
    appendStringInfo(query, " AND coalesce((%s)::text, 'unknown') = 'unknown'", tenant_id);
    return;
  }
  // By the equality of the type's own operator class, which no search_path chooses. The literal takes the type of what
  // it is compared with, be it uuid or integer, and so finds an index on it.
  const Oid type = expression_type(request.source, tenant_id);
  const Oid equality = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
  if (!OidIsValid(equality)) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("tenants of type %s cannot be compared", format_type_be(type)),
             errhint("Map tenant_id to an expression of another type, such as text.")));
  }
  appendStringInfo(query, " AND (%s) OPERATOR(%s.%s) %s", tenant_id,
                   quote_identifier(get_namespace_name(operator_namespace(equality))), get_opname(equality),
                   quote_literal_cstr(request.tenant));
}

// Row-level security shows in the rewritten query: the relation carries its policies.
bool find_security_quals(Node *node, void *context) {
  if (node == nullptr) return false;
  if (IsA(node, RangeTblEntry)) return reinterpret_cast<RangeTblEntry *>(node)->securityQuals != NIL;
  if (IsA(node, Query)) {
    return query_tree_walker(reinterpret_cast<Query *>(node), AI_WALKER(find_security_quals), context,
                             QTW_EXAMINE_RTES_BEFORE);
  }
  return expression_tree_walker(node, AI_WALKER(find_security_quals), context);
}

ParamListInfo make_parameters(const Oid *types, const Datum *values, int count) {
  ParamListInfo parameters = makeParamList(count);
  for (int i = 0; i < count; ++i) {
    parameters->params[i].value = values[i];
    parameters->params[i].isnull = false;
    parameters->params[i].pflags = PARAM_FLAG_CONST;  // so the planner sees the bounds
    parameters->params[i].ptype = types[i];
  }
  return parameters;
}

// Tells whose mapping an error of the inner query comes from.
void add_context(void *argument) { errcontext("delivery source \"%s\"", static_cast<Source *>(argument)->name); }

std::string_view fetch_rollup(const ScanRequest &request) {
  bool null = false;
  const Datum datum = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
  // No delivery, no aggregate: that is the empty rollup.
  return null ? request.shape : bytes_of(PG_DETOAST_DATUM_PACKED(datum));
}

}  // namespace

Oid rollup_type(Oid schema) {
  return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("delivery_rollup"), ObjectIdGetDatum(schema));
}

Oid expression_type(const Source *source, const char *expression) {
  SPIPlanPtr plan = SPI_prepare(psprintf("SELECT %s FROM %s", expression, source->relation), 0, nullptr);
  if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
  const auto *planned = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
  const Oid type = getBaseType(TupleDescAttr(planned->resultDesc, 0)->atttypid);
  SPI_freeplan(plan);
  return type;
}

ScanRequest trial_request(const Source *source, Oid schema) {
  SlotSpec slots;
  slots.width = kMinute;
  slots.slots = 1;
  ScanRequest request = {};
  request.source = source;
  request.schema = schema;
  request.shape = make_shape(slots, source->statuses, kRateCounters);
  return request;
}

char *rollup_query(const ScanRequest &request) {
  const Source &source = *request.source;
  const char *created_at = source.field(Field::kCreatedAt);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT %s.delivery_rollup_agg($1, ", quote_identifier(get_namespace_name(request.schema)));
  if (source.time_zone != nullptr) {
    appendStringInfo(&query, "(%s) AT TIME ZONE %s", created_at, quote_literal_cstr(source.time_zone));
  } else {
    appendStringInfo(&query, "(%s)", created_at);
  }
  append_key(&query, source.field(Field::kTenantId), request.missing_is_unknown);
  append_key(&query, source.field(Field::kEndpoint), request.missing_is_unknown);
  append_key(&query, source.field(Field::kStatus), false);
  append_key(&query, source.field(Field::kTriageLabel), false);
  // The bounds stand on the raw column, so that its index or its partitions serve.
  appendStringInfo(&query, ") FROM %s WHERE (%s) > $2 AND (%s) <= $3", source.relation, created_at, created_at);
  if (source.filter != nullptr) appendStringInfo(&query, " AND (%s)", source.filter);
  if (request.tenant != nullptr) append_tenant(&query, request);
  return query.data;
}

bool hides_rows(SPIPlanPtr plan) {
  const ListCell *source = nullptr;
  foreach (source, SPI_plan_get_plan_sources(plan)) {
    const ListCell *query = nullptr;
    foreach (query, static_cast<CachedPlanSource *>(lfirst(source))->query_list) {
      if (find_security_quals(static_cast<Node *>(lfirst(query)), nullptr)) return true;
    }
  }
  return false;
}

SPIPlanPtr prepare_rollup_query(const ScanRequest &request) {
  const Oid time_type = request.source->time_zone != nullptr ? TIMESTAMPOID : TIMESTAMPTZOID;
  Oid types[] = {rollup_type(request.schema), time_type, time_type};
  SPIPlanPtr plan = SPI_prepare_cursor(rollup_query(request), lengthof(types), types,
                                       CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_CUSTOM_PLAN);
  if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
  return plan;
}

ScanResult scan_rollup(const ScanRequest &request) {
  require_source_relation(request.source);
  if (request.tenant != nullptr && request.source->field(Field::kTenantId) == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("delivery source \"%s\" has no tenant_id, so tenant cannot be \"%s\"", request.source->name,
                           request.tenant),
                    errhint("Map tenant_id when you register the source.")));
  }
  const bool local = request.source->time_zone != nullptr;
  Timestamp after = request.after;
  Timestamp until = request.until;
  if (local) widen_to_local(request.source->time_zone, &after, &until);

  const Oid time_type = local ? TIMESTAMPOID : TIMESTAMPTZOID;
  Oid types[] = {rollup_type(request.schema), time_type, time_type};
  const Datum values[] = {PointerGetDatum(make_flat(request.shape)), TimestampTzGetDatum(after),
                          TimestampTzGetDatum(until)};

  ErrorContextCallback context = {error_context_stack, add_context, const_cast<Source *>(request.source)};
  error_context_stack = &context;
  SPIPlanPtr plan = prepare_rollup_query(request);
  SPIExecuteOptions options = {};
  options.params = make_parameters(types, values, lengthof(types));
  options.read_only = true;
  const int code = SPI_execute_plan_extended(plan, &options);
  if (code != SPI_OK_SELECT || SPI_processed != 1) elog(ERROR, "inner query failed: %s", SPI_result_code_string(code));
  error_context_stack = context.previous;
  return ScanResult{fetch_rollup(request), hides_rows(plan)};
}

}  // namespace insights::pg
