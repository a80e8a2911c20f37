// Rollups in their bytes, waiting to be summed.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "poll.hpp"
#include "tally.hpp"

namespace insights {

// Flat rollups of one shape. Each is sorted by key and slot, so that their sum is one pass over all of them: no hash
// table, no sort. What comes in is kept as it is, as runs of a log-structured merge tree are: as soon as there are
// kFanIn runs of a level, they become one of the next. So every cell is merged a number of times that grows with the
// logarithm of the number of rollups, and there are never many of them at hand.
class RollupRuns {
 public:
  // `shape` are the bytes of the shape that all have (Shape::encode), and must outlive this; `counters` is what it
  // keeps. A sum of more than `max_groups` groups ends with error kLimit.
  RollupRuns(std::string_view shape, CounterSet counters, std::uint64_t max_groups, std::pmr::memory_resource *memory);
  ~RollupRuns();
  RollupRuns(const RollupRuns &) = delete;
  RollupRuns &operator=(const RollupRuns &) = delete;

  bool empty() const { return runs_.empty(); }

  // Keeps a copy of `flat`. Errors: kUnlike for another shape; of the runs that now become one, those of sum().
  void add(std::string_view flat, Poll &poll);

  // Writes the sum of all runs and of `more`, one more of them. Errors: kCorruptBytes, kLimit.
  void sum(std::string_view more, ByteWriter &out, Poll &poll) const;

 private:
  static constexpr std::size_t kFanIn = 8;

  struct Run {
    std::string_view bytes;  // allocated from memory_
    unsigned level;          // it is the sum of kFanIn ^ level rollups
  };

  std::string_view allocate_copy(std::string_view bytes);
  void merge_last(Poll &poll);
  void sum_from(std::size_t first, std::string_view more, ByteWriter &out, Poll &poll) const;

  std::string_view shape_;
  CounterSet counters_;
  std::uint64_t max_groups_;
  std::pmr::memory_resource *memory_;
  std::pmr::vector<Run> runs_;  // levels never rise from one to the next
};

// Throws kLimit where there are more groups than allowed.
void check_group_count(std::uint64_t groups, std::uint64_t max_groups);

}  // namespace insights
