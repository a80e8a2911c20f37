#include "slot_grid.hpp"

#include <algorithm>

namespace insights {

SlotGrid SlotGrid::uniform(Timestamp origin, Duration width, std::int64_t count, std::pmr::memory_resource *memory) {
  if (width <= 0) throw Error(ErrorKind::kInvalidArgument, "slot width must be positive");
  if (count <= 0 || count > kMaxSlots) {
    throw Error(ErrorKind::kInvalidArgument, "number of slots must be between 1 and " + std::to_string(kMaxSlots) +
                                                 ", not " + std::to_string(count));
  }
  Duration span = 0;
  Timestamp end = 0;
  if (origin < kFirstTime || __builtin_mul_overflow(width, count, &span) ||
      __builtin_add_overflow(origin, span, &end) || end > kEndOfTime) {
    throw Error(ErrorKind::kInvalidArgument, "the slots reach beyond the first or the last timestamp");
  }
  SlotGrid grid(memory);
  grid.origin_ = origin;
  grid.width_ = width;
  grid.count_ = static_cast<std::uint32_t>(count);
  return grid;
}

SlotGrid SlotGrid::from_edges(const Timestamp *edges, std::size_t count, std::pmr::memory_resource *memory) {
  if (count < 2 || count > kMaxSlots) {
    throw Error(ErrorKind::kInvalidArgument, "a list of slot edges needs 2 to " + std::to_string(kMaxSlots));
  }
  if (std::adjacent_find(edges, edges + count, std::greater_equal<>()) != edges + count) {
    throw Error(ErrorKind::kInvalidArgument, "slot edges must increase");
  }
  if (edges[0] < kFirstTime || edges[count - 1] > kEndOfTime) {
    throw Error(ErrorKind::kInvalidArgument, "the slots reach beyond the first or the last timestamp");
  }
  SlotGrid grid(memory);
  grid.edges_.assign(edges, edges + count);
  grid.count_ = static_cast<std::uint32_t>(count - 1);
  return grid;
}

std::uint32_t SlotGrid::find(Timestamp time) const {
  if (time < edge(0) || time >= edge(count_)) return kOutside;
  if (width_ > 0) {
    return static_cast<std::uint32_t>((time - origin_) / width_);
  }
  const auto after = std::upper_bound(edges_.begin(), edges_.end(), time);
  return static_cast<std::uint32_t>(after - edges_.begin() - 1);
}

void SlotGrid::encode(ByteWriter &out) const {
  out.put_varint(static_cast<std::uint64_t>(width_));
  out.put_varint(count_);
  out.put_signed(edge(0));
  if (width_ > 0) return;
  for (std::size_t i = 1; i < edges_.size(); ++i) {
    out.put_varint(static_cast<std::uint64_t>(edges_[i]) - static_cast<std::uint64_t>(edges_[i - 1]));
  }
}

namespace {

// The edges of a listed grid; each takes at least a byte, so a forged count cannot ask for more memory than it brings.
std::pmr::vector<Timestamp> decode_edges(ByteReader &in, std::uint64_t slots, std::pmr::memory_resource *memory) {
  std::pmr::vector<Timestamp> edges(memory);
  edges.push_back(in.signed_varint());
  if (slots > in.remaining()) ByteReader::corrupt("it ends too early");
  for (std::uint64_t i = 0; i < slots; ++i) {
    Timestamp next = 0;
    if (__builtin_add_overflow(edges.back(), in.varint(), &next)) ByteReader::corrupt("a slot edge is out of range");
    edges.push_back(next);
  }
  return edges;
}

}  // namespace

SlotGrid SlotGrid::decode(ByteReader &in, std::pmr::memory_resource *memory) {
  const std::uint64_t width = in.varint();
  const std::uint64_t count = in.varint();
  if (width > INT64_MAX || count > kMaxSlots) ByteReader::corrupt("its slots are out of range");
  try {
    if (width > 0) {
      return uniform(in.signed_varint(), static_cast<Duration>(width), static_cast<std::int64_t>(count), memory);
    }
    const auto edges = decode_edges(in, count, memory);
    return from_edges(edges.data(), edges.size(), memory);
  } catch (const Error &error) {
    if (error.kind() == ErrorKind::kCorruptBytes) throw;
    ByteReader::corrupt("its slots are out of range");
  }
}

}  // namespace insights
