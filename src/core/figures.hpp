// The figures of the reports, from what a rollup counts.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "poll.hpp"
#include "rollup_reader.hpp"
#include "tally.hpp"

namespace insights {

// 100 part / whole with 1 decimal, rounded half away from zero on the exact value; 0 where whole is 0. Both at most
// 2^53.
double percent(std::uint64_t part, std::uint64_t whole);

// Deliveries that failed for good, as the reports see it: failed or dead_letter by their status.
inline std::uint64_t failures_of(const Tally &tally) { return tally[Counter::kFailed] + tally[Counter::kDeadLetter]; }

// Settled: delivered, failed or dead_letter.
inline std::uint64_t settled_of(const Tally &tally) { return tally[Counter::kDelivered] + failures_of(tally); }

// Deliveries with the triage label; kNone: without one. All classes together are the total.
std::uint64_t labelled(const Tally &tally, LabelClass label);

// Rates in percent (see percent()).
std::optional<double> success_rate(const Tally &tally);  // delivered / settled; none where none has settled
double reference_success_rate(const Tally &tally);       // delivered / total, as the original has it
double failure_rate(const Tally &tally);                 // failures / total
double retry_success_rate(const Tally &tally);           // of those attempted more than once, the delivered ones
// Of those that are transient, or were before they arrived, those that were delivered after more than one attempt.
double transient_retry_success_rate(const Tally &tally);
// Of the deliveries whose first attempt has an outcome (they settled, or were attempted again), those it delivered.
double first_attempt_success_rate(const Tally &tally);
// Attempts of a delivered one, with 2 decimals, rounded half away from zero; 0 where there is none.
double mean_attempts(const Tally &tally);

// Deliveries that were replayed: by operators, or, where that is not known, those attempted more than once.
struct ReplayFigures {
  std::uint64_t replayed;
  std::uint64_t delivered;  // of those
  bool by_operators;

  const char *counted_from() const { return by_operators ? "replays" : "attempts"; }
  double success_rate() const { return percent(delivered, replayed); }
};

// What each slot of a rollup counts, over all groups.
std::pmr::vector<Tally> read_slots(std::string_view flat, Poll &poll, std::pmr::memory_resource *memory);

}  // namespace insights
