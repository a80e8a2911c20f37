#include "figures.hpp"

#include "number.hpp"

namespace insights {

double percent(std::uint64_t part, std::uint64_t whole) { return rounded_ratio(100 * Wide{part}, Wide{whole}, 1); }

std::uint64_t labelled(const Tally &tally, LabelClass label) {
  switch (label) {
    case LabelClass::kTransient:
      return tally[Counter::kTransient];
    case LabelClass::kPermanent:
      return tally[Counter::kPermanent];
    case LabelClass::kRateLimited:
      return tally[Counter::kRateLimited];
    case LabelClass::kOther:
      return tally[Counter::kOtherLabel];
    case LabelClass::kNone:
      break;
  }
  return tally[Counter::kTotal] - tally[Counter::kTransient] - tally[Counter::kPermanent] -
         tally[Counter::kRateLimited] - tally[Counter::kOtherLabel];
}

std::optional<double> success_rate(const Tally &tally) {
  const std::uint64_t settled = settled_of(tally);
  if (settled == 0) return std::nullopt;
  return percent(tally[Counter::kDelivered], settled);
}

double reference_success_rate(const Tally &tally) {
  return percent(tally[Counter::kDelivered], tally[Counter::kTotal]);
}

double failure_rate(const Tally &tally) { return percent(failures_of(tally), tally[Counter::kTotal]); }

double retry_success_rate(const Tally &tally) {
  return percent(tally[Counter::kRetriedDelivered], tally[Counter::kRetried]);
}

double transient_retry_success_rate(const Tally &tally) {
  return percent(tally[Counter::kTransientRetriedDelivered],
                 tally[Counter::kTransient] + tally[Counter::kTransientBefore]);
}

double first_attempt_success_rate(const Tally &tally) {
  const std::uint64_t at_first = tally[Counter::kDelivered] - tally[Counter::kRetriedDelivered];
  const std::uint64_t still_retried = tally[Counter::kRetried] - tally[Counter::kRetriedEnded];
  return percent(at_first, settled_of(tally) + still_retried);
}

double mean_attempts(const Tally &tally) {
  return rounded_ratio(Wide{tally[Counter::kDeliveredAttempts]}, Wide{tally[Counter::kDelivered]}, 2);
}

std::pmr::vector<Tally> read_slots(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory) {
  RollupReader reader(flat, memory);
  std::pmr::vector<Tally> slots(reader.shape().grid.slot_count(), memory);
  RollupReader::Group group;
  RollupReader::Cell cell;
  while (reader.next_group(group)) {
    while (reader.next_cell(cell)) {
      poll.tick();
      slots[cell.slot].add(cell.tally, reader.shape().counters);
    }
  }
  return slots;
}

}  // namespace insights
