// What a query calls, compares by and reads that PostgreSQL does not bring along: whoever owns it can change what the
// query does.
#pragma once

#include "pg.hpp"

extern "C" {
#include "catalog/objectaddress.h"
#include "nodes/parsenodes.h"
#include "utils/hsearch.h"
}

namespace insights::pg {

// Functions, operators with their functions, casts, types, collations, relations with their partitions, and the servers
// of foreign tables: each once, in the order in which they were met. Of functions also what their defaults need, of
// types what they are made of and what their constraints need, of aggregates their support functions, of relations what
// the planner looks at. Relations only where `relations` says so.
class Needs {
 public:
  explicit Needs(bool relations);

  // All of an analysed or rewritten query, what lies below its views included where it is rewritten.
  void add_query(Query *query);
  // The operator by which a type's values are equal, if it has one.
  void add_equality(Oid type);
  void add_function(Oid function);

  // ObjectAddress pointers.
  const List *objects() const { return objects_; }

 private:
  static bool walk(Node *node, void *needs);
  bool visit(Node *node);
  void visit_types(Node *node);
  void visit_cast(Node *node);
  bool add(Oid catalog, Oid oid);  // whether it is new
  void add_operator(Oid operator_oid);
  void add_aggregate(Oid aggregate);
  void add_type(Oid type);
  void add_types(const List *types);
  void add_columns(Oid row_type);
  void add_cast(Node *from, Oid to);
  void add_stored(int cache, Oid key, AttrNumber column);
  void add_constraints(Oid index, AttrNumber column, Oid of);
  void add_collation(Oid collation);
  void add_relation(Oid relation);
  void add_planned(Oid relation);
  void add_server(Oid relation);

  bool relations_;
  HTAB *known_;
  List *objects_ = NIL;
};

// The role that owns an object. Raises 55000 where it is gone.
Oid owner_of_object(const ObjectAddress &object);

// What it is, as "function schema.name(type)".
const char *describe_object(const ObjectAddress &object);

}  // namespace insights::pg
