#include "query.hpp"

#include "catalog.hpp"
#include "source_expression.hpp"
#include "statement.hpp"

extern "C" {
#include "access/relation.h"
#include "utils/plancache.h"
#include "utils/typcache.h"
}

namespace insights::pg {

namespace {

void append_key(StringInfo query, const char *expression, bool missing_is_unknown) {
  const char *value = expression != nullptr ? psprintf("(%s)::text", expression) : "NULL::text";
  appendStringInfo(query, missing_is_unknown ? ", coalesce(%s, 'unknown')" : ", %s", value);
}

// How an expression is compared: by the equality of its type's own operator class, which no search_path chooses.
KeyComparison compared(const Source &source, const char *what, const char *expression) {
  Oid collation = InvalidOid;
  const Oid type = expression_type(&source, expression, &collation);
  const Oid equality = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
  if (!OidIsValid(equality)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("%ss of type %s cannot be compared", what, format_type_be(type)),
                    errhint("Map %s to an expression of another type, such as text.", what)));
  }
  // Texts of two collations that are put together have none by which they could be compared.
  const char *by_bytes = type_is_collatable(type) && !OidIsValid(collation) ? " COLLATE pg_catalog.\"C\"" : "";
  // With "type modifier given", since a plain "character" is character(1).
  return {psprintf("(%s)%s", expression, by_bytes), qualified_operator_name(equality),
          format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN)};
}

// AND the expression is the value. The literal takes the type of what it is compared with, be it uuid or integer, and
// so finds an index on it.
void append_equality(StringInfo query, const Source &source, const char *what, const char *expression,
                     const char *value) {
  const KeyComparison of = compared(source, what, expression);
  appendStringInfo(query, " AND %s %s %s", of.operand, of.equals, quote_literal_cstr(value));
}

void append_tenant(StringInfo query, const ScanRequest &request) {
  const char *tenant_id = request.source->field(Field::kTenantId);
  if (request.missing_is_unknown && std::strcmp(request.tenant, "unknown") == 0) {
    appendStringInfo(query, " AND coalesce((%s)::text, 'unknown') = 'unknown' COLLATE pg_catalog.\"C\"", tenant_id);
    return;
  }
  append_equality(query, *request.source, "tenant", tenant_id, request.tenant);
}

}  // namespace

Oid expression_type(const Source *source, const char *expression, Oid *collation) {
  SPIPlanPtr plan = prepare_statement(psprintf("SELECT %s FROM %s", expression, source->relation), 0, nullptr, 0);
  const auto *planned = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
  const Oid type = getBaseType(TupleDescAttr(planned->resultDesc, 0)->atttypid);
  if (collation != nullptr) *collation = TupleDescAttr(planned->resultDesc, 0)->attcollation;
  SPI_freeplan(plan);
  return type;
}

void append_created_at(StringInfo query, const Source &source) {
  const char *created_at = source.field(Field::kCreatedAt);
  if (source.time_zone != nullptr) {
    appendStringInfo(query, "(%s)::timestamp AT TIME ZONE %s", created_at, quote_literal_cstr(source.time_zone));
  } else {
    appendStringInfo(query, "(%s)::timestamptz", created_at);
  }
}

void append_time(StringInfo query, const Source &source, Field field) {
  const char *expression = source.field(field);
  const bool local =
      expression != nullptr && source.time_zone != nullptr && expression_type(&source, expression) == TIMESTAMPOID;
  if (local) expression = psprintf("(%s) AT TIME ZONE %s", expression, quote_literal_cstr(source.time_zone));
  append_as(query, expression, "timestamptz");
}

void append_as(StringInfo query, const char *expression, const char *type) {
  if (expression != nullptr) {
    appendStringInfo(query, ", (%s)::%s", expression, type);
  } else {
    appendStringInfo(query, ", NULL::%s", type);
  }
}

namespace {

// A list of literals.
class WordList {
 public:
  explicit WordList(StringInfo query) : query_(query) {}

  void add(Text word) {
    appendStringInfo(query_, "%s%s", separator_,
                     quote_literal_cstr(pnstrdup(word.data(), static_cast<Size>(word.size()))));
    separator_ = ", ";
  }

 private:
  StringInfo query_;
  const char *separator_ = "";
};

}  // namespace

void append_status_in(StringInfo query, const Source &source, const StatusSet &statuses) {
  const auto wanted = [&](StatusClass status) { return statuses[static_cast<std::size_t>(status)]; };
  // The usual words are ASCII, and not every locale makes an i of an I.
  appendStringInfo(query,
                   source.statuses.count > 0 ? "(%s)::pg_catalog.text COLLATE pg_catalog.\"C\""
                                             : "pg_catalog.lower((%s)::pg_catalog.text COLLATE pg_catalog.\"C\")",
                   source.field(Field::kStatus));
  appendStringInfoString(query, " OPERATOR(pg_catalog.=) ANY (ARRAY[");
  WordList words(query);
  for (int i = 0; i < source.statuses.count; ++i) {
    if (wanted(source.statuses.entries[i].status)) words.add(source.statuses.entries[i].raw);
  }
  if (source.statuses.count == 0) {
    for (const UsualWord &word : kUsualWords) {
      if (wanted(word.status)) words.add(word.text);
    }
  }
  appendStringInfoString(query, "]::pg_catalog.text[])");
}

void append_label_in(StringInfo query, const char *label, const LabelSet &labels) {
  const auto wanted = [&](LabelClass one) { return labels[static_cast<std::size_t>(one)]; };
  appendStringInfo(query, "CASE WHEN %s IS NULL THEN %s WHEN %s COLLATE pg_catalog.\"C\" IN (", label,
                   wanted(LabelClass::kNone) ? "true" : "false", label);
  WordList known(query);
  for (const LabelClass one : {LabelClass::kTransient, LabelClass::kPermanent, LabelClass::kRateLimited}) {
    known.add(label_name(one));
  }
  appendStringInfo(query, ") THEN %s COLLATE pg_catalog.\"C\" = ANY (ARRAY[", label);
  WordList words(query);
  for (const LabelClass one : {LabelClass::kTransient, LabelClass::kPermanent, LabelClass::kRateLimited}) {
    if (wanted(one)) words.add(label_name(one));
  }
  appendStringInfo(query, "]::text[]) ELSE %s END", wanted(LabelClass::kOther) ? "true" : "false");
}

KeyComparison id_comparison(const Source &source) {
  const Oid type = expression_type(&source, source.field(Field::kId));
  if (OidIsValid(get_element_type(type)) || type_is_rowtype(type)) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("ids of type %s cannot be given", format_type_be(type)),
             errhint("Map id to a text that is made of it.")));
  }
  return compared(source, "id", source.field(Field::kId));
}

void append_id_in(StringInfo query, const Source &source, const char *ids) {
  const KeyComparison id = id_comparison(source);
  appendStringInfo(query, "%s %s ANY (%s::%s[])", id.operand, id.equals, quote_literal_cstr(ids), id.type);
}

namespace {

// The type of a field, for which a plain column need not be parsed.
Oid field_type(const Source &source, Field field) {
  const char *expression = source.field(field);
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  const Form_pg_attribute column = column_of(relation, expression);
  const Oid type = column != nullptr ? getBaseType(column->atttypid) : InvalidOid;
  relation_close(relation, NoLock);
  return OidIsValid(type) ? type : expression_type(&source, expression);
}

// A number as int4. One that is none there, or no score, counts as missing: no row may end a report. Whole numbers that
// always fit stand as they are.
const char *number_expression(const Source &source, Field field) {
  const char *expression = source.field(field);
  if (field == Field::kTriageScore) {
    return psprintf("CASE WHEN (%s) BETWEEN 0 AND 100 THEN (%s)::int4 END", expression, expression);
  }
  switch (field_type(source, field)) {
    case INT8OID:
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID:
      return psprintf("CASE WHEN (%s) BETWEEN -2147483648 AND 2147483647 THEN (%s)::int4 END", expression, expression);
    default:
      return psprintf("(%s)::int4", expression);
  }
}

// A call of triage_label(). Where it may have failed by its status, that is told, too.
void append_triage(StringInfo query, const ScanRequest &request, bool may_have_failed) {
  const Source &source = *request.source;
  appendStringInfo(query, "%s.triage_label(", schema_name(request.schema));
  if (may_have_failed) {
    appendStringInfoString(query, "CASE WHEN ");
    append_status_in(query, source, kFailedStatuses);
    appendStringInfoString(query, " THEN 'failed' END");
  } else {
    appendStringInfoString(query, "NULL::text");
  }
  append_number(query, source, Field::kHttpStatus);
  append_as(query, source.field(Field::kError), "text");
  appendStringInfoChar(query, ')');
}

// What was delivered has no label, whatever its answer says. That of the failure before tells how often a retry helps.
void append_delivered_label(StringInfo query, const ScanRequest &request) {
  if (!request.past_labels || request.source->field(Field::kAttempts) == nullptr) {
    return appendStringInfoString(query, "NULL");
  }
  appendStringInfo(query, "CASE WHEN %s > 1 THEN '%s' || ", number_expression(*request.source, Field::kAttempts),
                   kPastLabel.data());
  append_triage(query, request, false);
  appendStringInfoString(query, " END");
}

}  // namespace

void append_number(StringInfo query, const Source &source, Field field) {
  if (source.field(field) == nullptr) return append_as(query, nullptr, "int4");
  appendStringInfo(query, ", %s", number_expression(source, field));
}

void append_label(StringInfo query, const ScanRequest &request) {
  const Source &source = *request.source;
  if (source.field(Field::kTriageLabel) != nullptr || !request.labels) {
    append_as(query, request.labels ? source.field(Field::kTriageLabel) : nullptr, "text");
    return;
  }
  appendStringInfoString(query, ", CASE WHEN ");
  append_status_in(query, source, request.failed_alike ? kSettledStatuses : kDeliveredStatuses);
  appendStringInfoString(query, " THEN ");
  append_delivered_label(query, request);
  appendStringInfoString(query, " ELSE ");
  append_triage(query, request, !request.failed_alike);
  appendStringInfoString(query, " END");
}

namespace {

// AND the field is missing, is the value, or nothing.
void append_field_filter(StringInfo query, const Source &source, const char *what, Field field, const char *value,
                         bool missing) {
  const char *expression = source.field(field);
  if (missing && expression != nullptr) appendStringInfo(query, " AND (%s) IS NULL", expression);
  if (value == nullptr) return;
  expression == nullptr ? appendStringInfoString(query, " AND false")
                        : append_equality(query, source, what, expression, value);
}

void append_filter(StringInfo query, const Source &source, const DeliveryFilter &filter) {
  append_field_filter(query, source, "tenant", Field::kTenantId, filter.tenant, filter.no_tenant);
  append_field_filter(query, source, "endpoint", Field::kEndpoint, filter.endpoint, filter.no_endpoint);
  if (filter.statuses) {
    appendStringInfoString(query, " AND ");
    append_status_in(query, source, *filter.statuses);
  }
  if (filter.ids != nullptr) {
    appendStringInfoString(query, " AND ");
    append_id_in(query, source, filter.ids);
  }
}

}  // namespace

void append_deliveries(StringInfo query, const ScanRequest &request) {
  const Source &source = *request.source;
  const char *created_at = source.field(Field::kCreatedAt);
  // The bounds stand on the raw column, so that its index or its partitions serve.
  appendStringInfo(query, " FROM %s WHERE (%s) > $1 AND (%s) <= $2", source.relation, created_at, created_at);
  if (source.filter != nullptr) appendStringInfo(query, " AND (%s)", source.filter);
  if (request.tenant != nullptr) append_tenant(query, request);
  if (request.endpoint != nullptr) {
    append_equality(query, source, "endpoint", source.field(Field::kEndpoint), request.endpoint);
  }
  if (request.filter != nullptr) append_filter(query, source, *request.filter);
}

namespace {

// The arguments of the aggregate behind the time.
void append_counted(StringInfo query, const ScanRequest &request) {
  const Source &source = *request.source;
  if (request.ungrouped) {
    appendStringInfoString(query, ", NULL, NULL");
  } else {
    append_key(query, source.field(Field::kTenantId), request.missing_is_unknown);
    append_key(query, source.field(Field::kEndpoint), request.missing_is_unknown);
  }
  append_as(query, source.field(Field::kStatus), "text");
  append_label(query, request);
  if (request.attempts) {
    append_number(query, source, Field::kAttempts);
    append_number(query, source, Field::kMaxAttempts);
  }
}

}  // namespace

char *rollup_query(const ScanRequest &request) {
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT %s.delivery_rollup_agg($3, ", schema_name(request.schema));
  append_created_at(&query, *request.source);
  append_counted(&query, request);
  appendStringInfoChar(&query, ')');
  append_deliveries(&query, request);
  return query.data;
}

}  // namespace insights::pg
