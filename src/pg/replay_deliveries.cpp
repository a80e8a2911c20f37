#include "replay_deliveries.hpp"

#include "id_list.hpp"
#include "query.hpp"
#include "source_expression.hpp"
#include "statement.hpp"

namespace insights::pg {

namespace {

// Each wanted id, as the type of the source's id writes it, with what is there.
char *deliveries_query(const Source &source, const char *ids) {
  StringInfoData query;
  initStringInfo(&query);
  const KeyComparison id = id_comparison(source);
  appendStringInfo(&query,
                   "SELECT coalesce(d.id, w.id::text) COLLATE \"C\" AS key, d.id IS NOT NULL, "
                   "d.failed, d.tenant, d.endpoint, d.status, d.attempts "
                   "FROM (SELECT DISTINCT given.id::%s FROM unnest(%s::text[]) AS given (id)) AS w (id) "
                   "LEFT JOIN (SELECT %s",
                   id.type, quote_literal_cstr(ids), id.operand);
  append_as(&query, source.field(Field::kId), "text");
  appendStringInfoString(&query, ", ");
  append_status_in(&query, source, kFailedStatuses);
  append_as(&query, source.field(Field::kTenantId), "text");
  append_as(&query, source.field(Field::kEndpoint), "text");
  append_as(&query, source.field(Field::kStatus), "text");
  append_number(&query, source, Field::kAttempts);
  appendStringInfo(&query, " FROM %s WHERE ", source.relation);
  append_id_in(&query, source, ids);
  if (source.filter != nullptr) appendStringInfo(&query, " AND (%s)", source.filter);
  appendStringInfo(&query,
                   ") AS d (key, id, failed, tenant, endpoint, status, attempts) ON d.key %s w.id "
                   "ORDER BY key, d.failed DESC NULLS LAST",
                   id.equals);
  return query.data;
}

Text status_detail(Text status) {
  if (is_null(status)) return "it has no status";
  return psprintf("its status is \"%.*s\"", static_cast<int>(status.size()), status.data());
}

Delivery read_delivery(std::uint64_t row) {
  Columns columns(row);
  Delivery delivery = {};
  delivery.id = columns.text();
  const bool found = columns.boolean();
  const bool failed = columns.boolean_or_null().value_or(false);
  delivery.tenant = columns.text();
  delivery.endpoint = columns.text();
  delivery.status = columns.text();
  delivery.attempts = columns.integer_or_null();
  if (!found) {
    delivery.outcome = Outcome::kNotFound;
    delivery.detail = kNone;
  } else if (!failed) {
    delivery.outcome = Outcome::kNotFailed;
    delivery.detail = status_detail(delivery.status);
  }
  delivery.rows = 1;
  return delivery;
}

// Whoever asks for a delivery does not mean others that have the same id.
void refuse_shared(Delivery *delivery) {
  if (delivery->rows == 1 || delivery->outcome != Outcome::kWanted) return;
  delivery->outcome = Outcome::kRefused;
  delivery->detail = psprintf("%d deliveries have this id", delivery->rows);
}

Delivery malformed_delivery(const char *id) {
  Delivery delivery = {};
  delivery.id = id;
  delivery.outcome = Outcome::kNotFound;
  delivery.detail = "it is no id of this source";
  return delivery;
}

}  // namespace

Deliveries find_deliveries(const Source &source, const char *ids) {
  const std::uint64_t rows = run_statement(deliveries_query(source, ids), SPI_OK_SELECT, false);
  Deliveries deliveries = {};
  deliveries.list = static_cast<Delivery *>(palloc_extended(sizeof(Delivery) * (rows + 1), MCXT_ALLOC_HUGE));
  for (std::uint64_t i = 0; i < rows; ++i) {
    const Delivery delivery = read_delivery(i);
    Delivery *last = deliveries.count > 0 ? &deliveries.list[deliveries.count - 1] : nullptr;
    if (last == nullptr || compare(last->id, delivery.id) != 0) {
      deliveries.list[deliveries.count++] = delivery;
    } else {
      ++last->rows;
    }
  }
  for (Delivery &delivery : deliveries) refuse_shared(&delivery);
  return deliveries;
}

Deliveries find_given(const Source &source, const char *ids) {
  List *malformed = NIL;
  const char *valid = sift_ids(source, ids, &malformed);
  const Deliveries found = find_deliveries(source, valid);
  const auto most = static_cast<Size>(found.count + list_length(malformed));
  Deliveries all = {static_cast<Delivery *>(palloc_extended(sizeof(Delivery) * (most + 1), MCXT_ALLOC_HUGE)), 0};
  for (const Delivery &delivery : found) all.list[all.count++] = delivery;
  const ListCell *cell = nullptr;
  foreach (cell, malformed) {
    all.list[all.count++] = malformed_delivery(static_cast<const char *>(lfirst(cell)));
  }
  std::sort(all.begin(), all.end(), [](const Delivery &a, const Delivery &b) { return compare(a.id, b.id) < 0; });
  const Delivery *end = std::unique(all.begin(), all.end(),
                                    [](const Delivery &a, const Delivery &b) { return compare(a.id, b.id) == 0; });
  all.count = static_cast<int>(end - all.begin());
  return all;
}

}  // namespace insights::pg
