#include "compare.hpp"

#include <algorithm>

#include "figures.hpp"
#include "grouped.hpp"
#include "number.hpp"

namespace insights {

namespace {

// The slots of the rollup.
constexpr std::uint32_t kBefore = 0;
constexpr std::uint32_t kNow = 1;

using Figure = std::optional<double> (*)(const Tally &);

template <Counter counter>
std::optional<double> count_of(const Tally &tally) {
  return static_cast<double>(tally[counter]);
}

template <double (*rate)(const Tally &)>
std::optional<double> value_of(const Tally &tally) {
  return rate(tally);
}

constexpr struct {
  const char *name;
  Figure figure;
} kFigures[] = {
    {"total", count_of<Counter::kTotal>},
    {"delivered", count_of<Counter::kDelivered>},
    {"failed", count_of<Counter::kFailed>},
    {"dead_letter", count_of<Counter::kDeadLetter>},
    {"pending", count_of<Counter::kPending>},
    {"success_rate", success_rate},
    {"settled_success_rate", success_rate},
    {"failure_rate", value_of<failure_rate>},
    {"retried", count_of<Counter::kRetried>},
    {"retry_success_rate", value_of<retry_success_rate>},
    {"first_attempt_success_rate", value_of<first_attempt_success_rate>},
    {"mean_attempts", value_of<mean_attempts>},
    {"reference_success_rate", value_of<reference_success_rate>},
};

Comparison compare_figure(const char *name, std::optional<double> current, std::optional<double> previous) {
  std::optional<double> change;
  if (current && previous) change = round2(*current - *previous);
  return {name, current, previous, change};
}

// An endpoint's impact is (f1 / t1 - f0 / t0) t1 = (f1 t0 - f0 t1) / t0: its numerator.
Wide impact_numerator(const GroupedCount &before, const GroupedCount &now) {
  return Wide{now.failures} * before.total - Wide{before.failures} * now.total;
}

struct Candidate {
  const GroupedCount *before;
  const GroupedCount *now;

  Wide impact() const { return impact_numerator(*before, *now); }
};

// Whether a has the larger impact. The products may need more than 128 bits, so that the whole parts come first.
bool ranks_before(const Candidate &a, const Candidate &b) {
  const Wide impact_a = a.impact() < 0 ? -a.impact() : a.impact();
  const Wide impact_b = b.impact() < 0 ? -b.impact() : b.impact();
  const Wide whole_a = impact_a / a.before->total;
  const Wide whole_b = impact_b / b.before->total;
  if (whole_a != whole_b) return whole_a > whole_b;
  const Wide rest_a = impact_a % a.before->total * b.before->total;
  const Wide rest_b = impact_b % b.before->total * a.before->total;
  return rest_a != rest_b ? rest_a > rest_b : listed_before(a.now->name, b.now->name);
}

}  // namespace

std::pmr::vector<Comparison> compare_totals(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory) {
  const std::pmr::vector<Tally> slots = read_slots(flat, poll, memory);
  std::pmr::vector<Comparison> comparisons(memory);
  for (const auto &figure : kFigures) {
    comparisons.push_back(compare_figure(figure.name, figure.figure(slots[kNow]), figure.figure(slots[kBefore])));
  }
  return comparisons;
}

std::pmr::vector<EndpointComparison> compare_endpoints(std::string_view flat, std::uint64_t min_total, Poll &poll,
                                                       std::pmr::memory_resource *memory) {
  const std::pmr::vector<GroupedCount> counts = count_grouped(flat, GroupBy::kEndpoint, poll, memory);
  std::pmr::vector<Candidate> candidates(memory);
  for (std::size_t i = 1; i < counts.size(); ++i) {
    const GroupedCount &before = counts[i - 1];
    const GroupedCount &now = counts[i];
    if (before.slot != kBefore || now.slot != kNow || compare(before.name, now.name) != 0) continue;
    const Candidate candidate{&before, &now};
    if (before.total < min_total || now.total < min_total || candidate.impact() == 0) continue;
    candidates.push_back(candidate);
  }
  std::sort(candidates.begin(), candidates.end(), [&poll](const Candidate &a, const Candidate &b) {
    poll.tick();
    return ranks_before(a, b);
  });

  std::pmr::vector<EndpointComparison> comparisons(memory);
  for (const Candidate &candidate : candidates) {
    const GroupedCount &before = *candidate.before;
    const GroupedCount &now = *candidate.now;
    comparisons.push_back(
        {now.name,
         compare_figure("failure_rate", percent(now.failures, now.total), percent(before.failures, before.total)),
         rounded_ratio(candidate.impact(), before.total, 2), candidate.impact() > 0});
  }
  return comparisons;
}

}  // namespace insights
