#include "source.hpp"

#include "catalog.hpp"
#include "rows.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"
}

namespace insights::pg {

namespace {

// Columns of delivery_sources, in the order of the install script.
enum SourceColumn : int {
  kName = 1,
  kRelation,
  kMapping,
  kRegisteredBy,
  kRegisteredAt,
  kOwnerName,
  kOwnerOid,
  kSystemIdentifier,
  kRelationKind,
  kCreatedAtType,
  kNeeds
};

// As what reports take them.
constexpr const char *kReportedTypes[kFieldCount] = {"text", "timestamptz", "timestamptz", "text", "text",
                                                     "text", "text",        "text",        "int4", "int4",
                                                     "int4", "timestamptz", "int4",        "text"};

constexpr const char *kFieldNames[kFieldCount] = {
    "id",           "created_at",   "updated_at", "tenant_id",    "endpoint",      "event_type",  "status",
    "triage_label", "triage_score", "attempts",   "max_attempts", "next_retry_at", "http_status", "error"};

char *jsonb_text(JsonbContainer *object, const char *key) {
  JsonbValue value;
  if (getKeyJsonValueFromContainer(object, key, static_cast<int>(std::strlen(key)), &value) == nullptr ||
      value.type != jbvString) {
    return nullptr;
  }
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

// Whoever owns delivery_sources may have changed it.
[[noreturn]] void refuse_row() {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("table delivery_sources of anomaly_insights is not as it was made"),
                  errhint("Register the sources again after creating the extension again.")));
  pg_unreachable();
}

Source *read_source(HeapTuple tuple, TupleDesc descriptor, Oid schema) {
  auto *source = static_cast<Source *>(palloc0(sizeof(Source)));
  const auto column = [&](SourceColumn number, Oid type = TEXTOID) {
    bool null = false;
    require_column(descriptor, number, type);
    const Datum value = heap_getattr(tuple, number, descriptor, &null);
    if (null) refuse_row();
    return value;
  };
  source->schema = schema;
  source->name = TextDatumGetCString(column(kName));
  source->relation = TextDatumGetCString(column(kRelation));
  source->registered_by = TextDatumGetCString(column(kRegisteredBy));
  source->registered_at = DatumGetTimestampTz(column(kRegisteredAt, TIMESTAMPTZOID));
  Binding &binding = source->binding;
  binding.owner = {TextDatumGetCString(column(kOwnerName)), DatumGetObjectId(column(kOwnerOid, OIDOID))};
  binding.system_identifier = static_cast<std::uint64_t>(DatumGetInt64(column(kSystemIdentifier, INT8OID)));
  binding.relation_kind = TextDatumGetCString(column(kRelationKind));
  binding.created_at_type = TextDatumGetCString(column(kCreatedAtType));
  read_needs(&DatumGetJsonbPCopy(column(kNeeds, JSONBOID))->root, &binding);

  JsonbContainer *mapping = &DatumGetJsonbPCopy(column(kMapping, JSONBOID))->root;
  for (int i = 0; i < kFieldCount; ++i) source->fields[i] = jsonb_text(mapping, kFieldNames[i]);
  source->filter = jsonb_text(mapping, "where");
  source->time_zone = jsonb_text(mapping, "time_zone");
  source->replay_status = jsonb_text(mapping, "replay_status");
  source->replay_function = jsonb_text(mapping, "replay_function");
  JsonbValue statuses;
  if (getKeyJsonValueFromContainer(mapping, "statuses", 8, &statuses) != nullptr && statuses.type == jbvBinary) {
    source->statuses = read_statuses(statuses.val.binary.data);
  }
  if (source->field(Field::kCreatedAt) == nullptr || source->field(Field::kEndpoint) == nullptr ||
      source->field(Field::kStatus) == nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("delivery source \"%s\" has no usable mapping", source->name), errhint("Register it again.")));
  }
  return source;
}

int by_name(const ListCell *a, const ListCell *b) {
  return std::strcmp(static_cast<Source *>(lfirst(a))->name, static_cast<Source *>(lfirst(b))->name);
}

const char *quoted_names(const List *sources) {
  StringInfoData names;
  initStringInfo(&names);
  const ListCell *cell = nullptr;
  foreach (cell, sources) {
    appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", static_cast<Source *>(lfirst(cell))->name);
  }
  return names.data;
}

[[noreturn]] void no_such_source(Oid schema, const char *name, const List *sources) {
  if (sources == NIL) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT),
             name == nullptr ? errmsg("no delivery source is registered")
                             : errmsg("delivery source \"%s\" does not exist", name),
             errhint("Register one: SELECT %s.delivery_source_register('my_deliveries');", schema_name(schema))));
  }
  if (name == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
                    errmsg("%d delivery sources are registered, so source must name one", list_length(sources)),
                    errhint("They are %s.", quoted_names(sources))));
  }
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("delivery source \"%s\" does not exist", name),
                  errhint("Registered are %s.", quoted_names(sources))));
  pg_unreachable();
}

}  // namespace

const char *field_name(Field field) { return kFieldNames[static_cast<int>(field)]; }

const char *reported_type(Field field) { return kReportedTypes[static_cast<int>(field)]; }

List *all_sources(Oid schema) {
  List *sources = NIL;
  Relation relation = open_own_table(schema, "delivery_sources", AccessShareLock);
  Snapshot snapshot = RegisterSnapshot(GetActiveSnapshot());
  SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    sources = lappend(sources, read_source(tuple, RelationGetDescr(relation), schema));
  }
  systable_endscan(scan);
  UnregisterSnapshot(snapshot);
  relation_close(relation, NoLock);
  list_sort(sources, by_name);
  return sources;
}

namespace {

constexpr const char *kDefaultSource = "default";

Source *find_by_name(const List *sources, const char *name) {
  const ListCell *cell = nullptr;
  foreach (cell, sources) {
    auto *source = static_cast<Source *>(lfirst(cell));
    if (std::strcmp(source->name, name) == 0) return source;
  }
  return nullptr;
}

}  // namespace

Source *find_source_if_exists(Oid schema, const char *name) { return find_by_name(all_sources(schema), name); }

Source *find_source(Oid schema, const char *name) {
  const List *sources = all_sources(schema);
  if (name == nullptr && list_length(sources) == 1) return static_cast<Source *>(linitial(sources));
  Source *source = find_by_name(sources, name == nullptr ? kDefaultSource : name);
  if (source == nullptr) no_such_source(schema, name, sources);
  return source;
}

Oid source_relation(const Source *source, LOCKMODE lock) {
  List *names = textToQualifiedNameList(cstring_to_text(source->relation));
  return RangeVarGetRelid(makeRangeVarFromNameList(names), lock, true);
}

Oid require_source_relation(const Source *source, LOCKMODE lock) {
  const Oid relation = source_relation(source, lock);
  if (!OidIsValid(relation)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                    errmsg("relation %s of delivery source \"%s\" does not exist", source->relation, source->name),
                    errhint("Register the source again with the relation's new name, or drop it with "
                            "delivery_source_drop('%s').",
                            source->name)));
  }
  return relation;
}

}  // namespace insights::pg
