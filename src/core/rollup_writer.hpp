// Writing a rollup's bytes, group by group and cell by cell: the other side of RollupReader.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>

#include "bytes.hpp"
#include "tally.hpp"
#include "text.hpp"

namespace insights {

// Takes the groups in the order of tenant and endpoint, and the cells of each in the order of their slots. Their
// numbers, which stand before them in the bytes, need not be known beforehand.
class RollupWriter {
 public:
  // `counters` are those that the shape keeps.
  RollupWriter(CounterSet counters, std::pmr::memory_resource *memory)
      : counters_(counters), groups_(memory), cells_(memory) {}

  void reserve(std::size_t bytes) { groups_.reserve(bytes); }

  // Begins a group. Its texts must live until the next one has begun.
  void group(Text tenant, Text endpoint);

  // Adds a cell to the group; its counters that the shape does not keep are passed over.
  void cell(std::uint32_t slot, const Tally &tally);

  std::uint64_t group_count() const { return group_count_; }

  // Ends the last group and appends all to `out`, behind the shape's own bytes (Shape::encode).
  void finish(std::string_view shape, ByteWriter &out);

 private:
  void end_group();

  CounterSet counters_;
  ByteWriter groups_;  // all groups that have ended, and the key of the one that has not
  ByteWriter cells_;   // of the group that has not ended
  std::uint64_t group_count_ = 0;
  std::uint64_t cell_count_ = 0;
  std::uint32_t next_slot_ = 0;
  Text tenant_;
};

}  // namespace insights
