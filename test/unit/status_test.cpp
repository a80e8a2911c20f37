// What a raw status means: the usual words, a source's own map, and the cache in front of both.
#include "status.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

const Statuses kOwnStatuses = {
    {"2", StatusClass::kDelivered},    {"OK", StatusClass::kDelivered},
    {"", StatusClass::kPending},       {"t", StatusClass::kFailed},
    {"x\0y", StatusClass::kFailed},    {std::string("x\0y", 3), StatusClass::kDeadLetter},
    {"other", StatusClass::kUnmapped},
};

std::string upper(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  return word;
}

// Every other letter as a capital one.
std::string mixed(std::string word) {
  for (std::size_t i = 0; i < word.size(); i += 2) word[i] = static_cast<char>(std::toupper(word[i]));
  return word;
}

std::string bytes_of(const StatusMap &map) {
  ByteWriter out(heap());
  map.encode(out);
  return std::string(out.written());
}

StatusMap decode(const std::string &bytes) {
  ByteReader reader(bytes);
  return StatusMap::decode(reader, heap());
}

struct Forgery {
  std::string raw;
  std::uint8_t status;
};

std::string forged(std::uint64_t count, const std::vector<Forgery> &entries) {
  ByteWriter out(heap());
  out.put_varint(count);
  for (const Forgery &entry : entries) {
    out.put_text(entry.raw);
    out.put_byte(entry.status);
  }
  return std::string(out.written());
}

}  // namespace

TEST(Status, UsualWordsInAnyCase) {
  const StatusMap map(heap());
  for (const auto &[word, status] : usual_words()) {
    for (const std::string &raw : {word, upper(word), mixed(word)}) EXPECT_EQ(map.classify(raw), status) << raw;
  }
}

TEST(Status, WhatIsNoUsualWord) {
  const StatusMap map(heap());
  for (const auto &[word, status] : usual_words()) {
    for (const std::string &raw :
         {word + " ", " " + word, word + "s", word + std::string(1, '\0'), "\xc3\xa9" + word}) {
      EXPECT_EQ(map.classify(raw), StatusClass::kUnmapped) << raw;
    }
  }
  // Only letters have a case: '[' is '{' with another bit, as 'K' is 'k'.
  for (const char *raw : {"", "unmapped", "dead letter", "DEAD\x7fLETTER", "dead-letter", "unknown", "new", "2", "true",
                          "o\x0b", "\xcf\x8b", "cancelled", "canceled"}) {
    EXPECT_EQ(map.classify(raw), StatusClass::kUnmapped) << raw;
  }
}

TEST(Status, WordsThatMeanAnotherThingElsewhere) {
  for (const char *raw : {"retry", "Retry", "RETRYING", "retryable", "deferred", "Discarded"}) {
    EXPECT_NE(doubt_of(raw, false), nullptr) << raw;
    EXPECT_NE(doubt_of(raw, true), nullptr) << raw;
    EXPECT_NE(usual_status(raw), StatusClass::kUnmapped) << raw;
  }
  EXPECT_NE(doubt_of("Sent", true), nullptr);
  for (const char *raw : {"sent", "scheduled", "failed", "delivered", "", "cancelled", "retry "}) {
    EXPECT_EQ(doubt_of(raw, false), nullptr) << raw;
  }
}

TEST(Status, NullAndLongValues) {
  const std::string long_value(100000, 'x');
  const StatusMap usual(heap());
  EXPECT_EQ(usual.classify(Text()), StatusClass::kUnmapped);
  EXPECT_EQ(usual.classify(long_value), StatusClass::kUnmapped);
  EXPECT_EQ(usual.classify("delivered" + long_value), StatusClass::kUnmapped);

  const StatusMap own = status_map({{long_value, StatusClass::kFailed}, {"", StatusClass::kDelivered}});
  EXPECT_EQ(own.classify(Text()), StatusClass::kUnmapped);
  EXPECT_EQ(own.classify(""), StatusClass::kDelivered);
  EXPECT_EQ(own.classify(long_value), StatusClass::kFailed);
  EXPECT_EQ(own.classify(long_value + "x"), StatusClass::kUnmapped);
  EXPECT_EQ(own.classify(long_value.substr(1)), StatusClass::kUnmapped);
}

TEST(Status, AMapIsExactAndReplacesTheUsualWords) {
  const StatusMap map = status_map({{"Done", StatusClass::kDelivered}, {"failed", StatusClass::kPending}});
  EXPECT_EQ(map.classify("Done"), StatusClass::kDelivered);
  EXPECT_EQ(map.classify("failed"), StatusClass::kPending);
  for (const char *raw : {"done", "DONE", "Failed", "FAILED", "delivered", "ok", "Don", "Done ", ""}) {
    EXPECT_EQ(map.classify(raw), StatusClass::kUnmapped) << raw;
  }
}

TEST(Status, AMapOfBytesAndOfManyValues) {
  const StatusMap odd = status_map({{std::string("x\0y", 3), StatusClass::kFailed}, {"x", StatusClass::kDelivered}});
  EXPECT_EQ(odd.classify("x"), StatusClass::kDelivered);
  EXPECT_EQ(odd.classify(std::string("x\0y", 3)), StatusClass::kFailed);
  EXPECT_EQ(odd.classify(std::string("x\0z", 3)), StatusClass::kUnmapped);

  StatusMap many(heap());
  for (int i = 999; i >= 0; --i) many.add(std::to_string(i), static_cast<StatusClass>(i % kStatusClasses));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(many.classify(std::to_string(i)), static_cast<StatusClass>(i % kStatusClasses)) << i;
  }
}

TEST(Status, AValueIsMappedOnce) {
  StatusMap map = status_map({{"a", StatusClass::kDelivered}, {"", StatusClass::kFailed}});
  for (const char *raw : {"a", ""}) {
    EXPECT_EQ(error_kind([&] { map.add(raw, StatusClass::kPending); }), ErrorKind::kInvalidArgument) << raw;
  }
  EXPECT_EQ(map.classify("a"), StatusClass::kDelivered);
}

TEST(Status, NamesBothWays) {
  const std::vector<std::pair<const char *, StatusClass>> names = {
      {"delivered", StatusClass::kDelivered},    {"failed", StatusClass::kFailed},
      {"dead_letter", StatusClass::kDeadLetter}, {"pending", StatusClass::kPending},
      {"unmapped", StatusClass::kUnmapped},
  };
  for (const auto &[name, status] : names) {
    EXPECT_STREQ(status_name(status), name);
    EXPECT_EQ(status_by_name(name), status);
  }
  for (const char *name : {"", "Failed", "ok", "dead", "delivered "}) {
    EXPECT_EQ(status_by_name(name), StatusClass::kUnmapped) << name;
  }
}

TEST(Status, LabelClasses) {
  for (int label = 0; label < 4; ++label) {
    EXPECT_EQ(label_class(label_name(static_cast<LabelClass>(label))), static_cast<LabelClass>(label));
  }
  for (const char *label : {"unknown", "", "permanent_4xx ", "Permanent_4xx", "permanent", "unclassified"}) {
    EXPECT_EQ(label_class(label), LabelClass::kOther) << label;
  }
  EXPECT_EQ(label_class(Text()), LabelClass::kNone);
}

TEST(Status, LabelsOfTheFailureBefore) {
  for (const std::string label : {"transient_endpoint_down", "permanent_4xx", "rate_limited", "unknown"}) {
    const std::string past = "was " + label;
    Text text = past;
    EXPECT_TRUE(take_past(text)) << label;
    EXPECT_EQ(text, label);
    text = label;
    EXPECT_FALSE(take_past(text)) << label;
    EXPECT_EQ(text, label);
  }
  for (const Text label :
       {Text(), Text(""), Text("was "), Text("was it"), Text("was was unknown"), Text("Was unknown")}) {
    Text text = label;
    EXPECT_FALSE(take_past(text)) << label;
    EXPECT_EQ(text.data(), label.data());
  }
}

TEST(Status, LabelsThatSayFailure) {
  EXPECT_TRUE(says_failure(LabelClass::kPermanent));
  EXPECT_TRUE(says_failure(LabelClass::kTransient));
  EXPECT_FALSE(says_failure(LabelClass::kRateLimited));
  EXPECT_FALSE(says_failure(LabelClass::kOther));
  EXPECT_FALSE(says_failure(LabelClass::kNone));
}

TEST(Status, DecodesWhatItEncodes) {
  const StatusMap map = [] {
    StatusMap own(heap());
    for (const auto &[raw, status] : kOwnStatuses) own.add(raw, status);
    return own;
  }();
  const std::string bytes = bytes_of(map);
  const StatusMap again = decode(bytes);
  EXPECT_EQ(bytes_of(again), bytes);
  for (const auto &[raw, status] : kOwnStatuses) EXPECT_EQ(again.classify(raw), status);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(error_kind([&] { decode(bytes.substr(0, size)); }), ErrorKind::kCorruptBytes) << size;
  }
}

TEST(Status, TheBytesDoNotDependOnTheOrder) {
  Statuses statuses = kOwnStatuses;
  const std::string bytes = bytes_of(status_map(statuses));
  std::reverse(statuses.begin(), statuses.end());
  EXPECT_EQ(bytes_of(status_map(statuses)), bytes);
}

TEST(Status, AnEmptyMapIsOneByte) {
  const std::string bytes = bytes_of(StatusMap(heap()));
  EXPECT_EQ(bytes, std::string(1, '\0'));
  EXPECT_EQ(decode(bytes).classify("Sent"), StatusClass::kDelivered);
}

TEST(Status, CorruptMaps) {
  const std::vector<std::string> examples = {
      forged(1, {{"a", 5}}),
      forged(1, {{"a", 255}}),
      forged(2, {{"a", 0}, {"a", 0}}),
      forged(2, {{"b", 0}, {"a", 0}}),
      forged(2, {{"", 0}, {"", 1}}),
      forged(2, {{"a", 0}}),
      forged(~std::uint64_t{0}, {{"a", 0}}),
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    EXPECT_EQ(error_kind([&] { decode(examples[i]); }), ErrorKind::kCorruptBytes) << "example " << i;
  }
}

TEST(StatusCache, AgreesWithTheMap) {
  std::vector<std::string> raws = {"",
                                   "x",
                                   std::string(21, 'a'),
                                   std::string(22, 'a'),
                                   std::string(23, 'a'),
                                   std::string(255, 'a'),
                                   std::string(256, 'a'),
                                   std::string(257, 'a'),
                                   std::string(256 + 22, 'a'),
                                   std::string("ok\0", 3),
                                   "nope"};
  for (const auto &[word, status] : usual_words()) {
    raws.push_back(word);
    raws.push_back(upper(word));
  }
  const StatusMap map(heap());
  std::mt19937 random(20251105);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(raws.begin(), raws.end(), random);
    StatusCache cache;
    for (int pass = 0; pass < 3; ++pass) {
      for (const std::string &raw : raws) EXPECT_EQ(cache.classify(map, raw), map.classify(raw)) << raw;
      EXPECT_EQ(cache.classify(map, Text()), StatusClass::kUnmapped);
    }
  }
}

TEST(StatusCache, TellsValuesOfTheSameSizeApart) {
  StatusMap map(heap());
  std::vector<std::string> raws;
  for (std::size_t at = 0; at < 22; ++at) {
    std::string raw(22, 'a');
    raw[at] = 'b';
    map.add(raw, static_cast<StatusClass>(at % kStatusClasses));
    raws.push_back(raw);
  }
  for (std::size_t begin = 0; begin < raws.size(); ++begin) {
    std::rotate(raws.begin(), raws.begin() + 1, raws.end());
    StatusCache cache;
    for (int pass = 0; pass < 2; ++pass) {
      for (const std::string &raw : raws) EXPECT_EQ(cache.classify(map, raw), map.classify(raw)) << raw;
    }
  }
}
