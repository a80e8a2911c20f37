// The hash and the comparison of the rollup's tables. The hash never leaves the process, so it may change at will.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace insights {

// Folds the 128-bit product of two words: every bit of either reaches every bit of the result. The words are added
// again, so that a factor of 0 does not wipe out the other.
inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ a ^ b;
}

constexpr std::uint64_t kHashA = 0x9e3779b97f4a7c15U;  // 2^64 / golden ratio
constexpr std::uint64_t kHashB = 0xd1b54a32d192ed03U;  // odd, about half of its bits set

inline std::uint64_t hash_word(std::uint64_t word) noexcept { return fold_multiply(word ^ kHashA, kHashB); }

// `secret` keeps others from choosing bytes that collide.
inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed, std::uint64_t secret) noexcept {
  const auto load = [](const char *at, std::size_t size) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, size);
    return word;
  };
  const char *at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = seed ^ kHashA;
  for (; left > 16; at += 16, left -= 16) hash = fold_multiply(load(at, 8) ^ secret, load(at + 8, 8) ^ hash);
  // The last 1 to 16 bytes, by words that may overlap.
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = load(at, 8);
    high = load(at + left - 8, 8);
  } else if (left >= 4) {
    low = load(at, 4);
    high = load(at + left - 4, 4);
  } else if (left > 0) {
    low = static_cast<unsigned char>(at[0]);
    high = (static_cast<std::uint64_t>(static_cast<unsigned char>(at[left / 2])) << 8) |
           static_cast<unsigned char>(at[left - 1]);
  }
  return fold_multiply(low ^ secret, high ^ hash);
}

// Whether n bytes are the same. Keys and statuses are short, so this beats the call of memcmp.
inline bool equal_bytes(const char *a, const char *b, std::size_t n) noexcept {
  const auto differ = [&](std::size_t at, auto word) {
    auto other = word;
    std::memcpy(&word, a + at, sizeof word);
    std::memcpy(&other, b + at, sizeof other);
    return word != other;
  };
  struct Pair {
    std::uint64_t low, high;
    bool operator!=(const Pair &other) const { return ((low ^ other.low) | (high ^ other.high)) != 0; }
  };
  if (n >= 16) {
    for (std::size_t at = 0; at + 16 < n; at += 16) {
      if (differ(at, Pair{})) return false;
    }
    return !differ(n - 16, Pair{});  // the last words may overlap those before
  }
  if (n >= 8) return !differ(0, std::uint64_t{0}) && !differ(n - 8, std::uint64_t{0});
  if (n >= 4) return !differ(0, std::uint32_t{0}) && !differ(n - 4, std::uint32_t{0});
  for (std::size_t at = 0; at < n; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

}  // namespace insights
