#include "triage.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include "error.hpp"
#include "phrases.hpp"
#include "status.hpp"

namespace insights {

namespace {

struct Outcome {
  LabelClass label;
  int score;
  const char *action;
};

constexpr Outcome kOutcomes[] = {
    {LabelClass::kRateLimited, 95, "wait_and_retry"},
    {LabelClass::kTransient, 90, "retry"},
    {LabelClass::kPermanent, 85, "manual_fix"},
    {LabelClass::kOther, 60, "review_then_retry"},
    {LabelClass::kOther, 50, "none"},
};

const Outcome &outcome_of(TriageRule rule) { return kOutcomes[static_cast<int>(rule)]; }

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr bool in_range(std::int32_t status, std::int32_t least, std::int32_t most) {
  return status >= least && status <= most;
}

// The rule that an HTTP status alone falls under.
TriageRule rule_of_status(std::int32_t status, TriageMethod method) {
  if (status == 429) return TriageRule::kRateLimited;
  if (in_range(status, 500, 599)) return TriageRule::kTransient;
  if (method == TriageMethod::kDefault) {
    if (status == 408 || status == 425) return TriageRule::kTransient;
    if (in_range(status, 300, 399)) return TriageRule::kPermanent;
  }
  return in_range(status, 400, 499) ? TriageRule::kPermanent : TriageRule::kNothing;
}

bool is_word(Text status, std::string_view word) {
  return status.size() == word.size() && std::equal(word.begin(), word.end(), status.begin(), [](char w, char c) {
           return w == (c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
         });
}

bool says_failed(Text status, TriageMethod method) {
  if (is_null(status)) return false;
  if (method == TriageMethod::kDefault) {
    const StatusClass by_word = usual_status(status);
    return by_word == StatusClass::kFailed || by_word == StatusClass::kDeadLetter;
  }
  return is_word(status, "failed") || is_word(status, "error") || is_word(status, "dead_letter");
}

// What was delivered failed no more, whatever the answer says: to the default.
bool says_delivered(Text status, TriageMethod method) {
  return method == TriageMethod::kDefault && !is_null(status) && usual_status(status) == StatusClass::kDelivered;
}

// What the default reads of an error: its beginning, up to the end of a word.
Text head_of(Text error) {
  if (error.size() <= kTriagedBytes) return error;
  std::size_t size = kTriagedBytes;
  while (size > 0 && !is_space(error[size])) --size;
  return error.substr(0, size > 0 ? size : kTriagedBytes);
}

// How far the text may turn what the HTTP status says: a limit goes before all. What the answer's own status calls
// permanent, the default does not let a text call transient, since such texts merely mention a timeout.
Search search_by(TriageRule by_status, TriageMethod method) {
  const bool settled =
      by_status == TriageRule::kTransient || (by_status == TriageRule::kPermanent && method == TriageMethod::kDefault);
  return {method, !settled, false};
}

Triage by_http_status(TriageRule rule, TriageSignal signal, std::int32_t status) { return {rule, signal, status, {}}; }
Triage by_phrase(TriageRule rule, std::string_view phrase) {
  return {rule, TriageSignal::kPhrase, kNoHttpStatus, phrase};
}

}  // namespace

TriageMethod triage_method_by_name(std::string_view name) {
  if (name == "default") return TriageMethod::kDefault;
  if (name == "reference") return TriageMethod::kReference;
  throw Error(ErrorKind::kInvalidArgument, "unknown method of triage \"" + std::string(name) + "\"",
              "Methods are \"default\" and \"reference\".");
}

const char *Triage::label() const { return label_name(outcome_of(rule).label); }
int Triage::score() const { return outcome_of(rule).score; }
const char *Triage::action() const { return outcome_of(rule).action; }

Triage classify(const TriageInput &input, TriageMethod method) noexcept {
  if (says_delivered(input.status, method)) return {};
  const bool known = method == TriageMethod::kReference || in_range(input.http_status, 100, 599);
  TriageRule by_status = known ? rule_of_status(input.http_status, method) : TriageRule::kNothing;
  if (by_status == TriageRule::kRateLimited)
    return by_http_status(by_status, TriageSignal::kHttpStatus, input.http_status);
  Search search = search_by(by_status, method);
  search.http_status = !known;
  const Findings found = search_error(method == TriageMethod::kDefault ? head_of(input.error) : input.error, search);
  const std::int32_t http_status = known ? input.http_status : found.http_status;
  const TriageSignal signal = known ? TriageSignal::kHttpStatus : TriageSignal::kHttpStatusInText;
  if (!known) by_status = rule_of_status(http_status, method);
  // The rules in their order: each holds by the HTTP status or by a phrase.
  if (by_status == TriageRule::kRateLimited) return by_http_status(by_status, signal, http_status);
  if (!found.rate_limited.empty()) return by_phrase(TriageRule::kRateLimited, found.rate_limited);
  if (by_status == TriageRule::kTransient) return by_http_status(by_status, signal, http_status);
  if (!found.transient.empty() && search_by(by_status, method).transient) {
    return by_phrase(TriageRule::kTransient, found.transient);
  }
  if (by_status == TriageRule::kPermanent) return by_http_status(by_status, signal, http_status);
  if (says_failed(input.status, method)) return {TriageRule::kFailed, TriageSignal::kStatus, kNoHttpStatus, {}};
  return {};
}

std::string_view triage_reason(const Triage &triage, char (&buffer)[kLongestReason]) {
  constexpr const char *kMeaning[] = {"the endpoint limits how often it is called", "the endpoint is down for now",
                                      "the endpoint refuses this delivery for good"};
  int size = 0;
  switch (triage.signal) {
    case TriageSignal::kHttpStatus:
      size = std::snprintf(buffer, kLongestReason, "HTTP status %d: %s.", triage.http_status,
                           kMeaning[static_cast<int>(triage.rule)]);
      break;
    case TriageSignal::kHttpStatusInText:
      size = std::snprintf(buffer, kLongestReason, "The error text gives HTTP status %d: %s.", triage.http_status,
                           kMeaning[static_cast<int>(triage.rule)]);
      break;
    case TriageSignal::kPhrase:
      size = std::snprintf(buffer, kLongestReason, "The error text says \"%.*s\": %s.",
                           static_cast<int>(triage.phrase.size()), triage.phrase.data(),
                           kMeaning[static_cast<int>(triage.rule)]);
      break;
    case TriageSignal::kStatus:
      return "Its status says that it failed, and nothing says why.";
    case TriageSignal::kNone:
      return "Nothing says that it failed.";
  }
  return {buffer, static_cast<std::size_t>(size)};
}

}  // namespace insights
