// Why a delivery failed, from its status, the HTTP status of the answer and the text of the error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text.hpp"

namespace insights {

// `reference` has the five rules of the original and no more; the default closes their holes: it knows more texts and
// the HTTP status in them, and nothing to triage in what its status calls delivered.
enum class TriageMethod { kDefault, kReference };

// "default", "reference". Error kInvalidArgument for any other.
TriageMethod triage_method_by_name(std::string_view name);

constexpr std::int32_t kNoHttpStatus = -1;

// What triage looks at; NULL texts and kNoHttpStatus where nothing is known.
struct TriageInput {
  Text status;
  std::int32_t http_status = kNoHttpStatus;
  Text error;
};

// The rules, in the order in which they are tried.
enum class TriageRule : std::uint8_t { kRateLimited, kTransient, kPermanent, kFailed, kNothing };

// What decided.
enum class TriageSignal : std::uint8_t { kHttpStatus, kHttpStatusInText, kPhrase, kStatus, kNone };

struct Triage {
  TriageRule rule = TriageRule::kNothing;
  TriageSignal signal = TriageSignal::kNone;
  std::int32_t http_status = kNoHttpStatus;  // that decided
  std::string_view phrase;                   // that decided, as it is searched for

  // One of the labels of label_name(); "unknown" also where there is nothing to triage.
  const char *label() const;
  int score() const;           // 50 to 95: how sure the label is
  const char *action() const;  // "wait_and_retry", "retry", "manual_fix", "review_then_retry", "none"
};

// How much of an error's text the default reads; what is beyond it is never looked at.
constexpr std::size_t kTriagedBytes = 2048;

// Never fails, and takes time in proportion to the size of the error, or to what is read of it.
Triage classify(const TriageInput &input, TriageMethod method) noexcept;

// One plain sentence that names the signal, into `buffer`; returns it.
constexpr std::size_t kLongestReason = 160;
std::string_view triage_reason(const Triage &triage, char (&buffer)[kLongestReason]);

}  // namespace insights
