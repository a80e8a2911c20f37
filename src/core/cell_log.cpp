#include "cell_log.hpp"

#include <algorithm>
#include <utility>

namespace insights {

std::uint32_t *CellLog::add_cell() {
  if (size_ == chunks_.size() * kChunk) {
    chunks_.push_back(nullptr);  // first, so that a chunk that was allocated is never lost
    void *chunk = nullptr;
    try {
      chunk = chunks_.get_allocator().resource()->allocate(kChunk * words() * sizeof(std::uint32_t),
                                                           alignof(std::uint32_t));
    } catch (...) {
      chunks_.pop_back();
      throw;
    }
    chunks_.back() = static_cast<std::uint32_t *>(chunk);
  }
  std::uint32_t *cell = chunks_[size_ / kChunk] + size_ % kChunk * words();
  ++size_;
  return cell;
}

void CellLog::append(std::uint32_t ordinal, std::uint32_t slot, const std::uint64_t *counts) {
  append_halves(ordinal, slot, counts, 0);
  if (*std::max_element(counts, counts + counters_) > UINT32_MAX) append_halves(ordinal, slot | kHighHalf, counts, 32);
}

void CellLog::append_halves(std::uint32_t ordinal, std::uint32_t slot_and_half, const std::uint64_t *counts,
                            int shift) {
  std::uint32_t *cell = add_cell();
  cell[0] = ordinal;
  cell[1] = slot_and_half;
  for (std::size_t i = 0; i < counters_; ++i) cell[2 + i] = static_cast<std::uint32_t>(counts[i] >> shift);
}

void CellLog::clear() noexcept {
  for (std::uint32_t *chunk : chunks_) {
    chunks_.get_allocator().resource()->deallocate(chunk, kChunk * words() * sizeof(std::uint32_t),
                                                   alignof(std::uint32_t));
  }
  chunks_.clear();
  size_ = 0;
}

void CellLog::swap(CellLog &other) noexcept {
  std::swap(counters_, other.counters_);
  std::swap(size_, other.size_);
  chunks_.swap(other.chunks_);
}

}  // namespace insights
