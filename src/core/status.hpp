// What a raw status and a raw triage label mean.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "hash.hpp"
#include "text.hpp"

namespace insights {

enum class StatusClass : std::uint8_t { kDelivered, kFailed, kDeadLetter, kPending, kUnmapped };
constexpr int kStatusClasses = 5;

// "delivered", "failed", "dead_letter", "pending"; "unmapped" for the last.
const char *status_name(StatusClass status);

// The class that is called `name`, or kUnmapped.
StatusClass status_by_name(std::string_view name);

// What a triage label says.
enum class LabelClass : std::uint8_t { kTransient, kPermanent, kRateLimited, kOther, kNone };
constexpr int kLabelClasses = 5;

// "transient_endpoint_down", "permanent_4xx", "rate_limited"; "unknown" for any other label, "unclassified" for none.
const char *label_name(LabelClass label);

// The class of a stored label; kNone for NULL.
LabelClass label_class(Text label) noexcept;

// Stands before the label of the failure from which a delivery recovered, which is none of the delivery itself.
constexpr std::string_view kPastLabel = "was ";

// Takes kPastLabel off a label before a class. Whether it was there.
bool take_past(Text &label) noexcept;

// Whether the original counts a row with this label as a failure.
constexpr bool says_failure(LabelClass label) {
  return label == LabelClass::kTransient || label == LabelClass::kPermanent;
}

// What one of the usual words of the field means, in any case; kUnmapped for every other text.
StatusClass usual_status(std::string_view raw) noexcept;

struct UsualWord {
  std::string_view text;  // in lower case
  StatusClass status;
};

// "cancelled" is none of them: whether that is a failure only the user can say.
constexpr UsualWord kUsualWords[] = {
    {"delivered", StatusClass::kDelivered},    {"success", StatusClass::kDelivered},
    {"succeeded", StatusClass::kDelivered},    {"ok", StatusClass::kDelivered},
    {"completed", StatusClass::kDelivered},    {"sent", StatusClass::kDelivered},
    {"failed", StatusClass::kFailed},          {"failure", StatusClass::kFailed},
    {"error", StatusClass::kFailed},           {"bounced", StatusClass::kFailed},
    {"dead_letter", StatusClass::kDeadLetter}, {"dead", StatusClass::kDeadLetter},
    {"exhausted", StatusClass::kDeadLetter},   {"discarded", StatusClass::kDeadLetter},
    {"pending", StatusClass::kPending},        {"queued", StatusClass::kPending},
    {"scheduled", StatusClass::kPending},      {"processing", StatusClass::kPending},
    {"sending", StatusClass::kPending},        {"retry", StatusClass::kPending},
    {"retrying", StatusClass::kPending},       {"in_progress", StatusClass::kPending},
    {"deferred", StatusClass::kPending},       {"retryable", StatusClass::kPending},
    {"available", StatusClass::kPending},      {"executing", StatusClass::kPending},
    {"running", StatusClass::kPending},
};

// What a usual word means in some systems that is not what it is taken for here; null for every other text. "sent" is
// in doubt only where the table says "delivered" as well.
const char *doubt_of(std::string_view raw, bool has_delivered) noexcept;

// From a raw status to its class: the source's own map, compared exactly, or, where it declares none, the usual words
// of the field in any case.
class StatusMap {
 public:
  static constexpr std::size_t kMaxStatuses = 1000;

  explicit StatusMap(std::pmr::memory_resource *memory) : entries_(memory), bytes_(memory) {}

  // Adds a raw value. Errors: kInvalidArgument where it is there already, kLimit beyond kMaxStatuses.
  void add(std::string_view raw, StatusClass status);

  // kUnmapped for NULL and for a value that the map does not know.
  StatusClass classify(Text raw) const noexcept;

  void encode(ByteWriter &out) const;
  static StatusMap decode(ByteReader &in, std::pmr::memory_resource *memory);

 private:
  struct Entry {
    std::size_t offset;
    std::size_t size;
    StatusClass status;
  };

  std::string_view raw(const Entry &entry) const { return {bytes_.data() + entry.offset, entry.size}; }
  std::size_t lower_bound(std::string_view raw) const noexcept;

  std::pmr::vector<Entry> entries_;  // sorted by raw value; empty: the usual words
  std::pmr::vector<char> bytes_;
};

// Remembers the class of the few statuses that a table really has, since a map look-up per row would show.
class StatusCache {
 public:
  StatusClass classify(const StatusMap &map, Text raw) noexcept {
    if (is_null(raw)) return StatusClass::kUnmapped;
    for (int i = 0; i < used_; ++i) {
      const Entry &entry = entries_[static_cast<std::size_t>(i)];
      if (entry.size == raw.size() && equal_bytes(entry.bytes, raw.data(), raw.size())) return entry.status;
    }
    return look_up(map, raw);
  }

 private:
  struct Entry {
    char bytes[22];
    std::uint8_t size;
    StatusClass status;
  };

  StatusClass look_up(const StatusMap &map, Text raw) noexcept;

  std::array<Entry, 8> entries_{};
  int used_ = 0;
};

}  // namespace insights
