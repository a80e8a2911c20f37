#include "phrases.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace insights {

namespace {

enum class Kind : std::uint8_t { kLimit, kTransient, kStatusAhead, kStatusInQuotes };

struct Phrase {
  std::string_view text;  // in lower case
  Kind kind;
  bool stem = false;  // words may go on behind it
};

constexpr Phrase transient(std::string_view text) { return {text, Kind::kTransient}; }
constexpr Phrase limit(std::string_view text) { return {text, Kind::kLimit}; }

// The original's, and what an answer's status stands behind: as any part of a text.
constexpr Phrase kParts[] = {
    {"'00", Kind::kStatusInQuotes},
    transient("connection refused"),
    {"http", Kind::kStatusAhead},
    {"indicate success", Kind::kStatusAhead},
    transient("network error"),
    limit("rate limit"),
    {"response", Kind::kStatusAhead},
    {"returned an error", Kind::kStatusAhead},
    {"returned error", Kind::kStatusAhead},
    transient("service unavailable"),
    {"status", Kind::kStatusAhead},
    transient("timed out"),
    transient("timeout"),
    {"title>", Kind::kStatusAhead},
    limit("too many requests"),
    transient("upstream error"),
};

// Whole words, to the default alone. Names of functions, codes and exceptions are words, too: a space is also "_", or
// nothing where a capital letter begins a word.
constexpr Phrase kWords[] = {
    limit("rate limit"),
    limit("too many requests"),
    {"throttl", Kind::kLimit, true},
    transient("connection refused"),
    transient("network error"),
    transient("service unavailable"),
    transient("timed out"),
    transient("upstream error"),

    // it took too long
    transient("deadline exceeded"),
    transient("esockettimedout"),
    transient("etimedout"),
    transient("execution expired"),
    transient("failed to respond"),
    transient("gateway time-out"),
    transient("task was canceled"),
    transient("timedout"),

    // its name has no address now
    transient("could not be resolved"),
    transient("could not resolve"),
    transient("couldn't resolve"),
    transient("couldnt resolve"),
    transient("dns"),
    transient("domain name not found"),
    transient("eai again"),
    transient("enotfound"),
    transient("eservfail"),
    transient("failed to lookup address"),
    transient("failed to resolve"),
    transient("gaierror"),
    transient("getaddrinfo"),
    transient("name does not resolve"),
    transient("name not resolved"),
    transient("name or service not known"),
    transient("name resolution"),
    transient("no address associated"),
    transient("no such host"),
    transient("nodename nor servname"),
    transient("non-existing domain"),
    transient("nxdomain"),
    transient("server misbehaving"),
    transient("servfail"),
    transient("unable to resolve"),
    transient("unknown host"),

    // it cannot be reached
    transient("actively refused"),
    transient("all connection attempts failed"),
    transient("bad gateway"),
    transient("client error (connect)"),
    transient("connect call failed"),
    transient("connect error"),
    transient("connect exception"),
    transient("connection attempt failed"),
    transient("connection failed"),
    transient("connection failure"),
    transient("could not connect"),
    transient("couldn't connect"),
    transient("couldnt connect"),
    transient("econnrefused"),
    transient("ehostdown"),
    transient("ehostunreach"),
    transient("enetdown"),
    transient("enetunreach"),
    transient("failed connect"),
    transient("failed to connect"),
    transient("failed to establish a new connection"),
    transient("failed to open tcp connection"),
    transient("fetch failed"),
    transient("host is down"),
    transient("host is unreachable"),
    transient("host unreachable"),
    transient("network is down"),
    transient("network is unreachable"),
    transient("network unreachable"),
    transient("no healthy upstream"),
    transient("no route to host"),
    transient("temporarily unavailable"),
    transient("unable to connect"),
    transient("unreachable host"),
    transient("unreachable network"),

    // it broke off
    transient(":closed"),
    transient("broke connection"),
    transient("broken pipe"),
    transient("cannot write to closing transport"),
    transient("closed channel"),
    transient("closed connection"),
    transient("closed idle connection"),
    transient("closed network connection"),
    transient("closed socket"),
    transient("closed the connection"),
    transient("closed without sending"),
    transient("connection abort"),
    transient("connection aborted"),
    transient("connection broken"),
    transient("connection closed"),
    transient("connection has been closed"),
    transient("connection is closed"),
    transient("connection lost"),
    transient("connection prematurely closed"),
    transient("connection reset"),
    transient("connection terminated"),
    transient("connection was aborted"),
    transient("connection was closed"),
    transient("connection was reset"),
    transient("disconnected"),
    transient("disconnect/reset before headers"),
    transient("econnaborted"),
    transient("econnreset"),
    transient("empty reply from server"),
    transient("end of file"),
    transient("ended prematurely"),
    transient("enetreset"),
    transient("eof"),
    transient("epipe"),
    transient("error in the http2 framing layer"),
    transient("error in the http/2 framing layer"),
    transient("error sending request"),
    transient("failed sending data to the peer"),
    transient("failure when receiving data from the peer"),
    transient("forcibly closed"),
    transient("incomplete message"),
    transient("incomplete read"),
    transient("no http response"),
    transient("not closed cleanly"),
    transient("occurred while sending the request"),
    transient("other side closed"),
    transient("partial file"),
    transient("premature close"),
    transient("read error"),
    transient("received no bytes"),
    transient("recv error"),
    transient("recv failure"),
    transient("remote protocol error"),
    transient("response payload is not completed"),
    transient("send error"),
    transient("send failure"),
    transient("sent goaway"),
    transient("server returned nothing"),
    transient("socket closed"),
    transient("socket error"),
    transient("socket hang up"),
    transient("socket has been closed"),
    transient("socket is closed"),
    transient("stream error"),
    transient("stream reset"),
    transient("stream was reset"),
    transient("transfer closed"),
    transient("typeerror: terminated"),
    transient("und err socket"),
    transient("unexpected end of stream"),
    transient("write error"),

    // no TLS with it
    transient("handshake"),
    transient("ssl connect error"),
    transient("ssl connection could not be established"),
    transient("ssl connect syscall"),
    transient("ssl error syscall"),
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
// Bytes beyond ASCII are letters of some language.
constexpr bool is_of_word(char c) { return is_letter(c) || static_cast<unsigned char>(c) >= 0x80; }
constexpr bool is_quote(char c) { return c == '\'' || c == '"' || c == '`'; }

// Phrases are found by the first three characters: five bits tell what each is.
constexpr unsigned kOther = 0, kSpace = 27, kDigit = 28, kQuote = 29, kNothing = 31;

constexpr unsigned code_of(char c) {
  if (is_letter(c)) return static_cast<unsigned>(lower(c) - 'a' + 1);
  if (is_digit(c)) return kDigit;
  if (is_quote(c)) return kQuote;
  return c == ' ' || c == '_' ? kSpace : kOther;
}

constexpr std::array<std::uint8_t, 256> make_codes() {
  std::array<std::uint8_t, 256> codes{};
  for (std::size_t c = 0; c < codes.size(); ++c) codes[c] = static_cast<std::uint8_t>(code_of(static_cast<char>(c)));
  return codes;
}
constexpr std::array<std::uint8_t, 256> kCodes = make_codes();

using Triple = std::uint16_t;
constexpr Triple kTriples = 1U << 15;

constexpr Triple follow(Triple triple, unsigned code) { return static_cast<Triple>((triple << 5 | code) % kTriples); }
constexpr Triple kBeginningOfText = follow(follow(0, kNothing), kNothing);

// The first three characters, spaces left out or not.
constexpr Triple triple_of(std::string_view text, bool spaces) {
  Triple triple = 0;
  int taken = 0;
  for (std::size_t i = 0; taken < 3; ++i) {
    if (!spaces && text[i] == ' ') continue;
    triple = follow(triple, code_of(text[i]));
    ++taken;
  }
  return triple;
}

// Phrases in the order of their triples and of their letters, so that those with a common beginning stand together.
template <std::size_t count>
class PhraseTable {
 public:
  struct Entry {
    Triple triple = 0;
    Phrase phrase{};
  };

  explicit constexpr PhraseTable(const Phrase (&phrases)[count]) : entries_{} {
    for (const Phrase &phrase : phrases) {
      const Triple triple = triple_of(phrase.text, true);
      const Triple without = triple_of(phrase.text, false);
      add({triple, phrase});
      if (without != triple) add({without, phrase});
    }
  }

  // Those that begin with a triple.
  const Entry *begin_of(Triple triple) const {
    return std::lower_bound(entries_.data(), entries_.data() + size_, triple,
                            [](const Entry &one, Triple wanted) { return one.triple < wanted; });
  }
  const Entry *end_of(Triple triple, const Entry *begin) const {
    while (begin != end() && begin->triple == triple) ++begin;
    return begin;
  }

  constexpr const Entry *begin() const { return entries_.data(); }
  constexpr const Entry *end() const { return entries_.data() + size_; }

 private:
  constexpr void add(const Entry &entry) {
    std::size_t at = size_++;
    for (; at > 0 && before(entry, entries_[at - 1]); --at) entries_[at] = entries_[at - 1];
    entries_[at] = entry;
  }

  static constexpr bool before(const Entry &a, const Entry &b) {
    return a.triple != b.triple ? a.triple < b.triple : a.phrase.text < b.phrase.text;
  }

  std::array<Entry, 2 * count> entries_;
  std::size_t size_ = 0;
};
constexpr PhraseTable kPartTable(kParts);
constexpr PhraseTable kWordTable(kWords);

// The triples with which phrases of a search begin.
class TripleSet {
 public:
  explicit constexpr TripleSet(bool limits_only) : words_{} {
    for (const auto &entry : kPartTable) add(entry.triple, entry.phrase, limits_only);
    for (const auto &entry : kWordTable) add(entry.triple, entry.phrase, limits_only);
  }

  bool has(Triple triple) const { return (words_[triple / 64] >> triple % 64 & 1) != 0; }

 private:
  constexpr void add(Triple triple, const Phrase &phrase, bool limits_only) {
    if (limits_only && phrase.kind != Kind::kLimit) return;
    words_[triple / 64] |= std::uint64_t{1} << triple % 64;
  }

  std::array<std::uint64_t, kTriples / 64> words_;
};
constexpr TripleSet kAll(false);
constexpr TripleSet kLimits(true);

// Whether `text` goes on with `word`, in any case, at `at`.
bool has_word(Text text, std::size_t at, std::string_view word) {
  return text.size() - at >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char w, char c) { return w == lower(c); });
}

// Whether a word begins at a capital letter within others: ReadTimeout, SSLError.
bool is_hump(Text text, std::size_t at) {
  if (at == 0 || !is_upper(text[at]) || !is_letter(text[at - 1])) return false;
  return !is_upper(text[at - 1]) || (at + 1 < text.size() && is_letter(text[at + 1]) && !is_upper(text[at + 1]));
}

// Whether a word may begin or end between `at` and the character before it.
bool is_edge(Text text, std::size_t at) {
  if (at == 0 || at == text.size()) return true;
  return !is_of_word(text[at - 1]) || !is_of_word(text[at]) || is_hump(text, at);
}

// Whether one of them has a space after so many characters; all are longer.
template <typename Entry>
bool any_space(const Entry *first, const Entry *last, std::size_t depth) {
  return std::any_of(first, last, [depth](const Entry &entry) { return entry.phrase.text[depth] == ' '; });
}

bool is_separator(char c) {
  return c == ' ' || c == ':' || c == '=' || c == '(' || c == '#' || c == '_' || is_quote(c);
}

// A number of three digits from 300 to 599, of which a rule knows each, that stands by itself at `at`.
std::int32_t status_at(Text text, std::size_t at) {
  if (text.size() - at < 3 || !is_digit(text[at]) || !is_digit(text[at + 1]) || !is_digit(text[at + 2])) {
    return kNoHttpStatus;
  }
  if (at + 3 < text.size() && (is_digit(text[at + 3]) || is_letter(text[at + 3]) || text[at + 3] == '.')) {
    // A full stop ends a sentence; with a digit behind it, it is a decimal point.
    if (text[at + 3] != '.' || (at + 4 < text.size() && is_digit(text[at + 4]))) return kNoHttpStatus;
  }
  const std::int32_t status = (text[at] - '0') * 100 + (text[at + 1] - '0') * 10 + (text[at + 2] - '0');
  return status >= 300 && status <= 599 ? status : kNoHttpStatus;
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

// The search of one text.
class Finder {
 public:
  Finder(Text text, Search search) : text_(text), search_(search) {
    // At its beginning: "503 Service Unavailable".
    const bool ends = text.size() <= 3 || is_separator(text[3]) || text[3] == ',';
    if (search.http_status && ends) found_.http_status = status_at(text, 0);
  }

  Findings run() {
    const TripleSet &beginnings = search_.transient || search_.http_status ? kAll : kLimits;
    Triple triple = kBeginningOfText;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      triple = follow(triple, kCodes[static_cast<unsigned char>(text_[i])]);
      if (!beginnings.has(triple)) continue;
      look(triple, i - 2);
      if (!found_.rate_limited.empty()) break;
    }
    return found_;
  }

 private:
  // Notes the phrases that begin with the triple and stand at `at`.
  void look(Triple triple, std::size_t at) {
    for (const auto *entry = kPartTable.begin_of(triple); entry != kPartTable.end() && entry->triple == triple;
         ++entry) {
      const Phrase &phrase = entry->phrase;
      if (phrase.kind == Kind::kStatusInQuotes || has_word(text_, at, phrase.text)) note(phrase, at);
    }
    if (search_.method == TriageMethod::kDefault && is_edge(text_, at)) look_for_words(triple, at);
  }

  // Follows the text as far as phrases go on with it.
  void look_for_words(Triple triple, std::size_t at) {
    const auto *first = kWordTable.begin_of(triple);
    const auto *last = kWordTable.end_of(triple, first);
    for (std::size_t depth = 0; first != last; ++depth) {
      if (first->phrase.text.size() == depth) {
        if (first->phrase.stem || is_edge(text_, at)) note(first->phrase, at);
        if (++first == last) return;
      }
      if (at == text_.size()) return;
      const bool hump = is_upper(text_[at]) && is_hump(text_, at) && any_space(first, last, depth);
      const char next = hump || text_[at] == '_' ? ' ' : lower(text_[at]);
      while (first != last && first->phrase.text[depth] < next) ++first;
      while (first != last && (last - 1)->phrase.text[depth] > next) --last;
      if (!hump) ++at;
    }
  }

  void note(const Phrase &phrase, std::size_t at) {
    switch (phrase.kind) {
      case Kind::kLimit:
        found_.rate_limited = phrase.text;
        return;
      case Kind::kTransient:
        if (search_.transient && found_.transient.empty()) found_.transient = phrase.text;
        return;
      case Kind::kStatusAhead:
        if (wants_status(at)) read_status(at + phrase.text.size());
        return;
      case Kind::kStatusInQuotes:
        // With words behind it.
        if (wants_status(at) && text_.size() - at > 5 && text_[at + 4] == ' ' && is_letter(text_[at + 5])) {
          found_.http_status = status_at(text_, at + 1);
        }
        return;
    }
  }

  bool wants_status(std::size_t at) const {
    return search_.http_status && found_.http_status == kNoHttpStatus && at >= passed_;
  }

  void read_status(std::size_t at) {
    pass_over_words(text_, at);
    passed_ = at;
    found_.http_status = status_at(text_, at);
  }

  const Text text_;
  const Search search_;
  Findings found_;
  std::size_t passed_ = 0;  // up to where words before a status have been passed over
};

}  // namespace

Findings search_error(Text error, Search search) noexcept {
  return error.empty() ? Findings() : Finder(error, search).run();
}

}  // namespace insights
