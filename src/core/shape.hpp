// What a rollup counts, and over which slots: rollups merge only where their shapes are the same.
#pragma once

#include <memory_resource>

#include "slot_grid.hpp"
#include "status.hpp"
#include "tally.hpp"

namespace insights {

struct Shape {
  SlotGrid grid;
  StatusMap statuses;
  CounterSet counters;
  std::uint8_t encoding;  // the caller's number for the encoding of all texts; the core only compares it

  bool keeps(CounterSet wanted) const { return (counters & wanted) == wanted; }

  // A header (format and version) and the shape. The bytes of an empty rollup are these and a zero.
  void encode(ByteWriter &out) const;

  // Error kCorruptBytes where the header is not ours, the version is unknown or anything is out of range.
  static Shape decode(ByteReader &in, std::pmr::memory_resource *memory);
};

}  // namespace insights
