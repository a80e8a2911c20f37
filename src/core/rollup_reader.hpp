// Reading a rollup's bytes, group by group, without unpacking them.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <utility>

#include "poll.hpp"
#include "shape.hpp"
#include "text.hpp"

namespace insights {

// Streams the groups of a rollup in the order of tenant and endpoint (NULL first, then by bytes), each with its cells
// in the order of their slots:
//
//     header and shape (Shape::encode); number of groups; then for each group
//       flags: 1 tenant is NULL, 2 endpoint is NULL, 4 tenant is that of the group before (and left out)
//       tenant, endpoint: length and bytes, where not NULL
//       number of cells; for each: gap to the slot before, bits of the counters that are not 0, those counters
//
// The bytes may be forged: every read is checked, and so are the order and the sums on which reports rely.
class RollupReader {
 public:
  // Throws kCorruptBytes where the header or shape is wrong. `flat` must outlive the reader.
  RollupReader(std::string_view flat, std::pmr::memory_resource *memory);

  const Shape &shape() const { return shape_; }
  // Moved rather than copied: a copy would take its memory from the default resource.
  Shape take_shape() { return std::move(shape_); }
  std::string_view shape_bytes() const { return shape_bytes_; }
  std::uint64_t group_count() const { return groups_; }

  struct Group {
    Text tenant;
    Text endpoint;
    std::uint64_t cells = 0;
  };

  struct Cell {
    std::uint32_t slot = 0;
    Tally tally;
  };

  // False at the end, where it also throws if bytes are left. Cells that were not read are passed over (and checked).
  bool next_group(Group &group);

  // False where the group has no more cells.
  bool next_cell(Cell &cell);

 private:
  Text read_key(bool null) { return null ? Text() : in_.text(); }

  ByteReader in_;
  Shape shape_;
  std::string_view shape_bytes_;
  std::uint64_t groups_;
  std::uint64_t groups_left_;
  std::uint64_t cells_left_ = 0;
  std::uint64_t next_slot_ = 0;  // the least slot that the next cell may have
  bool first_ = true;
  Text tenant_;
  Text endpoint_;
};

// Reads all of it, and throws kCorruptBytes where anything is wrong.
void validate_rollup(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory);

}  // namespace insights
