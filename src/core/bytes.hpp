// Writing and reading the compact byte form: unsigned LEB128 varints, zigzag for signed values, and plain bytes.
// Every value has exactly one encoding, so that equal things have equal bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <string>
#include <string_view>

#include "error.hpp"

namespace insights {

// Appends to a buffer of its own, which grows by doubling. The buffer is raw memory rather than a vector, since a
// vector would fill with zeros what is about to be written.
class ByteWriter {
 public:
  explicit ByteWriter(std::pmr::memory_resource *memory) : memory_(memory) {}
  ~ByteWriter() {
    if (buffer_ != nullptr) memory_->deallocate(buffer_, capacity_, 1);
  }
  ByteWriter(const ByteWriter &) = delete;
  ByteWriter &operator=(const ByteWriter &) = delete;

  void reserve(std::size_t more) { ensure(more); }

  void put_byte(std::uint8_t value) {
    ensure(1);
    buffer_[size_++] = static_cast<char>(value);
  }

  void put_varint(std::uint64_t value) {
    put_varints(1, [value](auto put) { put(value); });
  }

  // Calls write(put), which calls put(value) for at most `most` varints: there is room for all of them at once.
  template <typename Write>
  void put_varints(std::size_t most, Write write) {
    ensure(most * kMaxVarint);
    char *out = buffer_ + size_;
    write([&out](std::uint64_t value) {
      while (value >= 0x80) {
        *out++ = static_cast<char>(value | 0x80);
        value >>= 7;
      }
      *out++ = static_cast<char>(value);
    });
    size_ = static_cast<std::size_t>(out - buffer_);
  }

  void put_signed(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    put_varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }

  void put_bytes(std::string_view bytes) {
    if (bytes.empty()) return;
    ensure(bytes.size());
    std::memcpy(buffer_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  void put_text(std::string_view text) {
    put_varint(text.size());
    put_bytes(text);
  }

  std::string_view written() const { return {buffer_, size_}; }

  // Forgets what was written, and keeps the buffer.
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t kMaxVarint = 10;

  void ensure(std::size_t more) {
    if (capacity_ - size_ < more) grow(more);
  }

  void grow(std::size_t more) {
    const std::size_t capacity = capacity_ + (more > capacity_ ? more : capacity_) + 64;
    char *buffer = static_cast<char *>(memory_->allocate(capacity, 1));
    if (buffer_ != nullptr) {
      std::memcpy(buffer, buffer_, size_);
      memory_->deallocate(buffer_, capacity_, 1);
    }
    buffer_ = buffer;
    capacity_ = capacity;
  }

  std::pmr::memory_resource *memory_;
  char *buffer_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

// Reads what ByteWriter wrote, from bytes that anybody may have forged: every step is checked against the end and
// raises Error(kCorruptBytes). What it returns points into the given bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint8_t byte() {
    if (at_ == end_) corrupt("it ends too early");
    return static_cast<std::uint8_t>(*at_++);
  }

  std::uint64_t varint() {
    const std::uint8_t first = byte();
    return first < 0x80 ? first : long_varint(first);
  }

  std::int64_t signed_varint() {
    const std::uint64_t bits = varint();
    return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
  }

  std::string_view bytes(std::uint64_t size) {
    if (size > remaining()) corrupt("it ends too early");
    const std::string_view result(at_, static_cast<std::size_t>(size));
    at_ += size;
    return result;
  }

  std::string_view text() { return bytes(varint()); }

  const char *position() const { return at_; }
  std::uint64_t remaining() const { return static_cast<std::uint64_t>(end_ - at_); }

  [[noreturn]] static void corrupt(const char *why) {
    throw Error(ErrorKind::kCorruptBytes, std::string("invalid delivery_rollup: ") + why);
  }

 private:
  std::uint64_t long_varint(std::uint8_t first) {
    std::uint64_t value = first & 0x7FU;
    for (int shift = 7; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
      if (next >= 0x80) continue;
      // The last byte may not be zero (one encoding per value), nor carry bits beyond the 64th.
      if (next == 0 || (shift == 63 && next > 1)) corrupt("a number is not in its shortest form");
      return value;
    }
    corrupt("a number is too long");
  }

  const char *at_;
  const char *end_;
};

}  // namespace insights
