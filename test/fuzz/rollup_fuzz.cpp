// Any bytes, read as a delivery_rollup: an error or a rollup whose bytes are the same when it is written again.
#include <cstdlib>
#include <memory_resource>

#include "anomalies.hpp"
#include "error.hpp"
#include "rollup.hpp"
#include "rollup_reader.hpp"

namespace {

using namespace insights;

void empty_of(std::string_view flat, ByteWriter &out) {
  encode_empty_rollup(RollupReader(flat, std::pmr::get_default_resource()).shape(), out);
}

void merge_and_compare(std::string_view flat) {
  Poll poll;
  auto *memory = std::pmr::get_default_resource();
  ByteWriter shape(memory);
  empty_of(flat, shape);
  Rollup rollup(shape.written(), 1U << 20, memory);
  rollup.merge(flat, poll);
  ByteWriter out(memory);
  rollup.encode(out, poll);
  if (out.written() != flat) std::abort();  // one rollup, one encoding
}

// Reports read rollups that users kept, so they must bear whatever passes as one.
void detect(std::string_view flat) {
  Poll poll;
  std::pmr::monotonic_buffer_resource arena;  // a report never hands its messages back
  std::pmr::memory_resource *memory = &arena;
  const std::uint32_t slots = RollupReader(flat, memory).shape().grid.slot_count();
  for (const Method method : {Method::kRate, Method::kReference}) {
    const Detection detection = plan_detection(method, 0, 5 * kMinute, 60 * kMinute);
    const auto needed = static_cast<std::uint32_t>(method == Method::kRate ? detection.blocks() + 4 : 2);
    if (slots != needed) continue;
    (void)find_anomalies(flat, detection, true, poll, memory);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view flat(reinterpret_cast<const char *>(data), size);
  Poll poll;
  try {
    validate_rollup(flat, poll, std::pmr::get_default_resource());
    merge_and_compare(flat);
    detect(flat);
  } catch (const Error &) {
  }
  return 0;
}
