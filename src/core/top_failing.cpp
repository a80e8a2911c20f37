#include "top_failing.hpp"

#include <algorithm>
#include <string>

#include "error.hpp"
#include "figures.hpp"
#include "number.hpp"

namespace insights {

namespace {

// The exact impact times the deliveries of all.
Wide scaled_impact(const GroupedCount &group, const GroupedCount &all) {
  return Wide{group.failures} * all.total - Wide{group.total} * all.failures;
}

// Whether a ranks before b.
bool ranks_before(const GroupedCount &a, const GroupedCount &b, const GroupedCount &all, RankBy rank_by) {
  Wide figure_a = a.failures;
  Wide figure_b = b.failures;
  if (rank_by == RankBy::kFailureRate) {
    figure_a *= b.total;
    figure_b *= a.total;
  } else if (rank_by == RankBy::kImpact) {
    figure_a = scaled_impact(a, all);
    figure_b = scaled_impact(b, all);
  }
  return figure_a != figure_b ? figure_a > figure_b : listed_before(a.name, b.name);
}

}  // namespace

RankBy rank_by_name(std::string_view name) {
  if (name == "failures") return RankBy::kFailures;
  if (name == "failure_rate") return RankBy::kFailureRate;
  if (name == "impact") return RankBy::kImpact;
  throw Error(ErrorKind::kInvalidArgument, "unknown order \"" + std::string(name) + "\"",
              "Orders are \"failures\", \"failure_rate\" and \"impact\".");
}

std::pmr::vector<FailingGroup> top_failing(std::string_view flat, const TopRequest &request, Poll &poll,
                                           std::pmr::memory_resource *memory) {
  std::pmr::vector<GroupedCount> groups = count_grouped(flat, request.group_by, poll, memory);
  GroupedCount all;
  for (const GroupedCount &group : groups) {
    all.total += group.total;
    all.failures += group.failures;
  }
  groups.erase(
      std::remove_if(groups.begin(), groups.end(),
                     [&](const GroupedCount &group) { return group.failures == 0 || group.total < request.min_total; }),
      groups.end());
  const auto rows = static_cast<std::size_t>(std::min<std::uint64_t>(request.max_rows, groups.size()));
  std::partial_sort(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(rows), groups.end(),
                    [&](const GroupedCount &a, const GroupedCount &b) {
                      poll.tick();
                      return ranks_before(a, b, all, request.rank_by);
                    });

  std::pmr::vector<FailingGroup> top(memory);
  top.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const GroupedCount &group = groups[i];
    top.push_back({group.name, group.failures, group.total, percent(group.failures, group.total),
                   rounded_ratio(scaled_impact(group, all), all.total, 2)});
  }
  return top;
}

}  // namespace insights
