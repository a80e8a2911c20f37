// Work of the core whose result PostgreSQL's memory keeps.
#pragma once

#include "guard.hpp"
#include "memory.hpp"

namespace insights::pg {

// Runs `compute(memory, poll)` in the core, and keeps its result in the current context.
template <typename Compute>
auto *compute_in_context(Compute compute) {
  ContextMemory *memory = current_memory();
  return guarded([&] {
    InterruptPoll poll;
    using Result = decltype(compute(memory, poll));
    return make_in<Result>(memory, compute(memory, poll));
  });
}

}  // namespace insights::pg
