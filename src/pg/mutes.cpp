// anomaly_mute and anomaly_unmute.
#include <algorithm>

#include "actor.hpp"
#include "arguments.hpp"
#include "catalog.hpp"
#include "guard.hpp"
#include "incident_lock.hpp"
#include "local_time.hpp"
#include "role.hpp"
#include "rollup_type.hpp"
#include "source.hpp"
#include "statement.hpp"
#include "tenants.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/date.h"
}

namespace insights::pg {

namespace {

// The arguments of anomaly_mute, by number.
enum MuteArgument : int {
  kTenant,
  kEndpoint,
  kStartsAt,
  kEndsAt,
  kReason,
  kSeverityCap,
  kSource,
  kDays,
  kFromTime,
  kToTime,
  kTimeZone,
  kEverything
};

[[noreturn]] void refuse(const char *message, const char *hint) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
  pg_unreachable();
}

// A mute that names nothing is of all incidents: nobody gets that by leaving something out.
void check_scope(FunctionCallInfo fcinfo) {
  const bool everything = flag_argument(fcinfo, kEverything, "everything");
  const bool named = !PG_ARGISNULL(kTenant) || !PG_ARGISNULL(kEndpoint) || !PG_ARGISNULL(kSource);
  if (!everything && !named) {
    refuse("a mute without tenant, endpoint and source is of everything",
           "Name one of them, or give everything => true.");
  }
  if (everything && named) {
    refuse("a mute of everything names no tenant, endpoint or source",
           "Give either everything => true or what to mute.");
  }
}

// Weekly, all four or none of days, from_time, to_time, time_zone.
void check_week(FunctionCallInfo fcinfo) {
  int given = 0;
  for (const int number : {kDays, kFromTime, kToTime, kTimeZone}) given += PG_ARGISNULL(number) ? 0 : 1;
  if (given == 0) return;
  if (given < 4) {
    refuse("a weekly mute needs all of days, from_time, to_time and time_zone",
           "For instance days => '{6,7}', from_time => '00:00', to_time => '24:00', time_zone => 'Europe/Berlin'.");
  }
  ArrayType *days = PG_GETARG_ARRAYTYPE_P(kDays);
  Datum *values = nullptr;
  bool *nulls = nullptr;
  int count = 0;
  deconstruct_array(days, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &count);
  if (count == 0) refuse("days must not be empty", "Days are 1 (Monday) to 7 (Sunday).");
  for (int i = 0; i < count; ++i) {
    if (nulls[i] || DatumGetInt32(values[i]) < 1 || DatumGetInt32(values[i]) > 7) {
      refuse(nulls[i] ? "a day must not be NULL" : psprintf("there is no day %d", DatumGetInt32(values[i])),
             "Days are 1 (Monday) to 7 (Sunday).");
    }
  }
  SPI_connect();
  require_time_zone(text_or_null(fcinfo, kTimeZone));
  SPI_finish();
}

void check_severity_cap(const char *cap) {
  if (cap == nullptr || std::strcmp(cap, "warning") == 0 || std::strcmp(cap, "critical") == 0) return;
  refuse(psprintf("severity_cap \"%s\" is no severity", cap),
         "Give \"warning\" to be notified of critical incidents nevertheless, or NULL to mute all.");
}

Timestamp start_argument(FunctionCallInfo fcinfo) { return timestamp_argument(fcinfo, kStartsAt, "starts_at"); }

std::optional<Timestamp> end_argument(FunctionCallInfo fcinfo, Timestamp start) {
  if (PG_ARGISNULL(kEndsAt)) return std::nullopt;
  const Timestamp end = timestamp_argument(fcinfo, kEndsAt, "ends_at");
  if (end <= start) {
    refuse(psprintf("ends_at must be after starts_at, not \"%s\"", timestamptz_to_str(end)),
           "Give a later time, or NULL for a mute that anomaly_unmute ends.");
  }
  return end;
}

void put_argument(Parameters &parameters, FunctionCallInfo fcinfo, int number, Oid type) {
  PG_ARGISNULL(number) ? parameters.null(type) : parameters.put(type, PG_GETARG_DATUM(number));
}

bool holds(Datum tenants, Text tenant) {
  Datum *values = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(tenants), TEXTOID, -1, false, TYPALIGN_INT, &values, nullptr, &count);
  return std::any_of(values, values + count, [&](Datum value) { return text_of(DatumGetTextPP(value)) == tenant; });
}

// Who is restricted to tenants mutes no other's incidents, and so not those of any.
void require_own_tenant(Oid schema, const char *tenant) {
  const Datum tenants = tenants_of(schema, GetUserId());
  if (tenants == static_cast<Datum>(0) || (tenant != nullptr && holds(tenants, tenant))) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  tenant == nullptr ? errmsg("a role that is restricted to tenants cannot mute any tenant")
                                    : errmsg("permission denied for tenant \"%s\"", tenant),
                  errhint("Give tenant, one of those of SELECT %s.insights_tenants().", schema_name(schema))));
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// anomaly_mute(tenant, endpoint, starts_at, ends_at, reason, severity_cap, source, days, from_time, to_time, time_zone,
// everything) -> id
ANOMALY_INSIGHTS_FUNCTION(ai_anomaly_mute) {
  const Oid schema = extension_schema(fcinfo);
  check_scope(fcinfo);
  const Timestamp start = start_argument(fcinfo);
  const std::optional<Timestamp> end = end_argument(fcinfo, start);
  check_severity_cap(text_or_null(fcinfo, kSeverityCap));
  check_week(fcinfo);
  if (const char *source = text_or_null(fcinfo, kSource)) find_source(schema, source);
  require_own_tenant(schema, text_or_null(fcinfo, kTenant));
  Parameters parameters;
  for (const int number : {kSource, kTenant, kEndpoint, kSeverityCap}) {
    put_argument(parameters, fcinfo, number, TEXTOID);
  }
  parameters.time(start);
  parameters.time(end);
  put_argument(parameters, fcinfo, kDays, INT4ARRAYOID);
  put_argument(parameters, fcinfo, kFromTime, TIMEOID);
  put_argument(parameters, fcinfo, kToTime, TIMEOID);
  put_argument(parameters, fcinfo, kTimeZone, TEXTOID);
  put_argument(parameters, fcinfo, kReason, TEXTOID);
  parameters.text(session_user_name());
  parameters.text(actor_or_null());
  SPI_connect();
  const Identity caller = become(owner_of(own_table(schema, "anomaly_mutes")));
  parameters.run(
      own_statement(schema,
                    "INSERT INTO @.anomaly_mutes (source, tenant_id, endpoint, severity_cap, starts_at, ends_at, "
                    "days, from_time, to_time, time_zone, reason, created_by, actor) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id"),
      SPI_OK_INSERT_RETURNING);
  const std::int64_t id = Columns(0).bigint();
  become(caller);
  SPI_finish();
  PG_RETURN_INT64(id);
}

// anomaly_unmute(id, at). One that has not begun never will.
ANOMALY_INSIGHTS_FUNCTION(ai_anomaly_unmute) {
  if (PG_ARGISNULL(0)) ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("id must not be NULL")));
  const std::int64_t id = PG_GETARG_INT64(0);
  const Oid schema = extension_schema(fcinfo);
  Parameters parameters;
  parameters.bigint(id);
  parameters.time(past_argument(fcinfo, 1, "at"));
  put_tenants(parameters, tenants_of(schema, GetUserId()));
  SPI_connect();
  const Identity caller = become(owner_of(own_table(schema, "anomaly_mutes")));
  const std::uint64_t rows = parameters.run(
      own_statement(schema,
                    "UPDATE @.anomaly_mutes SET ends_at = CASE WHEN ends_at <= $2 THEN ends_at "
                    "ELSE greatest(starts_at, $2) END WHERE id = $1 AND ($3 IS NULL OR tenant_id = ANY ($3))"),
      SPI_OK_UPDATE);
  if (rows == 0) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no mute " INT64_FORMAT, id),
                    errhint("See table %s.anomaly_mutes.", schema_name(schema))));
  }
  become(caller);
  SPI_finish();
  PG_RETURN_VOID();
}
