// The deliveries themselves, a page at a time.
#include "arguments.hpp"
#include "catalog.hpp"
#include "delivery_filter.hpp"
#include "guard.hpp"
#include "id_list.hpp"
#include "rows.hpp"
#include "scan.hpp"
#include "window.hpp"

namespace insights::pg {

namespace {

constexpr int kMostListed = 1000;

// How far back a search looks at first, how that grows, and up to where before it looks at all.
constexpr Duration kFirstWidth = 15 * kMinute;
constexpr int kGrowth = 8;
constexpr Duration kLongestWidth = 366 * 24 * kHour;

// Where the page before ended; what comes after it is older.
struct Cursor {
  Timestamp time;
  const char *id;
};

// Behind everything for NULL: the first page.
Cursor cursor_arguments(FunctionCallInfo fcinfo, int time, int id) {
  if (PG_ARGISNULL(time) != PG_ARGISNULL(id)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a page ends at a time and an id"),
                    errhint("Give created_at and delivery_id of its last row, or none for the first page.")));
  }
  if (PG_ARGISNULL(time)) return {DT_NOEND, ""};
  return {timestamp_argument(fcinfo, time, "before_time"), text_or_null(fcinfo, id)};
}

// The class of a status by its name, NULL where no map knows it.
void append_status_class(StringInfo query, const Source &source) {
  appendStringInfoString(query, ", CASE");
  for (const StatusClass status :
       {StatusClass::kDelivered, StatusClass::kFailed, StatusClass::kDeadLetter, StatusClass::kPending}) {
    StatusSet one = {};
    one[static_cast<std::size_t>(status)] = true;
    appendStringInfoString(query, " WHEN ");
    append_status_in(query, source, one);
    appendStringInfo(query, " THEN '%s'", status_name(status));
  }
  appendStringInfoString(query, " END");
}

// The columns of the result but the first, in their order.
void append_columns(StringInfo query, const ScanRequest &request) {
  const Source &source = *request.source;
  append_as(query, source.field(Field::kId), "text");
  append_time(query, source, Field::kUpdatedAt);
  append_as(query, source.field(Field::kTenantId), "text");
  append_as(query, source.field(Field::kEndpoint), "text");
  append_as(query, source.field(Field::kEventType), "text");
  append_as(query, source.field(Field::kStatus), "text");
  append_status_class(query, source);
  append_label(query, request);
  append_number(query, source, Field::kTriageScore);
  append_number(query, source, Field::kAttempts);
  append_number(query, source, Field::kMaxAttempts);
  append_time(query, source, Field::kNextRetryAt);
  append_number(query, source, Field::kHttpStatus);
  append_as(query, source.field(Field::kError), "text");
}

// $3 and $4 are the exact bounds, since those on the raw column may be wider; $5 and $6 the cursor, $7 how many. The
// source's expressions stand in a query of their own, where no other name is in their way.
char *page_query(const ScanRequest &request) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfoString(&query,
                         "SELECT d.id, d.at, d.updated_at, d.tenant, d.endpoint, d.event_type, d.status, d.class, "
                         "d.label, d.score, d.attempts, d.max_attempts, d.next_retry_at, d.http_status, d.error "
                         "FROM (SELECT ");
  append_created_at(&query, *request.source);
  append_columns(&query, request);
  append_deliveries(&query, request);
  appendStringInfoString(&query,
                         ") AS d (at, id, updated_at, tenant, endpoint, event_type, status, class, label, score, "
                         "attempts, max_attempts, next_retry_at, http_status, error) WHERE d.id IS NOT NULL AND "
                         "d.at > $3 AND d.at <= $4 AND (d.at, d.id COLLATE \"C\") < ($5, $6)");
  if (request.filter->labels) {
    appendStringInfoString(&query, " AND ");
    append_label_in(&query, "d.label", *request.filter->labels);
  }
  appendStringInfoString(&query, " ORDER BY d.at DESC, d.id COLLATE \"C\" DESC LIMIT $7");
  return query.data;
}

// The rows are the latest. Gives their number.
std::uint64_t fetch_rows(const ScanRequest &request, const Cursor &cursor, std::int64_t max_rows) {
  run_query(request, page_query,
            {5,
             {TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID},
             {TimestampTzGetDatum(request.after), TimestampTzGetDatum(request.until), TimestampTzGetDatum(cursor.time),
              CStringGetTextDatum(cursor.id), Int64GetDatum(max_rows)}});
  return Rows::latest().count();
}

// Whether two rows are in one place of the order.
bool is_tied(std::uint64_t one, std::uint64_t other) {
  Columns a(one);
  Columns b(other);
  const Text id = a.text();
  return id == b.text() && a.time() == b.time();
}

// Gives the number of rows of the page, which begins the latest rows. The next one begins behind the place of its last
// row, so all that are in that place are on it: where ids are not unique, the page grows by them.
std::uint64_t fetch_page(const ScanRequest &request, const Cursor &cursor, int max_rows) {
  const auto wanted = static_cast<std::uint64_t>(max_rows);
  for (std::int64_t most = max_rows + 1;; most *= 2) {
    const std::uint64_t rows = fetch_rows(request, cursor, most);
    std::uint64_t page = Min(rows, wanted);
    while (page < rows && is_tied(page, wanted - 1)) ++page;
    if (page < rows || rows < static_cast<std::uint64_t>(most)) return page;
    Rows::latest().free();
  }
}

// A page is mostly full of the last minutes. So they are asked for first, then eight times as much, until it is full or
// all is asked for: PostgreSQL, which takes tenant, endpoint and status for independent, would expect few rows of a
// failing endpoint and scan the whole table for them, and no index is in the order of times that are converted from a
// zone's. Gives the number of rows of the page.
std::uint64_t search(ScanRequest request, const Cursor &cursor, int max_rows) {
  const Timestamp after = request.after;
  Duration width = kFirstWidth;
  std::uint64_t rows = 0;
  do {
    request.after = width <= kLongestWidth ? Max(after, request.until - width) : after;
    rows = fetch_page(request, cursor, max_rows);
    width *= kGrowth;
  } while (rows < static_cast<std::uint64_t>(max_rows) && request.after > after);
  return rows;
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// delivery_search(filter, max_rows, before_time, before_id, source, as_of) -> setof (delivery_id, created_at, ...)
ANOMALY_INSIGHTS_FUNCTION(ai_delivery_search) {
  auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  if (PG_ARGISNULL(0)) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("filter must not be NULL")));
  FilteredWindow window = read_filter(&PG_GETARG_JSONB_P(0)->root, timestamp_argument(fcinfo, 5, "as_of"));
  const int max_rows = int_argument(fcinfo, 1, "max_rows", 1, kMostListed);
  const Cursor cursor = cursor_arguments(fcinfo, 2, 3);
  ScanRequest request = {};
  request.schema = extension_schema(fcinfo);
  request.source = source_argument(fcinfo, 4);
  request.after = window.after;
  request.until = Min(window.until, cursor.time);
  request.labels = true;
  request.filter = &window.filter;
  require_id(request.source);
  InitMaterializedSRF(fcinfo, 0);
  SPI_connect();
  sift_filter(*request.source, &window.filter);
  const std::uint64_t rows = search(request, cursor, max_rows);
  Rows::latest().hand_on(result, rows);
  SPI_finish();
  return static_cast<Datum>(0);
}
