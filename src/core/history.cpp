#include "history.hpp"

#include <algorithm>
#include <string>

#include "number.hpp"
#include "window.hpp"

namespace insights {

namespace {

// Slots of all evaluations together: a bound on memory and on time.
constexpr std::uint64_t kMostEdges = std::uint64_t{1} << 23;

// Anomalies of all evaluations together: what is kept of so many takes half a gigabyte.
constexpr std::size_t kMostCandidates = std::size_t{1} << 21;

// The slots of each evaluation among those of the rollup.
class EvaluationSlots {
 public:
  EvaluationSlots(const HistoryPlan &plan, const SlotGrid &grid, Poll &poll, std::pmr::memory_resource *memory)
      : positions_(memory) {
    for (std::uint32_t back = 0; back < plan.evaluations; ++back) {
      const auto edges = detection_edges(plan.evaluation(back), memory);
      edges_ = edges.size();
      for (const Timestamp edge : edges) {
        poll.tick();
        positions_.push_back(position_of(edge, grid));
      }
    }
  }

  std::uint32_t slots() const { return static_cast<std::uint32_t>(edges_ - 1); }
  // The number of the rollup's slot with which the slot of the evaluation begins; one more is where the last ends.
  std::uint32_t edge(std::uint32_t back, std::uint32_t slot) const { return positions_[back * edges_ + slot]; }

 private:
  static std::uint32_t position_of(Timestamp edge, const SlotGrid &grid) {
    const std::uint32_t slot = edge == grid.edge(grid.slot_count()) ? grid.slot_count() : grid.find(edge);
    if (slot == SlotGrid::kOutside || grid.edge(slot) != edge) {
      throw Error(ErrorKind::kInvalidArgument, "the rollup lacks the slots of the evaluation");
    }
    return slot;
  }

  std::size_t edges_ = 0;  // of one evaluation
  std::pmr::vector<std::uint32_t> positions_;
};

// The counts of one group over a stretch of time, summed up from its first slot on, so that those of any window are a
// difference. A stretch ends where nothing comes for so long that no evaluation sees what is before and behind the gap:
// an endpoint with a delivery now and then takes no more memory than its deliveries are worth.
class Timeline {
 public:
  explicit Timeline(std::pmr::memory_resource *memory) : sums_(memory) {}

  // Reads the next stretch of the reader's group; false where there is none.
  bool read(RollupReader &reader, const HistoryPlan &plan, Poll &poll) {
    if (!pending_ && !reader.next_cell(next_)) return false;
    const SlotGrid &grid = reader.shape().grid;
    first_ = next_.slot;
    sums_.assign(1, SlotCounts());
    do {
      poll.tick();
      append(next_.slot, slot_counts(next_.tally, plan.detection.method));
      pending_ = reader.next_cell(next_);
    } while (pending_ && grid.edge(next_.slot) - grid.edge(end()) < plan.detection.reach());
    return true;
  }

  std::uint32_t begin() const { return first_; }
  std::uint32_t end() const { return first_ + static_cast<std::uint32_t>(sums_.size()) - 1; }

  SlotCounts between(std::uint32_t from, std::uint32_t to) const {
    const SlotCounts &a = before(from);
    const SlotCounts &b = before(to);
    return {b.total - a.total, b.settled - a.settled, b.failures - a.failures};
  }

 private:
  void append(std::uint32_t slot, const SlotCounts &counts) {
    sums_.resize(slot - first_ + 1, SlotCounts(sums_.back()));
    const SlotCounts &before = sums_.back();
    sums_.push_back({before.total + counts.total, before.settled + counts.settled, before.failures + counts.failures});
  }

  // Of all slots before this one.
  const SlotCounts &before(std::uint32_t slot) const { return sums_[std::clamp(slot, begin(), end()) - first_]; }

  std::uint32_t first_ = 0;
  std::pmr::vector<SlotCounts> sums_;
  RollupReader::Cell next_;  // the first one behind the stretch, if it has been read
  bool pending_ = false;
};

// Hands the counts of one group, in one evaluation, to the detector.
class Evaluator {
 public:
  Evaluator(const HistoryPlan &plan, const EvaluationSlots &slots)
      : plan_(plan),
        slots_(slots),
        least_judged_(plan.detection.method == Method::kRate
                          ? least_silence_baseline(plan.detection.policy, plan.detection.blocks())
                          : 0) {}

  void evaluate(const RollupReader::Group &group, const Timeline &timeline, std::uint32_t back,
                Evaluation &evaluation) const {
    if (timeline.between(slots_.edge(back, 0), slots_.edge(back, slots_.slots())).total == 0) return;
    if (plan_.detection.method == Method::kReference) {
      ReferenceCounts counts;
      for_each_slot(timeline, back, [&](std::uint32_t slot, const SlotCounts &sum) { counts.add(slot, sum); });
      return evaluation.add(group, counts);
    }
    const RateCounts sums = sum_windows(timeline, back);
    if (!may_matter(sums, least_judged_)) return evaluation.add_quiet(sums);
    RateCounter counter(plan_.detection);
    for_each_slot(timeline, back, [&](std::uint32_t slot, const SlotCounts &sum) { counter.add(slot, sum); });
    evaluation.add(group, counter.finish());
  }

 private:
  template <typename Visit>
  void for_each_slot(const Timeline &timeline, std::uint32_t back, Visit visit) const {
    for (std::uint32_t slot = 0; slot < slots_.slots(); ++slot) {
      visit(slot, timeline.between(slots_.edge(back, slot), slots_.edge(back, slot + 1)));
    }
  }

  // Only what may_matter() and the fleet look at.
  RateCounts sum_windows(const Timeline &timeline, std::uint32_t back) const {
    const auto blocks = static_cast<std::uint32_t>(plan_.detection.blocks());
    const std::uint32_t end = slots_.edge(back, slots_.slots());
    const SlotCounts baseline = timeline.between(slots_.edge(back, 0), slots_.edge(back, blocks));
    const SlotCounts triple = timeline.between(slots_.edge(back, blocks), end);
    const SlotCounts recent = timeline.between(slots_.edge(back, blocks + 2), end);
    RateCounts counts;
    counts.blocks = plan_.detection.blocks();
    counts.baseline = baseline.total;
    counts.baseline_failed = baseline.failures;
    counts.triple = triple.total;
    counts.failed[kTriple] = triple.failures;
    counts.recent = recent.total;
    counts.failed[kRecent] = recent.failures;
    return counts;
  }

  const HistoryPlan &plan_;
  const EvaluationSlots &slots_;
  std::uint64_t least_judged_;
};

// The evaluations that look at any time from `first` up to, but not including, `end`: back, as [newest, oldest].
std::pair<std::uint32_t, std::uint32_t> evaluations_of(const HistoryPlan &plan, Timestamp first, Timestamp end) {
  const Duration since_end = plan.detection.as_of - plan.detection.reach() - end;
  const Duration since_first = plan.detection.as_of - first;
  const auto newest =
      since_end < 0 ? 0 : static_cast<std::uint32_t>(std::min<Duration>(since_end / plan.step, UINT32_MAX));
  const auto oldest = std::min<Duration>(std::max<Duration>(since_first, 0) / plan.step, plan.evaluations - 1);
  return {newest, static_cast<std::uint32_t>(oldest)};
}

[[noreturn]] void too_large(const HistoryPlan &plan, std::uint64_t slots) {
  throw Error(ErrorKind::kInvalidArgument,
              "a history of " + std::to_string(plan.evaluations) + " evaluations needs " + std::to_string(slots) +
                  " slots, which are too many",
              "Take a longer step that divides recent or is a multiple of it, fewer hours or a shorter baseline.");
}

}  // namespace

HistoryPlan plan_history(const Detection &detection, int hours, Duration step) {
  if (step < kMinute) {
    throw Error(ErrorKind::kInvalidArgument,
                "step must be at least a minute, not " + short_number(static_cast<double>(step) / kSecond) + " s",
                "For instance '5 minutes'.");
  }
  HistoryPlan plan;
  plan.detection = detection;
  plan.step = step;
  plan.evaluations = static_cast<std::uint32_t>((hours * kHour - 1) / step + 1);
  const auto edges = static_cast<std::uint64_t>(detection.method == Method::kRate ? detection.blocks() + 5 : 3);
  if (plan.evaluations * edges > kMostEdges) {
    too_large(plan, plan.evaluations * edges);
  }
  return plan;
}

std::pmr::vector<Timestamp> history_edges(const HistoryPlan &plan, Poll &poll, std::pmr::memory_resource *memory) {
  std::pmr::vector<Timestamp> edges(memory);
  for (std::uint32_t back = 0; back < plan.evaluations; ++back) {
    poll.tick();
    const auto more = detection_edges(plan.evaluation(back), memory);
    edges.insert(edges.end(), more.begin(), more.end());
  }
  std::sort(edges.begin(), edges.end(), [&poll](Timestamp a, Timestamp b) {
    poll.tick();
    return a < b;
  });
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  if (edges.size() > SlotGrid::kMaxSlots) too_large(plan, edges.size());
  return edges;
}

History::History(std::string_view flat, const HistoryPlan &plan, Poll &poll, std::pmr::memory_resource *memory)
    : evaluations_(memory) {
  RollupReader reader(flat, memory);
  const SlotGrid &grid = reader.shape().grid;
  const EvaluationSlots slots(plan, grid, poll, memory);
  const Evaluator evaluator(plan, slots);
  evaluations_.reserve(plan.evaluations);
  for (std::uint32_t back = 0; back < plan.evaluations; ++back) {
    evaluations_.emplace_back(plan.evaluation(back), memory);
  }

  Timeline timeline(memory);
  std::size_t candidates = 0;
  RollupReader::Group group;
  while (reader.next_group(group)) {
    while (timeline.read(reader, plan, poll)) {
      const auto [newest, oldest] = evaluations_of(plan, grid.edge(timeline.begin()), grid.edge(timeline.end()));
      for (std::uint32_t back = newest; back <= oldest; ++back) {
        poll.tick();
        Evaluation &evaluation = evaluations_[back];
        const std::size_t before = evaluation.candidates();
        evaluator.evaluate(group, timeline, back, evaluation);
        candidates += evaluation.candidates() - before;
      }
      if (candidates > kMostCandidates) {
        throw Error(ErrorKind::kLimit, "a history of more than " + std::to_string(kMostCandidates) + " anomalies",
                    "Take a longer step or fewer hours, or one tenant.");
      }
    }
  }
}

AnomalySnapshot History::finish(std::uint32_t back, std::size_t most, bool unicode, Poll &poll,
                                std::pmr::memory_resource *memory) {
  Evaluation &evaluation = evaluations_[back];
  return {evaluation.detection().as_of, evaluation.finish(most, unicode, poll, memory)};
}

}  // namespace insights
