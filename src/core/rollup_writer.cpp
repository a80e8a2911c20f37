#include "rollup_writer.hpp"

namespace insights {

void RollupWriter::group(Text tenant, Text endpoint) {
  const bool same_tenant = group_count_ > 0 && compare(tenant_, tenant) == 0;
  end_group();
  ++group_count_;
  tenant_ = tenant;
  const unsigned tenant_flag = same_tenant ? 4U : (is_null(tenant) ? 1U : 0U);
  groups_.put_byte(static_cast<std::uint8_t>(tenant_flag | (is_null(endpoint) ? 2U : 0U)));
  if (tenant_flag == 0) groups_.put_text(tenant);
  if (!is_null(endpoint)) groups_.put_text(endpoint);
}

void RollupWriter::end_group() {
  if (group_count_ == 0) return;
  groups_.put_varint(cell_count_);
  groups_.put_bytes(cells_.written());
  cells_.clear();
  cell_count_ = 0;
  next_slot_ = 0;
}

void RollupWriter::cell(std::uint32_t slot, const Tally &tally) {
  CounterSet present = 0;
  for (CounterSet set = counters_; set != 0; set &= set - 1) {
    if (tally.counts[static_cast<std::size_t>(__builtin_ctz(set))] != 0) present |= set & (~set + 1);
  }
  cells_.put_varints(2 + kCounters, [&](auto put) {
    put(slot - next_slot_);
    put(present);
    for (CounterSet set = present; set != 0; set &= set - 1) {
      put(tally.counts[static_cast<std::size_t>(__builtin_ctz(set))]);
    }
  });
  next_slot_ = slot + 1;
  ++cell_count_;
}

void RollupWriter::finish(std::string_view shape, ByteWriter &out) {
  end_group();
  out.reserve(shape.size() + groups_.written().size() + 10);
  out.put_bytes(shape);
  out.put_varint(group_count_);
  out.put_bytes(groups_.written());
}

}  // namespace insights
