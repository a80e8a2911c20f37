#include "replay_trial.hpp"

#include "catalog.hpp"
#include "source_expression.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"

extern "C" {
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
}

namespace insights::pg {

namespace {

struct Trial {
  const Source &source;
  const Requeue &requeue;
  const char *rows;
  int most;
  bool uncertain;
  List *found;
};

const Assignment *find_assignment(const Requeue &requeue, const char *column) {
  for (const Assignment &one : requeue) {
    if (std::strcmp(one.column, column) == 0) return &one;
  }
  return nullptr;
}

// The columns that something looks at, as the replay leaves them; null where it looks at none that is set, or at what
// is made of others.
const char *columns_after(const Trial &trial, Relation table, Node *node) {
  StringInfoData columns;
  initStringInfo(&columns);
  appendStringInfoString(&columns, trial.source.field(Field::kId));
  Bitmapset *attributes = nullptr;
  pull_varattnos(node, 1, &attributes);
  bool set = false;
  for (int member = -1; (member = bms_next_member(attributes, member)) >= 0;) {
    const int number = member + FirstLowInvalidHeapAttributeNumber;
    if (number <= 0) return nullptr;  // a whole row, or a column of the system's
    const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
    if (column->attgenerated != '\0') return nullptr;
    const char *name = quote_identifier(NameStr(column->attname));
    const Assignment *assignment = find_assignment(trial.requeue, NameStr(column->attname));
    set = set || assignment != nullptr;
    if (assignment != nullptr) {
      appendStringInfo(&columns, ", CAST(%s AS %s) AS %s", assignment->value,
                       format_type_with_typemod(assignment->type, assignment->modifier), name);
    } else if (std::strcmp(name, trial.source.field(Field::kId)) != 0) {
      appendStringInfo(&columns, ", %s", name);
    }
  }
  return set ? columns.data : nullptr;
}

void note(Trial *trial, Text id, const char *why) {
  auto *forbidden = static_cast<Forbidden *>(palloc(sizeof(Forbidden)));
  *forbidden = {pnstrdup(id.data(), id.size()), why, trial->uncertain};
  trial->found = lappend(trial->found, forbidden);
}

// Of rows of one table, or of all.
void try_constraint(Trial *trial, Relation table, const ConstrCheck &constraint, Oid only) {
  auto *condition = static_cast<Node *>(stringToNode(constraint.ccbin));
  const char *columns = columns_after(*trial, table, condition);
  if (columns == nullptr || contain_volatile_functions(condition)) return;
  StringInfoData query;
  initStringInfo(&query);
  appendStringInfo(&query, "SELECT (%s)::text FROM (SELECT %s%s", trial->source.field(Field::kId), columns,
                   trial->rows);
  if (OidIsValid(only)) appendStringInfo(&query, " AND tableoid = %u", only);
  appendStringInfo(&query, ") AS deliveries WHERE NOT (%s) AND (%s) IS NOT NULL LIMIT %d", deparse(table, condition),
                   trial->source.field(Field::kId), trial->most);
  (void)in_subtransaction([&] {
    run_statement(query.data, SPI_OK_SELECT, true);
    const Rows rows = Rows::latest();
    const char *why =
        psprintf("constraint \"%s\" of %s forbids it", constraint.ccname, relation_name(RelationGetRelid(table)));
    for (std::uint64_t i = 0; i < rows.count(); ++i) note(trial, Columns(i, rows).text(), why);
    rows.free();
  });
}

// Whether rows are held to it, and those of the tables below, too.
bool is_enforced([[maybe_unused]] const ConstrCheck &constraint) {
#if PG_VERSION_NUM >= 180000
  return constraint.ccenforced;
#else
  return true;
#endif
}

bool has_inherited(Relation parent, const char *name) {
  const TupleConstr *constraints = RelationGetDescr(parent)->constr;
  for (int i = 0; constraints != nullptr && i < constraints->num_check; ++i) {
    const ConstrCheck &one = constraints->check[i];
    if (!one.ccnoinherit && std::strcmp(one.ccname, name) == 0) return true;
  }
  return false;
}

bool fires_before(Relation table) { return table->trigdesc != nullptr && table->trigdesc->trig_update_before_row; }

// Whether a replay may move rows of a partition to another one.
bool may_lose_rows(const Trial &trial, Relation partition) {
  auto *bounds = reinterpret_cast<Node *>(RelationGetPartitionQual(partition));
  return bounds != nullptr && columns_after(trial, partition, bounds) != nullptr;
}

// The constraints of a table below the source's that are not that one's.
void try_below(Trial *trial, Relation relation, Relation table) {
  const TupleConstr *constraints = RelationGetDescr(table)->constr;
  if (constraints == nullptr || table->rd_rel->relkind != RELKIND_RELATION || may_lose_rows(*trial, table)) return;
  for (int i = 0; i < constraints->num_check; ++i) {
    const ConstrCheck &one = constraints->check[i];
    if (is_enforced(one) && !has_inherited(relation, one.ccname))
      try_constraint(trial, table, one, RelationGetRelid(table));
  }
}

void try_own(Trial *trial, Relation relation) {
  const TupleConstr *constraints = RelationGetDescr(relation)->constr;
  for (int i = 0; constraints != nullptr && i < constraints->num_check; ++i) {
    const ConstrCheck &one = constraints->check[i];
    if (is_enforced(one))
      try_constraint(trial, relation, one, one.ccnoinherit ? RelationGetRelid(relation) : InvalidOid);
  }
}

// The tables below the source's that have such rows, open.
List *tables_below(const Trial &trial, Relation relation) {
  List *tables = NIL;
  if (!has_subclass(RelationGetRelid(relation))) return NIL;
  (void)in_subtransaction([&] {
    run_statement(psprintf("SELECT DISTINCT tableoid%s", trial.rows), SPI_OK_SELECT, true);
    const Rows rows = Rows::latest();
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
      const Oid table = Columns(i, rows).oid();
      if (table != RelationGetRelid(relation)) tables = lappend_oid(tables, table);
    }
    rows.free();
  });
  ListCell *cell = nullptr;
  foreach (cell, tables) lfirst(cell) = relation_open(lfirst_oid(cell), AccessShareLock);
  return tables;
}

}  // namespace

List *find_forbidden(const Source &source, const Requeue &requeue, const char *rows, int most) {
  Trial trial = {source, requeue, rows, most, false, NIL};
  Relation relation = relation_open(require_source_relation(&source, AccessShareLock), NoLock);
  const char kind = relation->rd_rel->relkind;
  if (requeue.count > 0 && (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE)) {
    List *below = tables_below(trial, relation);
    const ListCell *cell = nullptr;
    trial.uncertain = fires_before(relation);
    foreach (cell, below) trial.uncertain = trial.uncertain || fires_before(static_cast<Relation>(lfirst(cell)));
    try_own(&trial, relation);
    foreach (cell, below) {
      try_below(&trial, relation, static_cast<Relation>(lfirst(cell)));
      relation_close(static_cast<Relation>(lfirst(cell)), NoLock);
    }
  }
  relation_close(relation, NoLock);
  return trial.found;
}

}  // namespace insights::pg
