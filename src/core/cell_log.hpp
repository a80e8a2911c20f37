// Where a rollup keeps the cells that are not at hand: a log that only grows at its end.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace insights {

// Cells of a group's ordinal, a slot and a fixed number of counters, all in 32 bits, in chunks of a fixed size: growing
// copies nothing. A count that needs more bits is written as several cells of the same ordinal and slot, which whoever
// reads adds up.
class CellLog {
 public:
  struct Cell {
    std::uint32_t ordinal;
    std::uint32_t slot;

    const std::uint32_t *counters() const { return reinterpret_cast<const std::uint32_t *>(this + 1); }
    std::uint32_t *counters() { return reinterpret_cast<std::uint32_t *>(this + 1); }
    std::uint64_t key() const { return (std::uint64_t{ordinal} << 32) | slot; }
  };

  CellLog(std::size_t counters, std::pmr::memory_resource *memory) : counters_(counters), chunks_(memory) {}
  ~CellLog() { clear(); }
  CellLog(const CellLog &) = delete;
  CellLog &operator=(const CellLog &) = delete;

  std::size_t size() const { return size_; }
  const Cell &operator[](std::size_t index) const {
    return *reinterpret_cast<const Cell *>(chunks_[index / kChunk] + index % kChunk * words());
  }

  void append(std::uint32_t ordinal, std::uint32_t slot, const std::uint64_t *counts);
  void clear() noexcept;
  void swap(CellLog &other) noexcept;

 private:
  static constexpr std::size_t kChunk = 2048;  // cells in a chunk

  std::size_t words() const { return 2 + counters_; }
  std::uint32_t *add_cell();

  std::size_t counters_;
  std::size_t size_ = 0;
  std::pmr::vector<std::uint32_t *> chunks_;
};

}  // namespace insights
