#include "rollup_reader.hpp"

namespace insights {

namespace {

// What the reports take for granted, lest a difference of two counts be negative; of the counters that are kept.
bool is_consistent(const Tally &tally, CounterSet kept) {
  const auto at_most = [&](Counter part, Counter whole) {
    return (kept & bit(whole)) == 0 || tally[part] <= tally[whole];
  };
  const auto has = [&](Counter counter) { return (kept & bit(counter)) != 0; };
  const std::uint64_t by_status =
      tally[Counter::kDelivered] + tally[Counter::kFailed] + tally[Counter::kDeadLetter] + tally[Counter::kPending];
  if (tally[Counter::kTotal] == 0 || by_status + tally[Counter::kUnmapped] > tally[Counter::kTotal] ||
      !at_most(Counter::kSettled, Counter::kTotal) || !at_most(Counter::kFailures, Counter::kSettled) ||
      !at_most(Counter::kFailures, Counter::kReferenceFailures) ||
      !at_most(Counter::kReferenceFailures, Counter::kTotal)) {
    return false;
  }
  if ((kept & ~(kStatusCounters | kRateCounters | kReferenceCounters | bit(Counter::kUnmapped))) == 0) return true;
  const std::uint64_t labelled = tally[Counter::kTransient] + tally[Counter::kPermanent] +
                                 tally[Counter::kRateLimited] + tally[Counter::kOtherLabel];
  return labelled <= tally[Counter::kTotal] && at_most(Counter::kRetried, Counter::kTotal) &&
         at_most(Counter::kRetriedEnded, Counter::kRetried) &&
         at_most(Counter::kRetriedDelivered, Counter::kRetriedEnded) &&
         at_most(Counter::kRetriedDelivered, Counter::kDelivered) &&
         at_most(Counter::kTransientRetriedDelivered, Counter::kRetriedDelivered) &&
         at_most(Counter::kTransientBefore, Counter::kTransientRetriedDelivered) &&
         (!has(Counter::kTransient) || !has(Counter::kTransientBefore) ||
          tally[Counter::kTransientRetriedDelivered] <=
              tally[Counter::kTransient] + tally[Counter::kTransientBefore]) &&
         at_most(Counter::kTransientRetriedDelivered, Counter::kTransientRetriedEnded) &&
         at_most(Counter::kTransientRetriedEnded, Counter::kRetriedEnded) &&
         at_most(Counter::kRateLimitedRetriedDelivered, Counter::kRateLimitedRetriedEnded) &&
         at_most(Counter::kRateLimitedRetriedEnded, Counter::kRetriedEnded) &&
         at_most(Counter::kTransientFailed, Counter::kTransient) &&
         at_most(Counter::kRateLimitedFailed, Counter::kRateLimited) &&
         at_most(Counter::kNearFailure, Counter::kPending);
}

}  // namespace

RollupReader::RollupReader(std::string_view flat, std::pmr::memory_resource *memory)
    : in_(flat), shape_(Shape::decode(in_, memory)) {
  shape_bytes_ = flat.substr(0, static_cast<std::size_t>(in_.position() - flat.data()));
  groups_ = groups_left_ = in_.varint();
}

bool RollupReader::next_group(Group &group) {
  Cell passed_over;
  while (next_cell(passed_over)) {
  }
  if (groups_left_ == 0) {
    if (in_.remaining() > 0) ByteReader::corrupt("bytes are left at its end");
    return false;
  }
  --groups_left_;

  const std::uint8_t flags = in_.byte();
  const bool same_tenant = (flags & 4U) != 0;
  if (flags > 6 || flags == 5 || (same_tenant && first_)) ByteReader::corrupt("a key has unknown flags");
  const Text tenant = same_tenant ? tenant_ : read_key((flags & 1U) != 0);
  const Text endpoint = read_key((flags & 2U) != 0);
  if (!first_) {
    const int order = compare(tenant_, tenant);
    // A tenant that is repeated, but not by the flag, would be a second encoding of the same rollup.
    if (order > 0 || (order == 0 && !same_tenant) || (order == 0 && compare(endpoint_, endpoint) >= 0)) {
      ByteReader::corrupt("its keys are not in order");
    }
  }
  first_ = false;
  tenant_ = tenant;
  endpoint_ = endpoint;
  cells_left_ = in_.varint();
  if (cells_left_ == 0) ByteReader::corrupt("a key has no cells");
  next_slot_ = 0;
  group = Group{tenant, endpoint, cells_left_};
  return true;
}

bool RollupReader::next_cell(Cell &cell) {
  if (cells_left_ == 0) return false;
  --cells_left_;

  const std::uint64_t gap = in_.varint();
  if (gap >= shape_.grid.slot_count() - next_slot_) ByteReader::corrupt("a slot is out of range");
  cell.slot = static_cast<std::uint32_t>(next_slot_ + gap);
  next_slot_ = std::uint64_t{cell.slot} + 1;

  const std::uint64_t present = in_.varint();
  if ((present & ~std::uint64_t{shape_.counters}) != 0) ByteReader::corrupt("a counter is unknown");
  // The counters that are not kept are 0 from the start.
  for (CounterSet set = shape_.counters; set != 0; set &= set - 1) {
    cell.tally.counts[static_cast<std::size_t>(__builtin_ctz(set))] = 0;
  }
  for (std::uint64_t bits = present; bits != 0; bits &= bits - 1) {
    const std::uint64_t count = in_.varint();
    if (count == 0 || count > kMaxCount) ByteReader::corrupt("a counter is out of range");
    cell.tally.counts[static_cast<std::size_t>(__builtin_ctzll(bits))] = count;
  }
  if (!is_consistent(cell.tally, shape_.counters)) ByteReader::corrupt("its counters contradict each other");
  return true;
}

void validate_rollup(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory) {
  RollupReader reader(flat, memory);
  RollupReader::Group group;
  RollupReader::Cell cell;
  while (reader.next_group(group)) {
    while (reader.next_cell(cell)) poll.tick();
  }
}

}  // namespace insights
