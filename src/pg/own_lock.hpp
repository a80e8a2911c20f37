// Locks of our own, until the end of the transaction, on a table of ours and a number. They are advisory locks of a
// class that SQL's functions cannot take, so that nobody can keep us waiting by them.
#pragma once

#include "pg.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace insights::pg {

void take_own_lock(Oid table, std::uint32_t number);

// False where another session has it.
bool try_own_lock(Oid table, std::uint32_t number);

// Waits for it; false where another session has it for longer than lock_timeout.
bool wait_for_own_lock(Oid table, std::uint32_t number);

// Keeps one that the transaction has, until let_go_own_lock() or the end of the process; in a background worker, which
// goes on after its transactions.
void keep_own_lock(const LOCKTAG &tag);
void let_go_own_lock(const LOCKTAG &tag);

LOCKTAG own_lock_tag(Oid table, std::uint32_t number);

}  // namespace insights::pg
