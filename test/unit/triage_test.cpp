// Triage: the five rules of the original, by a second reading of them, and the holes that the default closes.
#include "triage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr TriageMethod kDefault = TriageMethod::kDefault;
constexpr TriageMethod kReference = TriageMethod::kReference;

// The outcomes of the five rules.
struct Outcome {
  std::string label;
  int score;
  std::string action;

  bool operator==(const Outcome &other) const {
    return label == other.label && score == other.score && action == other.action;
  }
};

std::ostream &operator<<(std::ostream &out, const Outcome &outcome) {
  return out << outcome.label << " " << outcome.score << " " << outcome.action;
}

const Outcome kRateLimited = {"rate_limited", 95, "wait_and_retry"};
const Outcome kTransient = {"transient_endpoint_down", 90, "retry"};
const Outcome kPermanent = {"permanent_4xx", 85, "manual_fix"};
const Outcome kFailed = {"unknown", 60, "review_then_retry"};
const Outcome kNothing = {"unknown", 50, "none"};

constexpr std::optional<int> kNoStatus;

Triage triage(TriageMethod method, const Value &status, std::optional<int> http_status, const Value &error) {
  return classify({text_of(status), http_status.value_or(kNoHttpStatus), text_of(error)}, method);
}

Outcome outcome_of(const Triage &triage) { return {triage.label(), triage.score(), triage.action()}; }

Outcome outcome(TriageMethod method, const Value &status, std::optional<int> http_status, const Value &error) {
  return outcome_of(triage(method, status, http_status, error));
}

// A failed delivery of which nothing but the text of its error is known.
Outcome by_text(const std::string &error, TriageMethod method = kDefault) {
  return outcome(method, "failed", kNoStatus, error);
}

std::string lower(std::string text) {
  for (char &c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string upper(std::string text) {
  for (char &c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

bool has_any(const std::string &text, const std::vector<std::string> &parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const std::string &part) { return contains(text, part); });
}

const std::vector<std::string> kLimitPhrases = {"rate limit", "too many requests"};
const std::vector<std::string> kTransientPhrases = {"connection refused", "timeout",       "timed out",
                                                    "upstream error",     "network error", "service unavailable"};

// The table of REFERENCE.md, from top to bottom.
Outcome by_the_book(const Value &status, std::optional<int> http_status, const Value &error) {
  const int http = http_status.value_or(0);
  const std::string text = lower(error.value_or(""));
  const std::string word = lower(status.value_or(""));
  if (http == 429 || has_any(text, kLimitPhrases)) return kRateLimited;
  if ((http >= 500 && http <= 599) || has_any(text, kTransientPhrases)) return kTransient;
  if (http >= 400 && http <= 499) return kPermanent;
  if (word == "failed" || word == "error" || word == "dead_letter") return kFailed;
  return kNothing;
}

const std::vector<Value> &statuses() {
  static const std::vector<Value> all = {std::nullopt,
                                         "",
                                         "failed",
                                         "FAILED",
                                         "Error",
                                         "dead_letter",
                                         "Dead_Letter",
                                         "pending",
                                         "delivered",
                                         "failed ",
                                         "dead letter",
                                         "errors",
                                         "xfailed",
                                         "retrying",
                                         std::string("failed\0", 7)};
  return all;
}

const std::vector<std::optional<int>> &http_statuses() {
  static const std::vector<std::optional<int>> all = {
      kNoStatus, 0,   1,   99,  100, 199, 200, 204, 299, 300, 301, 399, 400, 401,    403,     404,
      407,       408, 410, 422, 424, 425, 426, 428, 429, 430, 499, 500, 502, 503,    599,     600,
      999,       -1,  -5,  -2,  42,  404, 500, 429, 598, 501, 498, 302, 601, 100500, INT_MAX, INT_MIN};
  return all;
}

// Texts that say nothing beyond the original's phrases.
std::vector<Value> plain_texts() {
  std::vector<Value> texts = {std::nullopt, "",           "it broke", "limit",        "rate",        "rate  limit",
                              "ratelimit",  "time out",   "refused",  "connection",   "unavailable", "upstream errr",
                              "timed  out", "\xff\xfe é", "network",  "too many requ"};
  for (const auto *phrases : {&kLimitPhrases, &kTransientPhrases}) {
    for (const std::string &phrase : *phrases) {
      texts.push_back(phrase);
      texts.push_back(upper(phrase));
      texts.push_back("x" + phrase + "y");
      texts.push_back("The answer: " + phrase + "!");
      texts.push_back(std::string("\0", 1) + phrase);
      texts.push_back(phrase.substr(0, phrase.size() - 1));
      texts.push_back(phrase.substr(1));
    }
  }
  texts.push_back("timeout after a rate limit");
  texts.push_back("Too Many Requests, then Connection Refused");
  return texts;
}

// Texts in which the default sees what the original does not.
const std::vector<Value> kTelling = {
    "HTTP 503: try later", "HTTP/1.1 404",      "status code 502", "HTTP 429",
    "HTTP 301 Moved",      "DNS lookup failed", "read ECONNRESET", "throttled, timeout",
    "broken pipe",         "HTTP 999 xx",       "408 Request x",   "HTTP 404: timeout",
};

struct Case {
  Value status;
  std::optional<int> http_status;
  Value error;
};

// Calls visit(case) for all combinations.
template <typename Visit>
void for_each_case(const std::vector<Value> &errors, Visit visit) {
  for (const Value &status : statuses()) {
    for (const std::optional<int> &http_status : http_statuses()) {
      for (const Value &error : errors) visit(Case{status, http_status, error});
    }
  }
}

std::string text_of(const Case &of) {
  return "status " + of.status.value_or("NULL") + ", http status " +
         (of.http_status ? std::to_string(*of.http_status) : "NULL") + ", error " + of.error.value_or("NULL");
}

std::string reason_of(const Triage &triage) {
  char buffer[kLongestReason];
  return std::string(triage_reason(triage, buffer));
}

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
std::mt19937_64 printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return std::mt19937_64(seed);
}

}  // namespace

// Method `reference`

TEST(TriageReference, EachRule) {
  EXPECT_EQ(outcome(kReference, "failed", 429, "x"), kRateLimited);
  EXPECT_EQ(outcome(kReference, "failed", 503, "x"), kTransient);
  EXPECT_EQ(outcome(kReference, "failed", 404, "x"), kPermanent);
  EXPECT_EQ(outcome(kReference, "failed", 200, "x"), kFailed);
  EXPECT_EQ(outcome(kReference, "pending", 200, "x"), kNothing);
}

TEST(TriageReference, EveryCombinationByTheBook) {
  std::vector<Value> errors = plain_texts();
  errors.insert(errors.end(), kTelling.begin(), kTelling.end());
  for_each_case(errors, [](const Case &c) {
    EXPECT_EQ(outcome(kReference, c.status, c.http_status, c.error), by_the_book(c.status, c.http_status, c.error))
        << text_of(c);
  });
}

TEST(TriageReference, RangesOfTheHttpStatus) {
  const std::vector<std::pair<int, Outcome>> examples = {{399, kNothing},     {400, kPermanent},  {428, kPermanent},
                                                         {429, kRateLimited}, {430, kPermanent},  {499, kPermanent},
                                                         {500, kTransient},   {599, kTransient},  {600, kNothing},
                                                         {0, kNothing},       {INT_MAX, kNothing}};
  for (const auto &[http_status, expected] : examples) {
    EXPECT_EQ(outcome(kReference, std::nullopt, http_status, std::nullopt), expected) << http_status;
  }
}

TEST(TriageReference, TheFirstRuleThatMatchesDecides) {
  EXPECT_EQ(outcome(kReference, "failed", 429, "connection refused"), kRateLimited);
  EXPECT_EQ(outcome(kReference, "failed", 503, "rate limit exceeded"), kRateLimited);
  EXPECT_EQ(outcome(kReference, "failed", 404, "Too many requests"), kRateLimited);
  EXPECT_EQ(outcome(kReference, "failed", kNoStatus, "timeout, rate limit"), kRateLimited);
  EXPECT_EQ(outcome(kReference, "failed", 404, "gateway timeout"), kTransient);
  EXPECT_EQ(outcome(kReference, "dead_letter", 400, "bad"), kPermanent);
  // Even what was delivered, if there is an error to look at.
  EXPECT_EQ(outcome(kReference, "delivered", 500, std::nullopt), kTransient);
}

TEST(TriageReference, TextsInAnyCaseAndAnywhere) {
  for (const auto &[phrases, expected] : {std::pair(kLimitPhrases, kRateLimited), {kTransientPhrases, kTransient}}) {
    for (const std::string &phrase : phrases) {
      for (const std::string &text : {phrase, upper(phrase), "a" + phrase + "s", "\n" + phrase + "\n"}) {
        EXPECT_EQ(by_text(text, kReference), expected) << text;
        EXPECT_EQ(by_text(text, kDefault), expected) << text;
      }
      EXPECT_EQ(by_text(phrase.substr(1), kReference), kFailed) << phrase;
    }
  }
}

TEST(TriageReference, StatusesInAnyCaseButWhole) {
  for (const char *status : {"failed", "FAILED", "Error", "dead_letter", "DEAD_letter"}) {
    EXPECT_EQ(outcome(kReference, status, kNoStatus, std::nullopt), kFailed) << status;
  }
  for (const char *status : {"", "fail", "failed ", " failed", "failures", "dead", "dead-letter", "delivered"}) {
    EXPECT_EQ(outcome(kReference, status, kNoStatus, std::nullopt), kNothing) << status;
  }
  EXPECT_EQ(outcome(kReference, std::nullopt, kNoStatus, std::nullopt), kNothing);
}

TEST(TriageReference, KnowsNothingOfWhatTheDefaultSees) {
  for (const char *text :
       {"HTTP 503: x", "HTTP/1.1 404", "status code 502", "HTTP 429", "DNS lookup failed", "Connection reset by peer",
        "Broken pipe", "TLS handshake failed", "socket hang up", "request was throttled", "410 Gone"}) {
    EXPECT_EQ(by_text(text, kReference), kFailed) << text;
    EXPECT_EQ(outcome(kReference, "sent", kNoStatus, text), kNothing) << text;
  }
  EXPECT_EQ(outcome(kReference, "failed", 408, "x"), kPermanent);
  EXPECT_EQ(outcome(kReference, "failed", 425, "x"), kPermanent);
  EXPECT_EQ(outcome(kReference, "failed", 301, "x"), kFailed);
}

// The default

TEST(TriageDefault, AgreesWithTheOriginalWhereThatHasNoHole) {
  for_each_case(plain_texts(), [](const Case &c) {
    const int http = c.http_status.value_or(0);
    if ((http >= 300 && http <= 399) || http == 408 || http == 425) return;
    if (c.status == "delivered") return;
    const Outcome expected = by_the_book(c.status, c.http_status, c.error);
    if (http >= 400 && http <= 499 && expected == kTransient) return;  // a text against a status
    EXPECT_EQ(outcome(kDefault, c.status, c.http_status, c.error), expected) << text_of(c);
  });
}

TEST(TriageDefault, ACodeInTheTextCountsAsTheStatus) {
  struct Example {
    std::string text;
    int code;
    Outcome expected;
  };
  const std::vector<Example> examples = {
      {"HTTP 503: try again later", 503, kTransient},
      {"HTTP 503", 503, kTransient},
      {"http 500", 500, kTransient},
      {"HTTP/1.1 404", 404, kPermanent},
      {"HTTP/1.1 404 Not Found", 404, kPermanent},
      {"HTTP/2 502", 502, kTransient},
      {"404 Not Found", 404, kPermanent},
      {"500 Internal Server Error", 500, kTransient},
      {"410 Gone", 410, kPermanent},
      {"status code 502", 502, kTransient},
      {"Status Code: 422", 422, kPermanent},
      {"Request failed with status code 404", 404, kPermanent},
      {"Unexpected status 500.", 500, kTransient},
      {"status=403", 403, kPermanent},
      {"status_code=503, no body", 503, kTransient},
      {"statusCode: 400", 400, kPermanent},
      {"HTTP Error 404: Not Found", 404, kPermanent},
      {"The server said (HTTP 401)", 401, kPermanent},
      {"HTTP status 429", 429, kRateLimited},
      {"HTTP 408", 408, kTransient},
      {"HTTP 425: Too Early", 425, kTransient},
      {"HTTP 301 Moved Permanently", 301, kPermanent},
      {"HTTP 599", 599, kTransient},
      {"HTTP 499", 499, kPermanent},
      {"HTTP 400", 400, kPermanent},
      {"http went wrong, HTTP 404", 404, kPermanent},
      {"HTTP 999, then HTTP 404", 404, kPermanent},
  };
  for (const Example &example : examples) {
    SCOPED_TRACE(example.text);
    EXPECT_EQ(by_text(example.text), example.expected);
    EXPECT_EQ(by_text(upper(example.text)), example.expected);
    const Triage decided = triage(kDefault, "failed", kNoStatus, example.text);
    EXPECT_EQ(decided.signal, TriageSignal::kHttpStatusInText);
    EXPECT_EQ(decided.http_status, example.code);
    EXPECT_TRUE(contains(reason_of(decided), std::to_string(example.code))) << reason_of(decided);
    // What is no HTTP status stands for none.
    EXPECT_EQ(outcome(kDefault, "failed", 0, example.text), example.expected);
    EXPECT_EQ(outcome(kDefault, "failed", 999, example.text), example.expected);
  }
  EXPECT_EQ(by_text("503 Service Unavailable"), kTransient);
  EXPECT_EQ(by_text("HTTP 429: Too Many Requests"), kRateLimited);
}

TEST(TriageDefault, ANumberIsNotYetAStatus) {
  for (const char *text : {"took 503 ms",
                           "order 404 failed",
                           "port 5000",
                           "error 12345",
                           "waited 429 s",
                           "invoice 500 is not there",
                           "HTTP port 5000",
                           "status 12345",
                           "HTTP 50",
                           "HTTP 5031",
                           "HTTP 503rd",
                           "HTTP 0503",
                           "HTTP 999",
                           "HTTP 600",
                           "HTTP 099",
                           "line 503: syntax",
                           "http://10.0.0.1:8503/404",
                           "https://example.org/503/x",
                           "it costs $404",
                           "version 1.503.0",
                           "took 0.503 s",
                           "status 503.25",
                           "5000 Service calls",
                           "50 Server calls",
                           "http",
                           "status",
                           "HTTP/",
                           "HTTP/1.1",
                           "status code",
                           "HTTP 5",
                           "exit status 1",
                           "HTTP 200",
                           "status code 204"}) {
    EXPECT_EQ(by_text(text), kFailed) << text;
    EXPECT_EQ(outcome(kDefault, "sent", kNoStatus, text), kNothing) << text;
  }
}

TEST(TriageDefault, ARealStatusWinsOverTheText) {
  EXPECT_EQ(outcome(kDefault, "failed", 404, "HTTP 503: x"), kPermanent);
  EXPECT_EQ(outcome(kDefault, "failed", 500, "HTTP 404: x"), kTransient);
  EXPECT_EQ(outcome(kDefault, "failed", 400, "HTTP 429"), kPermanent);
  EXPECT_EQ(outcome(kDefault, "failed", 429, "status code 400"), kRateLimited);
  EXPECT_EQ(outcome(kDefault, "failed", 200, "status code 404"), kFailed);
  EXPECT_EQ(outcome(kDefault, "delivered", 200, "HTTP 503"), kNothing);
  const Triage decided = triage(kDefault, "failed", 404, "HTTP 503: x");
  EXPECT_EQ(decided.signal, TriageSignal::kHttpStatus);
  EXPECT_EQ(decided.http_status, 404);
}

TEST(TriageDefault, FailuresOfTheNetworkAreTransient) {
  for (const char *text :
       {// names
        "DNS lookup failed", "dns error", "getaddrinfo ENOTFOUND hooks.example.org",
        "[Errno -2] Name or service not known", "[Errno -3] Temporary failure in name resolution",
        "Could not resolve host: hooks.example.org", "dial tcp: lookup hooks.example.org: no such host",
        // connections
        "Connection reset by peer", "read ECONNRESET", "[Errno 32] Broken pipe", "write EPIPE",
        "connect ECONNREFUSED 10.0.0.1:443", "connect ETIMEDOUT 10.0.0.1:443", "No route to host",
        // TLS
        "TLS handshake failed", "TLS handshake error: EOF", "SSL handshake failed",
        // closed sockets
        "socket hang up", "Connection closed by remote host", "socket closed", "write to a closed socket"}) {
    EXPECT_EQ(by_text(text), kTransient) << text;
    EXPECT_EQ(by_text(upper(text)), kTransient) << text;
    EXPECT_EQ(by_text("(" + lower(text) + ")"), kTransient) << text;
    EXPECT_EQ(outcome(kDefault, std::nullopt, kNoStatus, text), kTransient) << text;
    const Triage decided = triage(kDefault, "failed", kNoStatus, text);
    EXPECT_EQ(decided.signal, TriageSignal::kPhrase) << text;
    EXPECT_TRUE(contains(lower(text), std::string(decided.phrase))) << decided.phrase;
  }
}

// The words in which widespread clients say the same.
TEST(TriageDefault, TextsOfWidespreadClients) {
  const std::vector<std::pair<const char *, Outcome>> examples = {
      // a name that does not resolve: glibc, musl, BSD and macOS, Java, resolvers
      {"[Errno -5] No address associated with hostname", kTransient},
      {"[Errno -2] Name does not resolve", kTransient},
      {"[Errno 8] nodename nor servname provided, or not known", kTransient},
      {"java.net.UnknownHostException: hooks.example.org", kTransient},
      {"hooks.example.org: NXDOMAIN", kTransient},
      // a TLS handshake: Go, OpenSSL, Node
      {"remote error: tls: handshake failure", kTransient},
      {"[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure (_ssl.c:1007)", kTransient},
      {"Client network socket disconnected before secure TLS connection was established", kTransient},
      // a socket that the other end has closed: Python, httpx and aiohttp, Go, Node
      {"Remote end closed connection without response", kTransient},
      {"Server disconnected without sending a response.", kTransient},
      {"write tcp 10.0.0.1:443: use of closed network connection", kTransient},
      {"Error: socket is closed", kTransient},
      // a status in the text: httpx, aiohttp, requests, urllib, axios
      {"Client error '404 Not Found' for url 'https://hooks.example.org/a'", kPermanent},
      {"Server error '500 Internal Server Error' for url 'https://hooks.example.org/a'", kTransient},
      {"404, message='Not Found', url='https://hooks.example.org/a'", kPermanent},
      {"500 Server Error: Internal Server Error for url: https://hooks.example.org/a", kTransient},
      {"HTTP Error 403: Forbidden", kPermanent},
      {"Request failed with status code 500", kTransient},
  };
  for (const auto &[text, expected] : examples) EXPECT_EQ(by_text(text), expected) << text;
}

TEST(TriageDefault, TooEarlyAndTooLateAreTransient) {
  for (const int http_status : {408, 425}) {
    EXPECT_EQ(outcome(kDefault, "failed", http_status, std::nullopt), kTransient) << http_status;
    EXPECT_EQ(outcome(kDefault, "failed", http_status, "request timeout"), kTransient) << http_status;
    EXPECT_EQ(outcome(kDefault, "failed", http_status, "rate limit"), kRateLimited) << http_status;
  }
  for (const int http_status : {407, 409, 424, 426}) {
    EXPECT_EQ(outcome(kDefault, "failed", http_status, std::nullopt), kPermanent) << http_status;
  }
}

TEST(TriageDefault, ThrottlingIsALimit) {
  for (const char *text : {"throttled", "ThrottlingException: slow down", "request was THROTTLED", "is_throttled"}) {
    EXPECT_EQ(by_text(text), kRateLimited) << text;
    EXPECT_EQ(outcome(kDefault, "failed", 400, text), kRateLimited) << text;
    EXPECT_EQ(outcome(kDefault, "failed", 503, text), kRateLimited) << text;
  }
  EXPECT_EQ(by_text("full throttle"), kRateLimited);
  EXPECT_EQ(by_text("thrott led"), kFailed);
  EXPECT_EQ(by_text("unthrottle me"), kFailed);
}

TEST(TriageDefault, GoneAndMovedArePermanent) {
  for (const int http_status : {300, 301, 302, 304, 307, 308, 399, 410}) {
    EXPECT_EQ(outcome(kDefault, "failed", http_status, "moved"), kPermanent) << http_status;
    EXPECT_EQ(outcome(kDefault, std::nullopt, http_status, std::nullopt), kPermanent) << http_status;
  }
  EXPECT_EQ(outcome(kDefault, "failed", 299, "moved"), kFailed);
  EXPECT_EQ(outcome(kDefault, "failed", 410, "Gone; connection closed"), kPermanent);
}

TEST(TriageDefault, APermanentStatusIsNotTurnedByAText) {
  for (const int http_status : {400, 401, 404, 410, 422, 499}) {
    for (const std::string &phrase : kTransientPhrases) {
      EXPECT_EQ(outcome(kDefault, "failed", http_status, "invalid: " + phrase), kPermanent) << phrase;
      EXPECT_EQ(outcome(kReference, "failed", http_status, "invalid: " + phrase), kTransient) << phrase;
    }
  }
  EXPECT_EQ(by_text("HTTP 422: timeout must be a number"), kPermanent);
  EXPECT_EQ(by_text("404 Not Found: no such host"), kPermanent);
  // But a limit is a limit, whatever the status (the first rule).
  EXPECT_EQ(outcome(kDefault, "failed", 403, "API rate limit exceeded"), kRateLimited);
  EXPECT_EQ(by_text("HTTP 403: rate limit"), kRateLimited);
  // And what is no error says nothing against a text.
  EXPECT_EQ(outcome(kDefault, "failed", 200, "timeout while reading the body"), kTransient);
}

TEST(TriageDefault, RangesOfTheHttpStatus) {
  const std::vector<std::pair<int, Outcome>> examples = {
      {99, kNothing},      {100, kNothing},    {200, kNothing},   {299, kNothing},   {300, kPermanent},
      {399, kPermanent},   {400, kPermanent},  {499, kPermanent}, {500, kTransient}, {599, kTransient},
      {600, kNothing},     {0, kNothing},      {-1, kNothing},    {-404, kNothing},  {429, kRateLimited},
      {INT_MAX, kNothing}, {INT_MIN, kNothing}};
  for (const auto &[http_status, expected] : examples) {
    EXPECT_EQ(outcome(kDefault, std::nullopt, http_status, std::nullopt), expected) << http_status;
  }
}

TEST(TriageDefault, WhatWasDeliveredHasNothingToTriage) {
  for (const auto &[word, status] : usual_words()) {
    if (status != StatusClass::kDelivered) continue;
    for (const std::optional<int> &http_status : http_statuses()) {
      EXPECT_EQ(outcome(kDefault, upper(word), http_status, "timeout, rate limit"), kNothing) << word;
    }
    EXPECT_EQ(outcome(kReference, word, 200, "timeout"), kTransient) << word;
  }
  EXPECT_EQ(outcome(kDefault, "pending", 200, "timeout"), kTransient);
}

TEST(TriageDefault, TheUsualWordsOfAFailure) {
  for (const auto &[word, status] : usual_words()) {
    const bool failed = status == StatusClass::kFailed || status == StatusClass::kDeadLetter;
    EXPECT_EQ(outcome(kDefault, word, kNoStatus, std::nullopt), failed ? kFailed : kNothing) << word;
    EXPECT_EQ(outcome(kDefault, upper(word), kNoStatus, std::nullopt), failed ? kFailed : kNothing) << word;
  }
  EXPECT_EQ(outcome(kDefault, std::nullopt, kNoStatus, std::nullopt), kNothing);
  EXPECT_EQ(outcome(kDefault, "", kNoStatus, ""), kNothing);
}

// Reasons

TEST(TriageReason, NamesWhatDecided) {
  struct Example {
    Triage triage;
    std::vector<std::string> named;
  };
  const std::vector<Example> examples = {
      {triage(kDefault, "failed", 503, "x"), {"503"}},
      {triage(kDefault, "failed", 429, "timeout"), {"429"}},
      {triage(kReference, "failed", 404, "x"), {"404"}},
      {triage(kDefault, "failed", 404, "a timeout"), {"404"}},
      {triage(kDefault, "failed", 302, "x"), {"302"}},
      {triage(kDefault, "failed", kNoStatus, "HTTP 502: x"), {"502", "text"}},
      {triage(kDefault, "failed", kNoStatus, "Connection Reset by peer"), {"\"connection reset\"", "text"}},
      {triage(kReference, "failed", 404, "Timed Out"), {"\"timed out\"", "text"}},
      {triage(kReference, "failed", 503, "Rate Limit"), {"\"rate limit\"", "text"}},
      {triage(kReference, "failed", 200, "x"), {"status", "failed"}},
      {triage(kReference, "sent", 200, "x"), {"Nothing"}},
  };
  for (const Example &example : examples) {
    const std::string reason = reason_of(example.triage);
    for (const std::string &named : example.named) EXPECT_TRUE(contains(reason, named)) << reason;
  }
  // Only what decided is named.
  EXPECT_FALSE(contains(reason_of(triage(kDefault, "failed", 429, "timeout")), "timeout"));
  EXPECT_FALSE(contains(reason_of(triage(kReference, "failed", 404, "timed out")), "404"));
}

// That of the tests above goes for every case: one sentence, which fits, of what is really there.
TEST(TriageReason, IsOnePlainSentence) {
  std::vector<Value> errors = plain_texts();
  errors.insert(errors.end(), kTelling.begin(), kTelling.end());
  for_each_case(errors, [](const Case &c) {
    SCOPED_TRACE(text_of(c));
    for (const TriageMethod method : {kDefault, kReference}) {
      const Triage decided = triage(method, c.status, c.http_status, c.error);
      char buffer[kLongestReason];
      std::fill(std::begin(buffer), std::end(buffer), '\x7f');
      const std::string reason(triage_reason(decided, buffer));
      ASSERT_LT(reason.size(), kLongestReason);
      ASSERT_GT(reason.size(), 10U);
      EXPECT_TRUE(reason[0] >= 'A' && reason[0] <= 'Z') << reason;
      EXPECT_EQ(reason.find('.'), reason.size() - 1) << reason;
      EXPECT_TRUE(std::all_of(reason.begin(), reason.end(), [](char x) { return x >= ' ' && x <= '~'; })) << reason;
      switch (decided.signal) {
        case TriageSignal::kHttpStatus:
          EXPECT_EQ(c.http_status, decided.http_status);
          break;
        case TriageSignal::kHttpStatusInText:
          EXPECT_TRUE(contains(*c.error, std::to_string(decided.http_status)));
          break;
        case TriageSignal::kPhrase:
          EXPECT_TRUE(contains(lower(*c.error), std::string(decided.phrase)));
          EXPECT_TRUE(contains(reason, std::string(decided.phrase)));
          break;
        case TriageSignal::kStatus:
          EXPECT_TRUE(c.status.has_value());
          EXPECT_EQ(outcome_of(decided), kFailed);
          break;
        case TriageSignal::kNone:
          EXPECT_EQ(outcome_of(decided), kNothing);
      }
    }
  });
}

// Methods

TEST(TriageMethod, ByName) {
  EXPECT_EQ(triage_method_by_name("default"), kDefault);
  EXPECT_EQ(triage_method_by_name("reference"), kReference);
  for (const char *name : {"", "Default", "rate", "reference ", "none"}) {
    try {
      triage_method_by_name(name);
      ADD_FAILURE() << name << " is a method";
    } catch (const Error &error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_TRUE(contains(error.what(), std::string("\"") + name + "\"")) << error.what();
      EXPECT_TRUE(contains(error.hint(), "reference")) << error.hint();
    }
  }
}

// Texts of every kind: each in memory of its own size, so that a look beyond its end is seen.
TEST(Triage, RandomTextsByTheBook) {
  std::mt19937_64 random = printed_random();
  const std::vector<std::string> pieces = {"rate limit", "Too many requests",
                                           "timeout",    "time",
                                           "d out",      "connection ",
                                           "refused",    "HTTP",
                                           "http/1.1",   " ",
                                           "status",     "code",
                                           "503",        "404",
                                           "429",        ":",
                                           "/",          ".",
                                           "5",          "\xff",
                                           "throttl",    "Broken pipe",
                                           "dns",        "e",
                                           "error",      "network ",
                                           "s",          "\n",
                                           "=",          "rat"};
  for (int i = 0; i < 20000; ++i) {
    std::string joined;
    for (std::size_t part = below(random, 7); part > 0; --part) joined += pick(random, pieces);
    joined.resize(joined.size() - std::min(joined.size(), below(random, 3)));
    const std::vector<char> exact(joined.begin(), joined.end());
    const Text text(exact.data() == nullptr ? "" : exact.data(), exact.size());
    const auto http_status = pick(random, http_statuses());
    const Value status = pick(random, statuses());
    const TriageInput input = {text_of(status), http_status.value_or(kNoHttpStatus), text};
    EXPECT_EQ(outcome_of(classify(input, kReference)), by_the_book(status, http_status, joined)) << joined;

    const Triage decided = classify(input, kDefault);
    if (status == "delivered") {
      EXPECT_EQ(outcome_of(decided), kNothing) << joined;
      continue;
    }
    const Outcome reference = by_the_book(status, http_status, joined);
    // Neither method calls a limit anything else, and the default knows all failures of the original.
    EXPECT_TRUE(reference == kRateLimited ? outcome_of(decided) == kRateLimited : true) << joined;
    EXPECT_GE(decided.score(), reference == kTransient ? kPermanent.score : reference.score) << joined;
    if (decided.signal == TriageSignal::kPhrase) {
      EXPECT_TRUE(contains(lower(joined), std::string(decided.phrase))) << joined;
    }
  }
}
