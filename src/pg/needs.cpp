#include "needs.hpp"

#include "catalog.hpp"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "foreign/foreign.h"
#include "nodes/nodeFuncs.h"
#include "nodes/readfuncs.h"
#include "storage/lockdefs.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace insights::pg {

namespace {

bool is_builtin(Oid oid) { return oid < FirstNormalObjectId; }

// What check_functions_in_node() calls for each function of a node.
bool collect_function(Oid function, void *needs) {
  static_cast<Needs *>(needs)->add_function(function);
  return false;
}

}  // namespace

Needs::Needs(bool relations) : relations_(relations) {
  HASHCTL keys = {};
  keys.keysize = keys.entrysize = sizeof(std::uint64_t);
  keys.hcxt = CurrentMemoryContext;
  known_ = hash_create("needs of a query", 16, &keys, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

bool Needs::add(Oid catalog, Oid oid) {
  if (is_builtin(oid)) return false;
  const std::uint64_t key = static_cast<std::uint64_t>(catalog) << 32 | oid;
  bool known = false;
  hash_search(known_, &key, HASH_ENTER, &known);
  if (known) return false;
  auto *object = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
  ObjectAddressSet(*object, catalog, oid);
  objects_ = lappend(objects_, object);
  return true;
}

void Needs::add_function(Oid function) {
  if (!add(ProcedureRelationId, function)) return;
  // The planner puts them in for arguments that are missing.
  add_stored(PROCOID, function, Anum_pg_proc_proargdefaults);
  if (get_func_prokind(function) == PROKIND_AGGREGATE) add_aggregate(function);
}

void Needs::add_aggregate(Oid aggregate) {
  HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
  if (!HeapTupleIsValid(tuple)) return;
  const FormData_pg_aggregate row = *reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
  ReleaseSysCache(tuple);
  for (const Oid function : {row.aggtransfn, row.aggfinalfn, row.aggcombinefn, row.aggserialfn, row.aggdeserialfn,
                             row.aggmtransfn, row.aggminvtransfn, row.aggmfinalfn}) {
    add_function(function);
  }
}

// The planner may put an operator's commutator or negator in its place.
void Needs::add_operator(Oid operator_oid) {
  for (const Oid one : {operator_oid, get_commutator(operator_oid), get_negator(operator_oid)}) {
    if (OidIsValid(one) && add(OperatorRelationId, one)) add_function(get_opcode(one));
  }
}

void Needs::add_equality(Oid type) {
  if (!is_builtin(type)) add_operator(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
}

// A cast has no owner of its own, but that of a type of its.
void Needs::add_cast(Node *from, Oid to) { add(CastRelationId, get_cast_oid(exprType(from), to, true)); }

// What values of it are made of, and what is checked when a value becomes one of it.
void Needs::add_type(Oid type) {
  if (!OidIsValid(type) || !add(TypeRelationId, type)) return;
  for (const Oid part :
       {get_element_type(type), domain_base(type), get_range_subtype(type), get_multirange_range(type)})
    add_type(part);
  if (OidIsValid(get_typ_typrelid(type))) add_columns(type);
  add_constraints(ConstraintTypidIndexId, Anum_pg_constraint_contypid, type);
}

void Needs::add_columns(Oid row_type) {
  const TupleDesc columns = lookup_rowtype_tupdesc_copy(row_type, -1);
  for (int i = 0; i < columns->natts; ++i) add_type(TupleDescAttr(columns, i)->atttypid);
}

// An expression as a catalog has it. The relation cache has it, too, but simplified, which runs functions.
void Needs::add_stored(int cache, Oid key, AttrNumber column) {
  HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(key));
  if (!HeapTupleIsValid(tuple)) return;
  bool null = false;
  const Datum expression = SysCacheGetAttr(cache, tuple, column, &null);
  if (!null) walk(static_cast<Node *>(stringToNode(TextDatumGetCString(expression))), this);
  ReleaseSysCache(tuple);
}

// The CHECK constraints of a domain or a relation.
void Needs::add_constraints(Oid index, AttrNumber column, Oid of) {
  ScanKeyData key;
  ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(of));
  Relation constraints = table_open(ConstraintRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(constraints, index, true, nullptr, 1, &key);
  while (HeapTuple tuple = systable_getnext(scan)) {
    bool null = false;
    const Datum check = heap_getattr(tuple, Anum_pg_constraint_conbin, RelationGetDescr(constraints), &null);
    if (!null) walk(static_cast<Node *>(stringToNode(TextDatumGetCString(check))), this);
  }
  systable_endscan(scan);
  table_close(constraints, AccessShareLock);
}

void Needs::add_collation(Oid collation) { add(CollationRelationId, collation); }

void Needs::add_relation(Oid relation) {
  if (!relations_ || !add(RelationRelationId, relation)) return;
  add_server(relation);
  add_planned(relation);
  if (!has_subclass(relation)) return;
  // Neither locked nor opened: there may be thousands, of which the scan needs a few.
  const ListCell *cell = nullptr;
  foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
    if (add(RelationRelationId, lfirst_oid(cell))) add_server(lfirst_oid(cell));
  }
}

void Needs::add_server(Oid relation) {
  if (get_rel_relkind(relation) != RELKIND_FOREIGN_TABLE) return;
  add(ForeignServerRelationId, GetForeignTable(relation)->serverid);
}

// What the planner looks at of a relation, and may run: of its indexes, statistics, constraints and partitions.
void Needs::add_planned(Oid oid) {
  Relation relation = try_relation_open(oid, AccessShareLock);
  if (relation == nullptr) return;
  const ListCell *cell = nullptr;
  foreach (cell, RelationGetIndexList(relation)) {
    add_stored(INDEXRELID, lfirst_oid(cell), Anum_pg_index_indexprs);
    add_stored(INDEXRELID, lfirst_oid(cell), Anum_pg_index_indpred);
  }
  foreach (cell, RelationGetStatExtList(relation))
    add_stored(STATEXTOID, lfirst_oid(cell), Anum_pg_statistic_ext_stxexprs);
  relation_close(relation, NoLock);
  add_constraints(ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, oid);
  add_stored(PARTRELID, oid, Anum_pg_partitioned_table_partexprs);
}

void Needs::visit_types(Node *node) {
  switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Param:
    case T_FuncExpr:
    case T_OpExpr:
    case T_Aggref:
    case T_WindowFunc:
    case T_SubscriptingRef:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_ConvertRowtypeExpr:
    case T_RowExpr:
    case T_FieldSelect:
    case T_MinMaxExpr:
    case T_CoerceToDomain:
#if PG_VERSION_NUM >= 170000
    case T_JsonExpr:
#endif
      add_type(exprType(node));
      add_collation(exprCollation(node));
      break;
    case T_CollateExpr:
      add_collation(reinterpret_cast<CollateExpr *>(node)->collOid);
      break;
    // What makes rows converts to the types of its columns, whether they are asked for or not.
    case T_RangeTblFunction:
      add_types(reinterpret_cast<RangeTblFunction *>(node)->funccoltypes);
      break;
    case T_TableFunc:
      add_types(reinterpret_cast<TableFunc *>(node)->coltypes);
      break;
    default:
      break;
  }
}

void Needs::add_types(const List *types) {
  const ListCell *cell = nullptr;
  foreach (cell, types) add_type(lfirst_oid(cell));
}

void Needs::visit_cast(Node *node) {
  switch (nodeTag(node)) {
    case T_FuncExpr: {
      const auto *call = reinterpret_cast<FuncExpr *>(node);
      const bool cast = call->funcformat == COERCE_EXPLICIT_CAST || call->funcformat == COERCE_IMPLICIT_CAST;
      if (cast && call->args != NIL) add_cast(static_cast<Node *>(linitial(call->args)), call->funcresulttype);
      break;
    }
    case T_RelabelType:
      add_cast(reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(node)->arg), exprType(node));
      break;
    case T_CoerceViaIO:
      add_cast(reinterpret_cast<Node *>(reinterpret_cast<CoerceViaIO *>(node)->arg), exprType(node));
      break;
    default:
      break;
  }
}

// What is more than functions and types. Returns whether what lies below has been walked.
bool Needs::visit(Node *node) {
  switch (nodeTag(node)) {
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
      add_operator(reinterpret_cast<OpExpr *>(node)->opno);
      return false;
    case T_ScalarArrayOpExpr:
      add_operator(reinterpret_cast<ScalarArrayOpExpr *>(node)->opno);
      return false;
    case T_RowCompareExpr: {
      const ListCell *cell = nullptr;
      foreach (cell, reinterpret_cast<RowCompareExpr *>(node)->opnos) add_operator(lfirst_oid(cell));
      return false;
    }
    case T_SortGroupClause: {
      const auto *clause = reinterpret_cast<SortGroupClause *>(node);
      add_operator(clause->eqop);
      if (OidIsValid(clause->sortop)) add_operator(clause->sortop);
      return true;  // nothing lies below, and the walker does not know it
    }
    case T_SetOperationStmt:
      walk(reinterpret_cast<Node *>(reinterpret_cast<SetOperationStmt *>(node)->groupClauses), this);
      return false;
    case T_TableSampleClause:
      add_function(reinterpret_cast<TableSampleClause *>(node)->tsmhandler);
      return false;
    case T_RangeTblEntry:
      if (OidIsValid(reinterpret_cast<RangeTblEntry *>(node)->relid)) {
        add_relation(reinterpret_cast<RangeTblEntry *>(node)->relid);
      }
      return true;  // query_tree_walker() goes on below it
    case T_Query:
      add_query(reinterpret_cast<Query *>(node));
      return true;
    default:
      return false;
  }
}

bool Needs::walk(Node *node, void *needs) {
  if (node == nullptr) return false;
  auto *self = static_cast<Needs *>(needs);
  check_functions_in_node(node, collect_function, needs);
  self->visit_types(node);
  self->visit_cast(node);
  return self->visit(node) ? false : expression_tree_walker(node, AI_WALKER(walk), needs);
}

void Needs::add_query(Query *query) {
  query_tree_walker(query, AI_WALKER(walk), this, QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
}

namespace {

// What is to be known of a cast.
struct Cast {
  Oid source, target, function;
};

Cast cast_of(Oid oid) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_cast_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
  Relation casts = table_open(CastRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(casts, CastOidIndexId, true, nullptr, 1, &key);
  Cast cast = {};
  if (HeapTuple tuple = systable_getnext(scan)) {
    const auto *row = reinterpret_cast<Form_pg_cast>(GETSTRUCT(tuple));
    cast = {row->castsource, row->casttarget, row->castfunc};
  }
  systable_endscan(scan);
  table_close(casts, AccessShareLock);
  return cast;
}

}  // namespace

Oid owner_of_object(const ObjectAddress &object) {
  switch (object.classId) {
    case ProcedureRelationId:
      return function_owner(object.objectId);
    case OperatorRelationId:
      return operator_owner(object.objectId);
    case TypeRelationId:
      return type_owner(object.objectId);
    case CollationRelationId:
      return collation_owner(object.objectId);
    case CastRelationId: {
      const Cast cast = cast_of(object.objectId);
      return type_owner(is_builtin(cast.source) ? cast.target : cast.source);
    }
    case ForeignServerRelationId:
      return GetForeignServer(object.objectId)->owner;
    default:
      return owner_of(object.objectId);
  }
}

const char *describe_object(const ObjectAddress &object) {
  const char *identity = getObjectIdentity(&object, true);
  const char *what =
      psprintf("%s %s", getObjectTypeDescription(&object, true), identity != nullptr ? identity : "that is gone");
  // Its function may be another one that is built in.
  const Oid function = object.classId == CastRelationId ? cast_of(object.objectId).function : InvalidOid;
  return OidIsValid(function) ? psprintf("%s with %s", what, format_procedure_qualified(function)) : what;
}

}  // namespace insights::pg
