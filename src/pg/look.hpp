// Looking at what a source has by way of its own code.
#pragma once

#include "role.hpp"
#include "source.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace insights::pg {

// A superuser looks as who owns the relation, as the worker does: it is that one's code that runs.
template <typename Look>
auto look_safely(const Source &source, Look look) {
  if (!superuser()) return look();
  const Identity caller = become_restricted(bound_owner(source));
  const int settings = NewGUCNestLevel();
  const auto found = look();
  AtEOXact_GUC(false, settings);
  become(caller);
  return found;
}

}  // namespace insights::pg
