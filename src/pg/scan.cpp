#include "scan.hpp"

#include "catalog.hpp"
#include "local_time.hpp"
#include "query.hpp"
#include "rollup_type.hpp"
#include "statement.hpp"
#include "trust.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "utils/plancache.h"
}

namespace insights::pg {

namespace {

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
  const Datum datum = Columns(0).typed(own_type(request.schema, "delivery_rollup"), &null);
  // No delivery, no aggregate: that is the empty rollup.
  return null ? request.shape : bytes_of(PG_DETOAST_DATUM_PACKED(datum));
}

}  // namespace

ScanRequest trial_request(const Source *source, Oid schema) {
  SlotSpec slots;
  slots.width = kMinute;
  slots.slots = 1;
  ScanRequest request = {};
  request.source = source;
  request.schema = schema;
  request.shape = make_shape(slots, source->statuses, kRateCounters);
  request.attempts = true;
  request.labels = true;
  return request;
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

namespace {

// The types of all parameters: those of the bounds come first.
struct ParameterTypes {
  int count;
  Oid types[2 + lengthof(QueryParameters::types)];
};

ParameterTypes types_of(const ScanRequest &request, const QueryParameters &parameters) {
  const Oid time_type = request.source->time_zone != nullptr ? TIMESTAMPOID : TIMESTAMPTZOID;
  ParameterTypes all = {2 + parameters.count, {time_type, time_type}};
  for (int i = 0; i < parameters.count; ++i) all.types[2 + i] = parameters.types[i];
  return all;
}

SPIPlanPtr prepare(const char *query, ParameterTypes parameters) {
  return prepare_statement(query, parameters.count, parameters.types, CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_CUSTOM_PLAN);
}

void require_tenant_field(const ScanRequest &request) {
  if (request.tenant == nullptr || request.source->field(Field::kTenantId) != nullptr) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("delivery source \"%s\" has no tenant_id, so tenant cannot be \"%s\"", request.source->name,
                         request.tenant),
                  errhint("Map tenant_id when you register the source.")));
}

QueryParameters shape_parameter(const ScanRequest &request) {
  return {1, {own_type(request.schema, "delivery_rollup")}, {PointerGetDatum(make_flat(request.shape))}};
}

}  // namespace

SPIPlanPtr prepare_rollup_query(const ScanRequest &request) {
  return prepare(rollup_query(request), types_of(request, shape_parameter(request)));
}

SPIPlanPtr run_query(const ScanRequest &request, QueryBuilder build, const QueryParameters &parameters) {
  require_source_relation(request.source);
  require_tenant_field(request);
  Timestamp after = request.after;
  Timestamp until = request.until;
  if (request.source->time_zone != nullptr) widen_to_local(request.source->time_zone, &after, &until);

  const ParameterTypes all = types_of(request, parameters);
  Datum values[lengthof(all.types)] = {TimestampTzGetDatum(after), TimestampTzGetDatum(until)};
  for (int i = 0; i < parameters.count; ++i) values[2 + i] = parameters.values[i];
  ErrorContextCallback context = {error_context_stack, add_context, const_cast<Source *>(request.source)};
  error_context_stack = &context;
  SPIPlanPtr plan = prepare(build(request), all);
  if (request.as_owner) require_trusted(*request.source, plan);
  run_plan(plan, make_parameters(all.types, values, all.count), SPI_OK_SELECT, true);
  error_context_stack = context.previous;
  return plan;
}

ScanResult scan_rollup(const ScanRequest &request) {
  SPIPlanPtr plan = run_query(request, rollup_query, shape_parameter(request));
  return ScanResult{fetch_rollup(request), hides_rows(plan)};
}

}  // namespace insights::pg
