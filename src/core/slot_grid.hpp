// The time slots of a rollup.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "bytes.hpp"
#include "text.hpp"

namespace insights {

// Slots between strictly increasing edges: slot i is [edge(i), edge(i + 1)). A grid is uniform (origin, width, count)
// or a short list of edges. Times are whole microseconds, so a window (a, b] is [a + 1, b + 1).
class SlotGrid {
 public:
  static constexpr std::uint32_t kMaxSlots = 1U << 20;
  static constexpr std::uint32_t kOutside = ~0U;

  // Errors: kInvalidArgument where width or count is not positive, count is over kMaxSlots, or an edge is no timestamp.
  static SlotGrid uniform(Timestamp origin, Duration width, std::int64_t count, std::pmr::memory_resource *memory);

  // At least two edges, all of them timestamps, strictly increasing; else kInvalidArgument.
  static SlotGrid from_edges(const Timestamp *edges, std::size_t count, std::pmr::memory_resource *memory);

  std::uint32_t slot_count() const { return count_; }
  Timestamp edge(std::uint32_t index) const {
    return edges_.empty() ? origin_ + static_cast<Duration>(index) * width_ : edges_[index];
  }

  // The slot that holds `time`, or kOutside.
  std::uint32_t find(Timestamp time) const;

  void encode(ByteWriter &out) const;
  static SlotGrid decode(ByteReader &in, std::pmr::memory_resource *memory);

 private:
  explicit SlotGrid(std::pmr::memory_resource *memory) : edges_(memory) {}

  Timestamp origin_ = 0;
  Duration width_ = 0;  // 0: the edges are listed
  std::uint32_t count_ = 0;
  std::pmr::vector<Timestamp> edges_;
};

}  // namespace insights
