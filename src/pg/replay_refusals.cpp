#include "replay_refusals.hpp"

#include <algorithm>

#include "look.hpp"
#include "query.hpp"
#include "replay_trial.hpp"
#include "statement.hpp"

namespace insights::pg {

namespace {

bool is_before(const Refusal &one, const Refusal &other) { return compare(Text(one.id), Text(other.id)) < 0; }

// " FROM ... WHERE" of the deliveries with these ids.
StringInfoData rows_of(const Source &source, const char *ids) {
  StringInfoData rows;
  initStringInfo(&rows);
  appendStringInfo(&rows, " FROM %s WHERE ", source.relation);
  append_id_in(&rows, source, ids);
  if (source.filter != nullptr) appendStringInfo(&rows, " AND (%s)", source.filter);
  return rows;
}

// Ids that several deliveries have.
Rows find_shared(const Source &source, const char *ids) {
  run_statement(psprintf("SELECT (%s)::text, count(*)%s GROUP BY 1 HAVING count(*) > 1", source.field(Field::kId),
                         rows_of(source, ids).data),
                SPI_OK_SELECT, true);
  return Rows::latest();
}

List *find_forbidden_of(const Source &source, const Requeue &requeue, const char *ids) {
  StringInfoData rows = rows_of(source, ids);
  appendStringInfoString(&rows, " AND ");
  append_status_in(&rows, source, kFailedStatuses);
  return look_safely(source, [&] { return find_forbidden(source, requeue, rows.data, PG_INT32_MAX); });
}

}  // namespace

const char *Refusals::find(Text id) const {
  const Refusal *found = std::lower_bound(
      list, list + count, id, [](const Refusal &one, Text wanted) { return compare(Text(one.id), wanted) < 0; });
  return found != list + count && Text(found->id) == id ? found->why : nullptr;
}

Refusals find_refusals(const Source &source, const Requeue &requeue, const char *ids) {
  const Rows shared = find_shared(source, ids);
  const List *forbidden = find_forbidden_of(source, requeue, ids);
  const std::size_t most = shared.count() + static_cast<std::size_t>(list_length(forbidden));
  Refusals refusals = {static_cast<Refusal *>(palloc_extended(sizeof(Refusal) * (most + 1), MCXT_ALLOC_HUGE)), 0};
  for (std::uint64_t i = 0; i < shared.count(); ++i) {
    Columns columns(i, shared);
    const Text id = columns.text();
    refusals.list[refusals.count++] = {
        pnstrdup(id.data(), id.size()),
        psprintf("It would be refused: " INT64_FORMAT " deliveries have this id. Map id to what is unique.",
                 columns.bigint())};
  }
  const ListCell *cell = nullptr;
  foreach (cell, forbidden) {
    const auto *one = static_cast<const Forbidden *>(lfirst(cell));
    if (one->uncertain) continue;
    refusals.list[refusals.count++] = {one->id, psprintf("It would be refused: %s. %s", one->why, kNeedsFunction)};
  }
  std::stable_sort(refusals.list, refusals.list + refusals.count, is_before);
  return refusals;
}

}  // namespace insights::pg
