#include "statement.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/plannodes.h"
#include "utils/guc.h"
#include "utils/plancache.h"
}

namespace insights::pg {

// Somebody else's operator in front of PostgreSQL's would run with the rights of whoever runs the statement.
void require_pinned_path(const char *what) {
  if (std::strcmp(namespace_search_path, kPinnedPath) == 0) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("a statement would be parsed under search_path \"%s\"", namespace_search_path),
                  errdetail_internal("The statement is: %s", what),
                  errhint("A function of a delivery source's must not set search_path for longer than its own call.")));
}

namespace {

// SPI leaves its own context as the current one.
template <typename Call>
auto in_same_context(Call call) {
  MemoryContext context = CurrentMemoryContext;
  const auto result = call();
  MemoryContextSwitchTo(context);
  return result;
}

std::uint64_t require_code(int code, int expected, const char *statement) {
  if (code != expected) elog(ERROR, "statement failed: %s: %s", SPI_result_code_string(code), statement);
  return SPI_processed;
}

}  // namespace

std::uint64_t run_statement(const char *statement, int expected, bool read_only) {
  require_pinned_path(statement);
  return require_code(in_same_context([&] { return SPI_execute(statement, read_only, 0); }), expected, statement);
}

std::uint64_t run_plan(SPIPlanPtr plan, ParamListInfo parameters, int expected, bool read_only) {
  SPIExecuteOptions options = {};
  options.params = parameters;
  options.read_only = read_only;
  return require_code(in_same_context([&] { return SPI_execute_plan_extended(plan, &options); }), expected, "a plan");
}

SPIPlanPtr prepare_statement(const char *statement, int count, Oid *types, int cursor_options) {
  require_pinned_path(statement);
  SPIPlanPtr plan = in_same_context([&] { return SPI_prepare_cursor(statement, count, types, cursor_options); });
  if (plan == nullptr) elog(ERROR, "statement failed: %s: %s", SPI_result_code_string(SPI_result), statement);
  return plan;
}

PlanCosts costs_of(SPIPlanPtr plan) {
  CachedPlan *planned = SPI_plan_get_cached_plan(plan);
  const Plan *tree = linitial_node(PlannedStmt, planned->stmt_list)->planTree;
  const PlanCosts costs = {tree->startup_cost, tree->total_cost};
  ReleaseCachedPlan(planned, nullptr);
  return costs;
}

int run_unpinned(const char *statement) { return SPI_execute(statement, false, 0); }

Portal Parameters::open(const char *statement) {
  require_pinned_path(statement);
  return in_same_context([&] {
    return SPI_cursor_open_with_args(nullptr, statement, count_, types_, values_, nulls_, false, CURSOR_OPT_NO_SCROLL);
  });
}

std::uint64_t Parameters::run_by_index(const char *statement, int expected) {
  const int level = NewGUCNestLevel();
  for (const char *other : {"enable_seqscan", "enable_hashjoin", "enable_mergejoin"}) {
    (void)set_config_option(other, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
  }
  const std::uint64_t rows = run(statement, expected);
  AtEOXact_GUC(true, level);
  return rows;
}

std::uint64_t Parameters::execute(const char *statement, int expected, bool read_only) {
  require_pinned_path(statement);
  const int code =
      in_same_context([&] { return SPI_execute_with_args(statement, count_, types_, values_, nulls_, read_only, 0); });
  return require_code(code, expected, statement);
}

}  // namespace insights::pg
