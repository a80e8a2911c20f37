#include "status.hpp"

#include <algorithm>

namespace insights {

namespace {

constexpr const char *kNames[kStatusClasses] = {"delivered", "failed", "dead_letter", "pending", "unmapped"};

constexpr const char *kLabels[kLabelClasses] = {"transient_endpoint_down", "permanent_4xx", "rate_limited", "unknown",
                                                "unclassified"};

// Whether they are the same in any case; `word` is in lower case.
bool is_word(std::string_view raw, std::string_view word) {
  return raw.size() == word.size() && std::equal(raw.begin(), raw.end(), word.begin(), [](char c, char lower) {
           return (c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) == lower;
         });
}

struct DoubtfulWord {
  std::string_view text;
  bool beside_delivered;  // only there
  const char *doubt;
};

constexpr DoubtfulWord kDoubtfulWords[] = {
    {"retry", false, "an attempt that failed"},
    {"retrying", false, "an attempt that failed"},
    {"retryable", false, "an attempt that failed"},
    {"deferred", false, "an attempt that failed"},
    {"discarded", false, "one that was never to be sent"},
    {"sent", true, "one that has not arrived yet"},
};

}  // namespace

StatusClass usual_status(std::string_view raw) noexcept {
  for (const UsualWord &word : kUsualWords) {
    if (is_word(raw, word.text)) return word.status;
  }
  return StatusClass::kUnmapped;
}

const char *doubt_of(std::string_view raw, bool has_delivered) noexcept {
  for (const DoubtfulWord &word : kDoubtfulWords) {
    if (is_word(raw, word.text) && (has_delivered || !word.beside_delivered)) return word.doubt;
  }
  return nullptr;
}

const char *status_name(StatusClass status) { return kNames[static_cast<int>(status)]; }

StatusClass status_by_name(std::string_view name) {
  for (int i = 0; i < kStatusClasses; ++i) {
    if (name == kNames[i]) return static_cast<StatusClass>(i);
  }
  return StatusClass::kUnmapped;
}

const char *label_name(LabelClass label) { return kLabels[static_cast<int>(label)]; }

LabelClass label_class(Text label) noexcept {
  if (is_null(label)) return LabelClass::kNone;
  for (const LabelClass known : {LabelClass::kTransient, LabelClass::kPermanent, LabelClass::kRateLimited}) {
    if (label == std::string_view(label_name(known))) return known;
  }
  return LabelClass::kOther;
}

bool take_past(Text &label) noexcept {
  if (label.substr(0, kPastLabel.size()) != kPastLabel) return false;
  const Text before = label.substr(kPastLabel.size());
  for (int i = 0; i < kLabelClasses; ++i) {
    if (before != std::string_view(kLabels[i])) continue;
    label = before;
    return true;
  }
  return false;
}

std::size_t StatusMap::lower_bound(std::string_view value) const noexcept {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), value,
                                   [this](const Entry &entry, std::string_view v) { return raw(entry) < v; });
  return static_cast<std::size_t>(at - entries_.begin());
}

void StatusMap::add(std::string_view value, StatusClass status) {
  const std::size_t at = lower_bound(value);
  if (at < entries_.size() && raw(entries_[at]) == value) {
    throw Error(ErrorKind::kInvalidArgument, "status \"" + std::string(value) + "\" is mapped twice");
  }
  if (entries_.size() == kMaxStatuses) {
    throw Error(ErrorKind::kLimit, "more than " + std::to_string(kMaxStatuses) + " statuses are mapped",
                "Map status to an expression that gives fewer.");
  }
  const std::size_t offset = bytes_.size();
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at), Entry{offset, value.size(), status});
}

StatusClass StatusMap::classify(Text value) const noexcept {
  if (is_null(value)) return StatusClass::kUnmapped;
  if (entries_.empty()) return usual_status(value);
  const std::size_t at = lower_bound(value);
  return at < entries_.size() && raw(entries_[at]) == value ? entries_[at].status : StatusClass::kUnmapped;
}

void StatusMap::encode(ByteWriter &out) const {
  out.put_varint(entries_.size());
  for (const Entry &entry : entries_) {
    out.put_text(raw(entry));
    out.put_byte(static_cast<std::uint8_t>(entry.status));
  }
}

StatusMap StatusMap::decode(ByteReader &in, std::pmr::memory_resource *memory) {
  StatusMap map(memory);
  const std::uint64_t count = in.varint();
  if (count > kMaxStatuses) ByteReader::corrupt("it has too many statuses");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view value = in.text();
    const std::uint8_t status = in.byte();
    if (status >= kStatusClasses) ByteReader::corrupt("a status class is unknown");
    if (i > 0 && !(map.raw(map.entries_.back()) < value)) ByteReader::corrupt("its statuses are not in order");
    map.add(value, static_cast<StatusClass>(status));
  }
  return map;
}

StatusClass StatusCache::look_up(const StatusMap &map, Text raw) noexcept {
  const StatusClass status = map.classify(raw);
  if (used_ < static_cast<int>(entries_.size()) && raw.size() <= sizeof(Entry::bytes)) {
    Entry &entry = entries_[static_cast<std::size_t>(used_++)];
    std::memcpy(entry.bytes, raw.data(), raw.size());
    entry.size = static_cast<std::uint8_t>(raw.size());
    entry.status = status;
  }
  return status;
}

}  // namespace insights
