// The byte form: one encoding for each value, and no read beyond the end.
#include "bytes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kLeastSigned = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMostSigned = std::numeric_limits<std::int64_t>::max();

std::string varint_bytes(std::uint64_t value) {
  ByteWriter out(heap());
  out.put_varint(value);
  return std::string(out.written());
}

std::string signed_bytes(std::int64_t value) {
  ByteWriter out(heap());
  out.put_signed(value);
  return std::string(out.written());
}

std::string hex(const std::string &bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::optional<ErrorKind> varint_error(const std::string &bytes) {
  return error_kind([&] { ByteReader(bytes).varint(); });
}

}  // namespace

TEST(Varint, KnownBytes) {
  const std::vector<std::pair<std::uint64_t, std::string>> examples = {
      {0, "00"},
      {1, "01"},
      {127, "7f"},
      {128, "8001"},
      {300, "ac02"},
      {16383, "ff7f"},
      {16384, "808001"},
      {std::uint64_t{1} << 63, "80808080808080808001"},
      {kMost, "ffffffffffffffffff01"},
  };
  for (const auto &[value, bytes] : examples) {
    EXPECT_EQ(hex(varint_bytes(value)), bytes);
    EXPECT_EQ(ByteReader(varint_bytes(value)).varint(), value);
  }
}

TEST(Varint, BothSidesOfEveryPowerOfTwo) {
  for (int power = 0; power < 64; ++power) {
    for (const int step : {-1, 0, 1}) {
      const std::uint64_t value = (std::uint64_t{1} << power) + static_cast<std::uint64_t>(step);
      const std::string bytes = varint_bytes(value);
      ByteReader reader(bytes);
      EXPECT_EQ(reader.varint(), value);
      EXPECT_EQ(reader.remaining(), 0U);
      const std::size_t bits = value == 0 ? 1 : 64 - static_cast<std::size_t>(__builtin_clzll(value));
      EXPECT_EQ(bytes.size(), (bits + 6) / 7) << value;
    }
  }
}

TEST(Varint, TruncatedAnywhere) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{128}, std::uint64_t{1} << 35, kMost}) {
    const std::string bytes = varint_bytes(value);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(varint_error(bytes.substr(0, size)), ErrorKind::kCorruptBytes) << value << " cut to " << size;
    }
  }
}

TEST(Varint, OnlyTheShortestForm) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127}, std::uint64_t{128},
                                    std::uint64_t{16384}, (std::uint64_t{1} << 62)}) {
    std::string bytes = varint_bytes(value);
    while (bytes.size() < 12) {
      bytes.back() = static_cast<char>(bytes.back() | 0x80);
      bytes += '\0';
      EXPECT_EQ(varint_error(bytes), ErrorKind::kCorruptBytes) << value << " in " << bytes.size() << " bytes";
    }
  }
}

TEST(Varint, NothingBeyondTheSixtyFourthBit) {
  const std::string nine(9, '\xff');
  EXPECT_EQ(varint_error(nine + '\x01'), std::nullopt);
  for (const char last : {'\x00', '\x02', '\x03', '\x7f', '\x80', '\x81', '\xff'}) {
    EXPECT_EQ(varint_error(nine + last), ErrorKind::kCorruptBytes);
    EXPECT_EQ(varint_error(nine + last + '\x01'), ErrorKind::kCorruptBytes);
  }
}

TEST(Signed, ZigzagKnownBytes) {
  const std::vector<std::pair<std::int64_t, std::string>> examples = {
      {0, "00"},
      {-1, "01"},
      {1, "02"},
      {-2, "03"},
      {63, "7e"},
      {-64, "7f"},
      {64, "8001"},
      {kMostSigned, "feffffffffffffffff01"},
      {kLeastSigned, "ffffffffffffffffff01"},
  };
  for (const auto &[value, bytes] : examples) {
    EXPECT_EQ(hex(signed_bytes(value)), bytes);
    EXPECT_EQ(ByteReader(signed_bytes(value)).signed_varint(), value);
  }
}

TEST(Signed, BothSidesOfEveryPowerOfTwo) {
  for (int power = 0; power < 63; ++power) {
    for (const std::int64_t step : {-1, 0, 1}) {
      const std::int64_t value = (std::int64_t{1} << power) + step;
      EXPECT_EQ(ByteReader(signed_bytes(value)).signed_varint(), value);
      EXPECT_EQ(ByteReader(signed_bytes(-value)).signed_varint(), -value);
    }
  }
}

TEST(Bytes, TextsOfAllSizes) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 1000U, 100000U}) {
    ByteWriter out(heap());
    out.put_text(std::string(size, '\xff'));
    out.put_byte(42);
    ByteReader reader(out.written());
    EXPECT_EQ(reader.text(), std::string(size, '\xff'));
    EXPECT_EQ(reader.byte(), 42);
    EXPECT_EQ(reader.remaining(), 0U);
  }
}

TEST(Bytes, AnEmptyTextIsNotNull) {
  ByteWriter out(heap());
  out.put_text("");
  EXPECT_FALSE(is_null(ByteReader(out.written()).text()));
}

TEST(Bytes, SizesBeyondTheEnd) {
  const std::string three = "abc";
  for (const std::uint64_t size : {std::uint64_t{4}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, kMost}) {
    EXPECT_EQ(error_kind([&] { ByteReader(three).bytes(size); }), ErrorKind::kCorruptBytes) << size;
    const std::string text = varint_bytes(size) + three;
    EXPECT_EQ(error_kind([&] { ByteReader(text).text(); }), ErrorKind::kCorruptBytes) << size;
  }
  EXPECT_EQ(ByteReader(three).bytes(3), "abc");
}

TEST(Bytes, NothingIsReadFromNothing) {
  EXPECT_EQ(error_kind([] { ByteReader("").byte(); }), ErrorKind::kCorruptBytes);
  EXPECT_EQ(error_kind([] { ByteReader(std::string_view()).varint(); }), ErrorKind::kCorruptBytes);
  EXPECT_EQ(ByteReader("").bytes(0), "");
}

TEST(Bytes, PositionAndRemaining) {
  const std::string bytes = "abcdef";
  ByteReader reader(bytes);
  reader.bytes(2);
  EXPECT_EQ(reader.position(), bytes.data() + 2);
  EXPECT_EQ(reader.remaining(), 4U);
}

TEST(ByteWriter, GrowsFromNothingAndFromReserve) {
  for (const std::size_t reserved : {0U, 1U, 5000U}) {
    ByteWriter out(heap());
    out.reserve(reserved);
    EXPECT_EQ(out.written(), "");
    std::string expected;
    for (int i = 0; i < 2000; ++i) {
      out.put_byte(static_cast<std::uint8_t>(i));
      out.put_bytes("xyz");
      expected += static_cast<char>(i);
      expected += "xyz";
    }
    EXPECT_EQ(out.written(), expected);
  }
}
