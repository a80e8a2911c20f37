#include "shape.hpp"

namespace insights {

namespace {

constexpr std::uint8_t kMagic[2] = {'D', 'R'};
constexpr std::uint8_t kVersion = 1;

}  // namespace

void Shape::encode(ByteWriter &out) const {
  out.put_byte(kMagic[0]);
  out.put_byte(kMagic[1]);
  out.put_byte(kVersion);
  out.put_byte(encoding);
  out.put_varint(counters);
  grid.encode(out);
  statuses.encode(out);
}

Shape Shape::decode(ByteReader &in, std::pmr::memory_resource *memory) {
  const std::uint8_t first = in.byte();
  const std::uint8_t second = in.byte();
  if (first != kMagic[0] || second != kMagic[1]) ByteReader::corrupt("these are other bytes");
  if (in.byte() != kVersion) ByteReader::corrupt("its format version is unknown");
  const std::uint8_t encoding = in.byte();
  const std::uint64_t counters = in.varint();
  if ((counters & ~std::uint64_t{kAllCounters}) != 0 || (counters & bit(Counter::kTotal)) == 0) {
    ByteReader::corrupt("its counters are unknown");
  }
  SlotGrid grid = SlotGrid::decode(in, memory);
  StatusMap statuses = StatusMap::decode(in, memory);
  return Shape{std::move(grid), std::move(statuses), static_cast<CounterSet>(counters), encoding};
}

}  // namespace insights
