#include "needs.hpp"

#include "catalog.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "foreign/foreign.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "storage/lockdefs.h"
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

bool Needs::add(Oid catalog, Oid oid) {
  if (is_builtin(oid)) return false;
  const ListCell *cell = nullptr;
  foreach (cell, objects_) {
    const auto *known = static_cast<ObjectAddress *>(lfirst(cell));
    if (known->classId == catalog && known->objectId == oid) return false;
  }
  auto *object = static_cast<ObjectAddress *>(palloc(sizeof(ObjectAddress)));
  ObjectAddressSet(*object, catalog, oid);
  objects_ = lappend(objects_, object);
  return true;
}

void Needs::add_function(Oid function) {
  if (add(ProcedureRelationId, function) && get_func_prokind(function) == PROKIND_AGGREGATE) add_aggregate(function);
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

void Needs::add_type(Oid type) {
  if (!add(TypeRelationId, type)) return;
  const Oid element = get_element_type(type);
  if (OidIsValid(element)) add_type(element);
  const Oid base = getBaseType(type);
  if (base != type) add_type(base);
}

// What is checked when a value becomes one of the domain.
void Needs::add_domain(Oid type) {
  add_type(type);
  // It lives as long as its context, which lets go of it.
  auto *constraints = static_cast<DomainConstraintRef *>(palloc0(sizeof(DomainConstraintRef)));
  InitDomainConstraintRef(type, constraints, CurrentMemoryContext, false);
  const ListCell *cell = nullptr;
  foreach (cell, constraints->constraints) {
    walk(reinterpret_cast<Node *>(static_cast<DomainConstraintState *>(lfirst(cell))->check_expr), this);
  }
}

void Needs::add_collation(Oid collation) { add(CollationRelationId, collation); }

void Needs::add_relation(Oid relation) {
  if (!relations_ || !add(RelationRelationId, relation)) return;
  if (get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE) {
    add(ForeignServerRelationId, GetForeignTable(relation)->serverid);
  }
  if (!has_subclass(relation)) return;
  const ListCell *cell = nullptr;
  foreach (cell, find_inheritance_children(relation, AccessShareLock)) add_relation(lfirst_oid(cell));
}

void Needs::visit_types(Node *node) {
  switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Param:
    case T_FuncExpr:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_ConvertRowtypeExpr:
    case T_RowExpr:
    case T_FieldSelect:
    case T_MinMaxExpr:
      add_type(exprType(node));
      add_collation(exprCollation(node));
      break;
    case T_CoerceToDomain:
      add_domain(exprType(node));
      break;
    case T_CollateExpr:
      add_collation(reinterpret_cast<CollateExpr *>(node)->collOid);
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
  return self->visit(node) ? false : expression_tree_walker(node, AI_WALKER(walk), needs);
}

void Needs::add_query(Query *query) {
  query_tree_walker(query, AI_WALKER(walk), this, QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP);
}

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
    case ForeignServerRelationId:
      return GetForeignServer(object.objectId)->owner;
    default:
      return owner_of(object.objectId);
  }
}

const char *describe_object(const ObjectAddress &object) {
  const char *identity = getObjectIdentity(&object, true);
  return psprintf("%s %s", getObjectTypeDescription(&object, true), identity != nullptr ? identity : "that is gone");
}

}  // namespace insights::pg
