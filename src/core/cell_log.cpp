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
  constexpr std::uint64_t kMost = UINT32_MAX;
  std::uint64_t pieces = 1;
  for (std::size_t i = 0; i < counters_; ++i) pieces = std::max(pieces, (counts[i] + kMost - 1) / kMost);
  for (std::uint64_t piece = 0; piece < pieces; ++piece) {
    std::uint32_t *cell = add_cell();
    cell[0] = ordinal;
    cell[1] = slot;
    for (std::size_t i = 0; i < counters_; ++i) {
      const std::uint64_t before = piece * kMost;
      cell[2 + i] = counts[i] <= before ? 0 : static_cast<std::uint32_t>(std::min(counts[i] - before, kMost));
    }
  }
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
