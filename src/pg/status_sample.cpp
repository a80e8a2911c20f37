#include "status_sample.hpp"

#include "memory.hpp"
#include "source_expression.hpp"
#include "statement.hpp"

extern "C" {
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/rel.h"
}

namespace insights::pg {

namespace {

constexpr int kMostSeen = 60;         // words that are told apart
constexpr int kLongestWord = 200;     // bytes
constexpr int kAtOnce = 100;          // rows of a fetch
constexpr double kLongest = 2;        // seconds
constexpr double kMostCost = 300000;  // as the planner counts: some seconds
constexpr double kMostAhead = 1000;   // of that before the first row, such as by a sort, which no limit would end
constexpr BlockNumber kTail = 2048;   // pages at the end of a table

// Ways to look at some deliveries, the best first.
enum class Way { kByTime, kAtEnd, kAny };
constexpr Way kWays[] = {Way::kByTime, Way::kAtEnd, Way::kAny};

// Whether rows can be asked for by where they lie.
bool has_end(Relation relation) {
  const char kind = relation->rd_rel->relkind;
  return (kind == RELKIND_RELATION || kind == RELKIND_MATVIEW) && relation->rd_rel->relam == HEAP_TABLE_AM_OID &&
         pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

const char *sample_query(const Source &source, Relation relation, Way way) {
  const char *created_at = source.field(Field::kCreatedAt);
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT (%s)::pg_catalog.text FROM %s WHERE (%s) IS NOT NULL", source.field(Field::kStatus),
                   source.relation, created_at);
  if (source.filter != nullptr) appendStringInfo(&query, " AND (%s)", source.filter);
  if (way == Way::kAtEnd) {
    const BlockNumber pages = RelationGetNumberOfBlocks(relation);
    appendStringInfo(&query, " AND ctid OPERATOR(pg_catalog.>=) '(%u,0)'::pg_catalog.tid",
                     pages > kTail ? pages - kTail : 0);
  }
  if (way == Way::kByTime) appendStringInfo(&query, " ORDER BY (%s) DESC", created_at);
  if (way != Way::kAtEnd) appendStringInfo(&query, " LIMIT %d", kSampleRows);
  return query.data;
}

bool is_cheap(SPIPlanPtr plan) {
  const PlanCosts costs = costs_of(plan);
  return costs.startup <= kMostAhead && costs.total <= kMostCost;
}

// Null where it would read too much. Not to be run in parallel.
SPIPlanPtr plan_sample(const Source &source, Relation relation, Way way) {
  if (way == Way::kAtEnd && !has_end(relation)) return nullptr;
  SPIPlanPtr plan = prepare_statement(sample_query(source, relation, way), 0, nullptr, 0);
  return is_cheap(plan) ? plan : nullptr;
}

bool is_same(const SeenStatus &seen, Text raw, StatusClass status) {
  if (is_null(seen.raw) || is_null(raw)) return is_null(seen.raw) && is_null(raw);
  return seen.status == status && seen.raw == raw;
}

void count_delivery(StatusSample *sample, const StatusMap &map, Text raw, MemoryContext memory) {
  const StatusClass status = map.classify(raw);
  ++sample->deliveries;
  if (status == StatusClass::kUnmapped) ++sample->unmapped;
  const bool whole = raw.size() <= kLongestWord;
  if (!whole) {
    raw = raw.substr(0, static_cast<std::size_t>(pg_mbcliplen(raw.data(), static_cast<int>(raw.size()), kLongestWord)));
  }
  for (SeenStatus *seen = sample->seen; seen != sample->seen + sample->count; ++seen) {
    if (!is_same(*seen, raw, status)) continue;
    ++seen->deliveries;
    return;
  }
  if (sample->count == kMostSeen) {
    sample->unlisted = sample->unlisted || (status == StatusClass::kUnmapped && !is_null(raw));
    return;
  }
  if (!is_null(raw)) {
    auto *copy = static_cast<char *>(MemoryContextAlloc(memory, raw.size() + 1));
    std::memcpy(copy, raw.data(), raw.size());
    raw = Text(copy, raw.size());
  }
  sample->seen[sample->count++] = {raw, whole, status, 1};
}

bool is_over(instr_time since) {
  instr_time now;
  INSTR_TIME_SET_CURRENT(now);
  INSTR_TIME_SUBTRACT(now, since);
  return INSTR_TIME_GET_DOUBLE(now) > kLongest;
}

StatusSample new_sample() {
  StatusSample sample = {};
  sample.taken = true;
  sample.seen = static_cast<SeenStatus *>(palloc0(kMostSeen * sizeof(SeenStatus)));
  return sample;
}

void read_sample(SPIPlanPtr plan, const StatusMap &map, StatusSample *sample) {
  instr_time start;
  INSTR_TIME_SET_CURRENT(start);
  MemoryContext caller = CurrentMemoryContext;
  MemoryContext batch = AllocSetContextCreate(caller, "sample of statuses", ALLOCSET_DEFAULT_SIZES);
  Portal cursor = SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
  for (bool more = true; more && !is_over(start);) {
    SPI_cursor_fetch(cursor, true, kAtOnce);
    const Rows rows = Rows::latest();
    more = rows.count() == kAtOnce;
    MemoryContextSwitchTo(batch);
    for (std::uint64_t i = 0; i < rows.count(); ++i) count_delivery(sample, map, Columns(i, rows).text(), caller);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(batch);
    rows.free();
    CHECK_FOR_INTERRUPTS();
  }
  SPI_cursor_close(cursor);
  MemoryContextDelete(batch);
}

int by_number(const void *a, const void *b) {
  const auto &one = *static_cast<const SeenStatus *>(a);
  const auto &other = *static_cast<const SeenStatus *>(b);
  if (one.deliveries != other.deliveries) return one.deliveries > other.deliveries ? -1 : 1;
  if (is_null(one.raw) || is_null(other.raw)) return is_null(one.raw) ? 1 : -1;
  return compare(one.raw, other.raw);
}

}  // namespace

StatusSample sample_statuses(const Source &source, Relation relation) {
  StatusSample sample = new_sample();
  const StatusMap *map = make_status_map(source.statuses);
  const int settings = pin_for_scan();
  SPIPlanPtr plan = nullptr;
  for (const Way way : kWays) {
    plan = plan_sample(source, relation, way);
    sample.newest = way != Way::kAny;
    if (plan != nullptr) break;
  }
  sample.taken = plan != nullptr;
  if (sample.taken) read_sample(plan, *map, &sample);
  AtEOXact_GUC(true, settings);
  qsort(sample.seen, static_cast<std::size_t>(sample.count), sizeof *sample.seen, by_number);
  return sample;
}

StatusSample sample_labels(const Source &source, Oid enum_type) {
  StatusSample sample = new_sample();
  const StatusMap *map = make_status_map(source.statuses);
  Parameters parameters;
  parameters.put(OIDOID, ObjectIdGetDatum(enum_type));
  const std::uint64_t labels =
      parameters.read("SELECT enumlabel::text FROM pg_enum WHERE enumtypid = $1 ORDER BY enumsortorder");
  for (std::uint64_t i = 0; i < labels; ++i) count_delivery(&sample, *map, Columns(i).text(), CurrentMemoryContext);
  sample.deliveries = 0;
  return sample;
}

const char *unmapped_list(const StatusSample &sample, bool words) {
  StringInfoData list;
  initStringInfo(&list);
  for (const SeenStatus *seen = sample.seen; seen != sample.seen + sample.count; ++seen) {
    if (seen->status != StatusClass::kUnmapped || (words && is_null(seen->raw))) continue;
    if (list.len > 0) appendStringInfoString(&list, ", ");
    is_null(seen->raw) ? appendStringInfoString(&list, "NULL")
                       : appendStringInfo(&list, "\"%.*s%s\"", static_cast<int>(seen->raw.size()), seen->raw.data(),
                                          seen->whole ? "" : "...");
    if (sample.deliveries > 0) appendStringInfo(&list, " (" INT64_FORMAT ")", seen->deliveries);
  }
  if (sample.unlisted) appendStringInfoString(&list, ", and others");
  return list.data;
}

}  // namespace insights::pg
