#include "memory.hpp"

#include "settings.hpp"

namespace insights::pg {

void *ContextMemory::do_allocate(std::size_t size, std::size_t alignment) {
  if (debug_fault == kFaultBadAlloc || alignment > MAXIMUM_ALIGNOF || !AllocHugeSizeIsValid(size))
    throw std::bad_alloc();
  void *pointer = MemoryContextAllocExtended(context_, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

void ContextMemory::do_deallocate(void *pointer, std::size_t, std::size_t) { pfree(pointer); }

}  // namespace insights::pg
