#include "rollup_runs.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "rollup_reader.hpp"
#include "rollup_writer.hpp"

namespace insights {

namespace {

using Group = RollupReader::Group;
using Cell = RollupReader::Cell;

// A run that is being read, with the group and the cell that come next.
struct Cursor {
  Cursor(std::string_view flat, std::pmr::memory_resource *memory) : reader(flat, memory) {}

  bool next_group() { return reader.next_group(group); }
  bool next_cell() { return reader.next_cell(cell); }

  RollupReader reader;
  Group group;
  Cell cell;
};

using Cursors = std::pmr::vector<Cursor *>;

int compare_keys(const Group &a, const Group &b) {
  const int by_tenant = compare(a.tenant, b.tenant);
  return by_tenant != 0 ? by_tenant : compare(a.endpoint, b.endpoint);
}

// Collects those whose group has the least key.
void find_least(const Cursors &cursors, Cursors &least) {
  least.clear();
  for (Cursor *cursor : cursors) {
    const int order = least.empty() ? 0 : compare_keys(cursor->group, least.front()->group);
    if (order < 0) least.clear();
    if (order <= 0) least.push_back(cursor);
  }
}

// Writes the sum of the cells of the group that all of `cursors` stand before. Leaves `cursors` empty.
void sum_cells(Cursors &cursors, CounterSet counters, RollupWriter &out, Poll &poll) {
  // A group has at least one cell.
  for (Cursor *cursor : cursors) cursor->next_cell();
  while (!cursors.empty()) {
    poll.tick();
    std::uint32_t slot = cursors.front()->cell.slot;
    for (const Cursor *cursor : cursors) slot = std::min(slot, cursor->cell.slot);
    Tally sum;
    std::size_t left = 0;
    for (Cursor *cursor : cursors) {
      bool more = true;
      if (cursor->cell.slot == slot) {
        sum.add(cursor->cell.tally, counters);
        more = cursor->next_cell();
      }
      if (more) cursors[left++] = cursor;
    }
    cursors.resize(left);
    out.cell(slot, sum);
  }
}

}  // namespace

void check_group_count(std::uint64_t groups, std::uint64_t max_groups) {
  if (groups <= max_groups) return;
  throw Error(ErrorKind::kLimit, "more than " + std::to_string(max_groups) + " pairs of tenant and endpoint",
              "Raise anomaly_insights.max_groups, or give a shorter window or one tenant. Endpoints that carry an "
              "identifier in their address are better mapped by an expression that takes it out.");
}

RollupRuns::RollupRuns(std::string_view shape, CounterSet counters, std::uint64_t max_groups,
                       std::pmr::memory_resource *memory)
    : shape_(shape), counters_(counters), max_groups_(max_groups), memory_(memory), runs_(memory) {}

RollupRuns::~RollupRuns() {
  for (const Run &run : runs_) memory_->deallocate(const_cast<char *>(run.bytes.data()), run.bytes.size(), 1);
}

void RollupRuns::add(std::string_view flat, Poll &poll) {
  if (flat.substr(0, shape_.size()) != shape_) {
    const RollupReader reader(flat, memory_);  // what is no rollup at all is another error
    throw Error(ErrorKind::kUnlike, "rollups of different shape cannot be merged",
                "Slots, counters, statuses and encoding must be the same in all of them.");
  }
  runs_.reserve(runs_.size() + 1);  // so that push_back cannot throw
  runs_.push_back({allocate_copy(flat), 0});
  while (runs_.size() >= kFanIn && runs_[runs_.size() - kFanIn].level == runs_.back().level) merge_last(poll);
}

std::string_view RollupRuns::allocate_copy(std::string_view bytes) {
  auto *copy = static_cast<char *>(memory_->allocate(bytes.size(), 1));
  std::memcpy(copy, bytes.data(), bytes.size());
  return {copy, bytes.size()};
}

// Makes one of the last kFanIn runs.
void RollupRuns::merge_last(Poll &poll) {
  const std::size_t first = runs_.size() - kFanIn;
  ByteWriter out(memory_);
  sum_from(first, {}, out, poll);
  const Run merged{allocate_copy(out.written()), runs_.back().level + 1};
  for (std::size_t i = first; i < runs_.size(); ++i) {
    memory_->deallocate(const_cast<char *>(runs_[i].bytes.data()), runs_[i].bytes.size(), 1);
  }
  runs_.resize(first + 1);
  runs_.back() = merged;
}

void RollupRuns::sum(std::string_view more, ByteWriter &out, Poll &poll) const { sum_from(0, more, out, poll); }

void RollupRuns::sum_from(std::size_t first, std::string_view more, ByteWriter &out, Poll &poll) const {
  std::pmr::vector<Cursor> storage(memory_);
  storage.reserve(runs_.size() - first + 1);  // cursors must not move
  Cursors cursors(memory_), least(memory_), active(memory_);
  std::size_t bytes = 0;
  const auto open = [&](std::string_view run) {
    Cursor &cursor = storage.emplace_back(run, memory_);
    if (cursor.next_group()) cursors.push_back(&cursor);
    bytes += run.size();
  };
  for (std::size_t i = first; i < runs_.size(); ++i) open(runs_[i].bytes);
  if (!more.empty()) open(more);

  RollupWriter writer(counters_, memory_);
  writer.reserve(bytes);
  while (!cursors.empty()) {
    find_least(cursors, least);
    writer.group(least.front()->group.tenant, least.front()->group.endpoint);
    check_group_count(writer.group_count(), max_groups_);
    active = least;
    sum_cells(active, counters_, writer, poll);
    for (Cursor *cursor : least) {
      if (!cursor->next_group()) cursors.erase(std::find(cursors.begin(), cursors.end(), cursor));
    }
  }
  writer.finish(shape_, out);
}

}  // namespace insights
