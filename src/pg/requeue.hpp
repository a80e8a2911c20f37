// How a source puts failed deliveries back in line: an UPDATE of its mapped columns, or a function of its own.
#pragma once

#include <algorithm>

#include "pg.hpp"
#include "source.hpp"

namespace insights::pg {

// What to do where an UPDATE cannot.
constexpr const char *kNeedsFunction = "Register a function that does it: \"replay_function\" in the mapping.";

// Raises 22023 where the source's replay_status does not mean pending.
void check_replay_status(const Source &source);

// The function name(text[]) that is found under the name, quoted and qualified. It takes ids and returns those that it
// put back in line, as SETOF text or text[]. Raises 42883 where there is none, 42P13 where it returns anything else.
char *qualified_replay_function(const char *name);

// A column that a replay sets, and to what, as SQL.
struct Assignment {
  const char *column;
  Oid type;
  std::int32_t modifier;
  const char *value;
};

// What a replay sets; nothing where a function does it.
struct Requeue {
  Oid function;
  const char *word;  // the raw status
  Assignment assignments[4];
  int count;

  const Assignment *begin() const { return assignments; }
  const Assignment *end() const { return assignments + count; }
};

// Raises 55000, or what else is in the way, where the source's deliveries cannot be put back in line; of their rows it
// looks at none but for the word. Between SPI_connect and SPI_finish, as whoever runs the mapping.
Requeue require_replayable(const Source &source);

// All of these run between SPI_connect and SPI_finish, under pinned settings and with the caller's rights. `ids` is the
// text of an array.

// A row that is locked until the end of the transaction. An id may have several.
struct TakenRow {
  Text id, ctid;  // in SPI's memory; no ctid where that cannot be seen
  Oid table;
};

struct Taken {
  TakenRow *rows;
  int count;

  const TakenRow *begin() const { return rows; }
  const TakenRow *end() const { return rows + count; }
  // Forgets those whose id is none of these; they stay locked.
  template <typename Wanted>
  void keep(Wanted wanted) {
    count =
        static_cast<int>(std::remove_if(rows, rows + count, [&](const TakenRow &r) { return !wanted(r.id); }) - rows);
  }
};

// Locks those that are failed now and that no other transaction has locked. Raises 55000 where the source's deliveries
// cannot be updated.
Taken take_failed(const Source &source, const char *ids);

// The statement that puts deliveries back in line: an UPDATE of what was taken, which is all rows of these ids, or a
// call of the source's function, which returns the ids of those that it did. It runs in the caller's own settings, as
// what it sets off may need them; so it names nothing that a search_path could make another thing of: no expression of
// the mapping but plain columns. Raises 55000 where the source cannot do it.
const char *requeue_statement(const Source &source, const char *ids, const Taken &taken);

// After the UPDATE, whose rows are the latest: the ids of those that are not failed any more, as texts, which are then
// the latest rows. A trigger may have kept some.
void read_requeued();

}  // namespace insights::pg
