// C++ memory that PostgreSQL owns.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// Allocates from a memory context and throws std::bad_alloc where PostgreSQL would raise. What was allocated vanishes
// with the context, whether or not a destructor ran.
class ContextMemory final : public std::pmr::memory_resource {
 public:
  explicit ContextMemory(MemoryContext context) : context_(context) {}

  MemoryContext context() const { return context_; }

 private:
  void *do_allocate(std::size_t size, std::size_t alignment) override;
  void do_deallocate(void *pointer, std::size_t size, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override { return this == &other; }

  MemoryContext context_;
};

// Makes an object in the memory's context. Nobody destroys it: it may own nothing but memory of that context.
template <typename T, typename... Args>
T *make_in(ContextMemory *memory, Args &&...args) {
  return new (memory->allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
}

// The memory resource of the current context, itself living there.
inline ContextMemory *current_memory() {
  return new (palloc(sizeof(ContextMemory))) ContextMemory(CurrentMemoryContext);
}

}  // namespace insights::pg
