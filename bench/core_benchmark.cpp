// What the rollup costs by itself, without a database: rows in, bytes out, bytes merged, verdicts.
#include <benchmark/benchmark.h>

#include <memory_resource>
#include <string>
#include <vector>

#include "anomalies.hpp"
#include "rollup.hpp"
#include "rollup_reader.hpp"

namespace {

using namespace insights;

constexpr int kEndpoints = 5000;
constexpr int kTenants = 500;
constexpr int kRows = 260000;

Detection detection() { return plan_detection(Method::kRate, 0, 5 * kMinute, 60 * kMinute); }

std::string shape_bytes() {
  auto *memory = std::pmr::get_default_resource();
  const auto edges = detection_edges(detection(), memory);
  const Shape shape{SlotGrid::from_edges(edges.data(), edges.size(), memory), StatusMap(memory), kRateCounters, 0};
  ByteWriter out(memory);
  encode_empty_rollup(shape, out);
  return std::string(out.written());
}

struct Row {
  std::string tenant;
  std::string endpoint;
  Timestamp at;
  const char *status;
};

// 75 minutes in the order of time, endpoints by a square law: a few busy ones, many quiet ones.
std::vector<Row> make_rows() {
  std::vector<Row> rows;
  std::uint64_t random = 42;
  for (int i = 0; i < kRows; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const double u = static_cast<double>(random >> 40) / static_cast<double>(1 << 24);
    const int endpoint = static_cast<int>(u * u * kEndpoints);
    rows.push_back({"tenant-" + std::to_string(endpoint % kTenants),
                    "https://hooks.example.com/v1/endpoint/" + std::to_string(endpoint),
                    -75 * kMinute + 75 * kMinute / kRows * i + 1, i % 33 == 0 ? "failed" : "delivered"});
  }
  return rows;
}

void fill(Rollup &rollup, const std::vector<Row> &rows) {
  for (const Row &row : rows) {
    Delivery delivery;
    delivery.created_at = row.at;
    delivery.tenant = row.tenant;
    delivery.endpoint = row.endpoint;
    delivery.status = row.status;
    rollup.add(delivery);
  }
}

std::string flat_rollup(const std::vector<Row> &rows) {
  Poll poll;
  auto *memory = std::pmr::get_default_resource();
  Rollup rollup(shape_bytes(), 1U << 20, memory);
  fill(rollup, rows);
  ByteWriter out(memory);
  rollup.encode(out, poll);
  return std::string(out.written());
}

void add_rows(benchmark::State &state) {
  const auto rows = make_rows();
  const std::string shape = shape_bytes();
  for (auto _ : state) {
    Rollup rollup(shape, 1U << 20, std::pmr::get_default_resource());
    fill(rollup, rows);
    benchmark::DoNotOptimize(&rollup);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(add_rows)->Unit(benchmark::kMillisecond);

void encode(benchmark::State &state) {
  Poll poll;
  Rollup rollup(shape_bytes(), 1U << 20, std::pmr::get_default_resource());
  fill(rollup, make_rows());
  for (auto _ : state) {
    ByteWriter out(std::pmr::get_default_resource());
    rollup.encode(out, poll);
    state.counters["bytes"] = static_cast<double>(out.written().size());
  }
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

// What the leader does with the partial rollups of three processes that shared the rows.
void combine(benchmark::State &state) {
  Poll poll;
  auto *memory = std::pmr::get_default_resource();
  const std::string shape = shape_bytes();
  std::vector<std::vector<Row>> shares(3);
  std::size_t turn = 0;
  for (const Row &row : make_rows()) shares[turn++ % shares.size()].push_back(row);
  std::vector<std::string> parts;
  for (const std::vector<Row> &share : shares) parts.push_back(flat_rollup(share));
  for (auto _ : state) {
    Rollup rollup(shape, 1U << 20, memory);
    for (const std::string &part : parts) rollup.merge(part, poll);
    ByteWriter out(memory);
    rollup.encode(out, poll);
    benchmark::DoNotOptimize(out.written().size());
  }
}
BENCHMARK(combine)->Unit(benchmark::kMillisecond);

void find(benchmark::State &state) {
  Poll poll;
  const std::string flat = flat_rollup(make_rows());
  for (auto _ : state) {
    benchmark::DoNotOptimize(find_anomalies(flat, detection(), true, poll, std::pmr::get_default_resource()).size());
  }
}
BENCHMARK(find)->Unit(benchmark::kMillisecond);

}  // namespace
