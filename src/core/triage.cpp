#include "triage.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "error.hpp"
#include "status.hpp"

namespace insights {

namespace {

struct Phrase {
  std::string_view text;  // in lower case
  TriageRule rule;
  bool reference;  // the original knows it
};

// In the order of their first letter, by which they are found.
constexpr Phrase kPhrases[] = {
    {"bad gateway", TriageRule::kTransient, false},
    {"broken pipe", TriageRule::kTransient, false},
    {"closed socket", TriageRule::kTransient, false},
    {"closed connection", TriageRule::kTransient, false},
    {"closed network connection", TriageRule::kTransient, false},
    {"connection aborted", TriageRule::kTransient, false},
    {"connection closed", TriageRule::kTransient, false},
    {"connection refused", TriageRule::kTransient, true},
    {"connection reset", TriageRule::kTransient, false},
    {"could not resolve", TriageRule::kTransient, false},
    {"deadline exceeded", TriageRule::kTransient, false},
    {"dns", TriageRule::kTransient, false},
    {"econnrefused", TriageRule::kTransient, false},
    {"econnreset", TriageRule::kTransient, false},
    {"ehostunreach", TriageRule::kTransient, false},
    {"eai_again", TriageRule::kTransient, false},
    {"enotfound", TriageRule::kTransient, false},
    {"epipe", TriageRule::kTransient, false},
    {"getaddrinfo", TriageRule::kTransient, false},
    {"handshake", TriageRule::kTransient, false},
    {"host unreachable", TriageRule::kTransient, false},
    {"name or service not known", TriageRule::kTransient, false},
    {"name does not resolve", TriageRule::kTransient, false},
    {"name resolution", TriageRule::kTransient, false},
    {"network error", TriageRule::kTransient, true},
    {"network is unreachable", TriageRule::kTransient, false},
    {"nxdomain", TriageRule::kTransient, false},
    {"nodename nor servname", TriageRule::kTransient, false},
    {"no route to host", TriageRule::kTransient, false},
    {"no address associated", TriageRule::kTransient, false},
    {"no such host", TriageRule::kTransient, false},
    {"rate limit", TriageRule::kRateLimited, true},
    {"server disconnected", TriageRule::kTransient, false},
    {"service unavailable", TriageRule::kTransient, true},
    {"socket closed", TriageRule::kTransient, false},
    {"socket is closed", TriageRule::kTransient, false},
    {"socket disconnected", TriageRule::kTransient, false},
    {"socket hang up", TriageRule::kTransient, false},
    {"throttl", TriageRule::kRateLimited, false},
    {"timed out", TriageRule::kTransient, true},
    {"timedout", TriageRule::kTransient, false},
    {"timeout", TriageRule::kTransient, true},
    {"too many requests", TriageRule::kRateLimited, true},
    {"unknownhost", TriageRule::kTransient, false},
    {"upstream error", TriageRule::kTransient, true},
};

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

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

// Whether `text` goes on with `word`, in any case, at `at`.
bool has_word(Text text, std::size_t at, std::string_view word) {
  return text.size() - at >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char w, char c) { return w == lower(c); });
}

// For each letter, the first phrase that begins with it; one letter's phrases stand together.
constexpr std::array<std::uint8_t, 256> first_phrases() {
  std::array<std::uint8_t, 256> first{};
  for (auto &entry : first) entry = std::size(kPhrases);
  for (std::size_t i = std::size(kPhrases); i-- > 0;) {
    first[static_cast<unsigned char>(kPhrases[i].text[0])] = static_cast<std::uint8_t>(i);
  }
  return first;
}
constexpr std::array<std::uint8_t, 256> kFirstPhrase = first_phrases();

// The phrases that are in the error: for each rule the first one. One pass.
struct Phrases {
  const Phrase *of_rule[static_cast<int>(TriageRule::kNothing)] = {};

  const Phrase *of(TriageRule rule) const { return of_rule[static_cast<int>(rule)]; }
};

Phrases find_phrases(Text error, TriageMethod method) {
  Phrases found;
  for (std::size_t at = 0; at < error.size(); ++at) {
    const char letter = lower(error[at]);
    for (std::size_t i = kFirstPhrase[static_cast<unsigned char>(letter)];
         i < std::size(kPhrases) && kPhrases[i].text[0] == letter; ++i) {
      const Phrase &phrase = kPhrases[i];
      const Phrase *&place = found.of_rule[static_cast<int>(phrase.rule)];
      if (place == nullptr && (phrase.reference || method == TriageMethod::kDefault) &&
          has_word(error, at, phrase.text)) {
        place = &phrase;
      }
    }
  }
  return found;
}

bool is_separator(char c) {
  return c == ' ' || c == ':' || c == '=' || c == '(' || c == '"' || c == '\'' || c == '#' || c == '_';
}

// A number of three digits from 100 to 599 that stands by itself at `at`.
std::int32_t status_at(Text text, std::size_t at) {
  if (text.size() - at < 3 || !is_digit(text[at]) || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) {
    return kNoHttpStatus;
  }
  if (at + 3 < text.size() && (is_digit(text[at + 3]) || is_letter(text[at + 3]) || text[at + 3] == '.')) {
    // A full stop ends a sentence; with a digit behind it, it is a decimal point.
    if (text[at + 3] != '.' || (at + 4 < text.size() && is_digit(text[at + 4]))) return kNoHttpStatus;
  }
  const std::int32_t status = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
  return status >= 100 && status <= 599 ? status : kNoHttpStatus;
}

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

// Moves `at` from behind "http", "status" or "response" over its version ("/1.1"), further words that say the same, and
// separators.
void pass_over_words(Text text, std::size_t &at) {
  if (at < text.size() && text[at] == '/') {
    while (at < text.size() && (text[at] == '/' || text[at] == '.' || is_digit(text[at]))) ++at;
  }
  for (;;) {
    while (at < text.size() && is_separator(text[at])) ++at;
    std::size_t word = 0;
    for (const std::string_view known : {"code", "status", "error", "response"}) {
      if (has_word(text, at, known)) word = known.size();
    }
    if (word == 0) return;
    at += word;
  }
}

// Whether a status that a rule knows stands at `at`.
bool has_status(Text text, std::size_t at) {
  const std::int32_t status = status_at(text, at);
  return status != kNoHttpStatus && rule_of_status(status, TriageMethod::kDefault) != TriageRule::kNothing;
}

// An HTTP status that a rule knows and the text gives: "HTTP 503", "HTTP/1.1 503", "status code: 503"; or at its
// beginning, "503 Service Unavailable", or that of a quotation with words behind it. Each byte is looked at once or
// twice, whatever the text.
std::int32_t status_in_text(Text text) {
  const bool ends = text.size() <= 3 || is_separator(text[3]) || text[3] == ',';
  if (ends && has_status(text, 0)) return status_at(text, 0);
  for (std::size_t at = 0; at < text.size();) {
    const char c = lower(text[at]);
    std::size_t word = 0;
    for (const std::string_view known : {"http", "status", "response"}) {
      if (c == known[0] && has_word(text, at, known)) word = known.size();
    }
    at += word > 0 ? word : 1;
    const bool quoted =
        (c == '\'' || c == '"') && text.size() - at > 4 && text[at + 3] == ' ' && is_letter(text[at + 4]);
    if (word > 0) pass_over_words(text, at);
    if ((word > 0 || quoted) && has_status(text, at)) return status_at(text, at);
  }
  return kNoHttpStatus;
}

bool says_failed(Text status, TriageMethod method) {
  if (is_null(status)) return false;
  if (method == TriageMethod::kDefault) {
    const StatusClass by_word = usual_status(status);
    return by_word == StatusClass::kFailed || by_word == StatusClass::kDeadLetter;
  }
  for (const std::string_view word : {"failed", "error", "dead_letter"}) {
    if (status.size() == word.size() && has_word(status, 0, word)) return true;
  }
  return false;
}

Triage by_phrase(const Phrase &phrase) { return {phrase.rule, TriageSignal::kPhrase, kNoHttpStatus, phrase.text}; }

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
  std::int32_t http_status = input.http_status;
  TriageSignal signal = TriageSignal::kHttpStatus;
  if (method == TriageMethod::kDefault && !in_range(http_status, 100, 599)) {
    http_status = status_in_text(input.error);
    signal = TriageSignal::kHttpStatusInText;
  }
  const TriageRule by_status = rule_of_status(http_status, method);
  const Phrases phrases = find_phrases(input.error, method);
  // A rule holds by the HTTP status or by a phrase. What the answer's own status calls permanent, the default does not
  // let a text call transient, since such texts merely mention a timeout.
  const bool keep_permanent = method == TriageMethod::kDefault && by_status == TriageRule::kPermanent;
  for (const TriageRule rule : {TriageRule::kRateLimited, TriageRule::kTransient, TriageRule::kPermanent}) {
    if (by_status == rule) return {rule, signal, http_status, {}};
    const Phrase *phrase = phrases.of(rule);
    if (phrase != nullptr && !(rule == TriageRule::kTransient && keep_permanent)) return by_phrase(*phrase);
  }
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
