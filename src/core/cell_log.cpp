#include "cell_log.hpp"

#include <utility>

namespace insights {

void CellLog::add_chunk() {
  if (chunks_.size() == chunks_.capacity()) chunks_.reserve(chunks_.size() * 2 + 8);  // so that push_back cannot throw
  void *chunk = chunks_.get_allocator().resource()->allocate(chunk_bytes(), alignof(std::uint32_t));
  next_ = static_cast<std::uint32_t *>(chunk);
  end_ = next_ + kChunk * words();
  chunks_.push_back(next_);
}

void CellLog::clear() noexcept {
  for (std::uint32_t *chunk : chunks_) {
    chunks_.get_allocator().resource()->deallocate(chunk, chunk_bytes(), alignof(std::uint32_t));
  }
  chunks_.clear();
  next_ = end_ = nullptr;
  size_ = 0;
}

void CellLog::swap(CellLog &other) noexcept {
  std::swap(counters_, other.counters_);
  std::swap(size_, other.size_);
  std::swap(next_, other.next_);
  std::swap(end_, other.end_);
  chunks_.swap(other.chunks_);
}

}  // namespace insights
