#include "grouped.hpp"

#include <algorithm>

#include "figures.hpp"
#include "rollup_reader.hpp"

namespace insights {

namespace {

bool same_place(const GroupedCount &a, const GroupedCount &b) {
  return a.slot == b.slot && compare(a.name, b.name) == 0;
}

}  // namespace

std::pmr::vector<GroupedCount> count_grouped(std::string_view flat, GroupBy group_by, Poll &poll,
                                             std::pmr::memory_resource *memory) {
  std::pmr::vector<GroupedCount> counts(memory);
  RollupReader reader(flat, memory);
  RollupReader::Group group;
  RollupReader::Cell cell;
  while (reader.next_group(group)) {
    const Text name = group_by == GroupBy::kTenant ? group.tenant : group.endpoint;
    while (reader.next_cell(cell)) {
      poll.tick();
      counts.push_back({name, cell.slot, cell.tally[Counter::kTotal], failures_of(cell.tally)});
    }
  }
  std::sort(counts.begin(), counts.end(), [&poll](const GroupedCount &a, const GroupedCount &b) {
    poll.tick();
    const int by_name = compare(a.name, b.name);
    return by_name != 0 ? by_name < 0 : a.slot < b.slot;
  });
  // Counts of one name and slot become one.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i > 0 && same_place(counts[kept - 1], counts[i])) {
      counts[kept - 1].total += counts[i].total;
      counts[kept - 1].failures += counts[i].failures;
    } else {
      counts[kept++] = counts[i];
    }
  }
  counts.resize(kept);
  return counts;
}

}  // namespace insights
