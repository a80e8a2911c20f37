// What a replay rests on: which endpoints are failing, and what retries have come to so far.
#pragma once

#include "../core/replay.hpp"
#include "query.hpp"
#include "window.hpp"

namespace insights::pg {

// Counts, in one scan with the caller's rights, what the advice on the window rests on; and looks up the incidents that
// are open. Between SPI_connect and SPI_finish.
ReplayAdvice *find_advice(Oid schema, const Window &window, const Source *source, const char *tenant);

// A delivery that failed. Its texts lie in SPI's memory.
struct Candidate {
  Text id;
  Timestamp created_at;
  Text tenant;
  Text endpoint;
  Text status;
  Text label;
  std::optional<int> score;
  std::optional<int> attempts;
  bool held;
  std::optional<double> expected_success_rate;  // in percent; none for a label that is not worth a replay
  Text reason;
};

// The oldest of those that the filter asks for, behind them those that are held back. All are failed or dead-lettered
// ones with an id, created in (after, until]. Between SPI_connect and SPI_finish.
struct CandidateRequest {
  Oid schema;
  const Source *source;
  const char *tenant;
  const DeliveryFilter *filter;
  Timestamp after, until;
  int max_rows;
};
const std::pmr::vector<Candidate> *list_candidates(const CandidateRequest &request, const ReplayAdvice &advice);

}  // namespace insights::pg
