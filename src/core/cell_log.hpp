// Where a rollup keeps the cells that are not at hand: a log that only grows at its end.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace insights {

// Cells of a group's ordinal, a slot and a fixed number of counters, all in 32 bits, in chunks of a fixed size: growing
// copies nothing. A cell with a count that needs more bits is written as two, one of the low and one of the high halves
// of its counters.
class CellLog {
 public:
  struct Cell {
    std::uint32_t ordinal;
    std::uint32_t slot_and_half;  // the highest bit: these are the high halves

    std::uint32_t slot() const { return slot_and_half & ~kHighHalf; }
    std::uint64_t count(std::size_t index) const {
      const std::uint64_t half = reinterpret_cast<const std::uint32_t *>(this + 1)[index];
      return (slot_and_half & kHighHalf) == 0 ? half : half << 32;
    }
    bool is_same_slot(const Cell &other) const { return ordinal == other.ordinal && slot() == other.slot(); }
  };

  CellLog(std::size_t counters, std::pmr::memory_resource *memory) : counters_(counters), chunks_(memory) {}
  ~CellLog() { clear(); }
  CellLog(const CellLog &) = delete;
  CellLog &operator=(const CellLog &) = delete;

  std::size_t size() const { return size_; }

  // Calls visit(cell) for each, in the order in which they were appended. The cells stay where they are until clear().
  template <typename Visit>
  void for_each(Visit visit) const {
    std::size_t left = size_;
    for (const std::uint32_t *chunk : chunks_) {
      const std::size_t cells = left < kChunk ? left : kChunk;
      for (std::size_t i = 0; i < cells; ++i) visit(*reinterpret_cast<const Cell *>(chunk + i * words()));
      left -= cells;
    }
  }

  void append(std::uint32_t ordinal, std::uint32_t slot, const std::uint64_t *counts) {
    if (append_halves(ordinal, slot, counts, 0) != 0) append_halves(ordinal, slot | kHighHalf, counts, 32);
  }

  void clear() noexcept;
  void swap(CellLog &other) noexcept;

 private:
  static constexpr std::uint32_t kHighHalf = 1U << 31;  // no slot number comes near it
  static constexpr std::size_t kChunk = 2048;           // cells in a chunk

  std::size_t words() const { return 2 + counters_; }
  std::size_t chunk_bytes() const { return kChunk * words() * sizeof(std::uint32_t); }

  // Appends a cell of 32 bits of each count; returns the bits above them, of all counts together.
  std::uint64_t append_halves(std::uint32_t ordinal, std::uint32_t slot_and_half, const std::uint64_t *counts,
                              int shift) {
    if (next_ == end_) add_chunk();
    std::uint32_t *cell = next_;
    next_ += words();
    ++size_;
    cell[0] = ordinal;
    cell[1] = slot_and_half;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < counters_; ++i) {
      all |= counts[i] >> shift;
      cell[2 + i] = static_cast<std::uint32_t>(counts[i] >> shift);
    }
    return all >> 32;
  }

  void add_chunk();

  std::size_t counters_;
  std::size_t size_ = 0;
  std::uint32_t *next_ = nullptr;  // where the next cell goes in the last chunk
  std::uint32_t *end_ = nullptr;
  std::pmr::vector<std::uint32_t *> chunks_;
};

}  // namespace insights
