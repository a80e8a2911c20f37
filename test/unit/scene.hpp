// Traffic of a few endpoints, as rows in the slots of a detection, and what is found in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "anomalies.hpp"
#include "support.hpp"

namespace insights::test {

constexpr Timestamp kSceneTime = 815668200 * kSecond;  // 2025-11-05 14:30

// The rows of a table. Slots are those of the detection: for `rate` the blocks of the baseline (0 to J - 1), the guard
// band (J, J + 1), the recent window but its last fifth (J + 2), and that fifth (J + 3); for `reference` 0 and 1.
class Scene {
 public:
  explicit Scene(Method method, Duration recent = 5 * kMinute, Duration baseline = 60 * kMinute)
      : detection(plan_detection(method, kSceneTime, recent, baseline)) {
    const auto edges = detection_edges(detection, heap());
    edges_.assign(edges.begin(), edges.end());
  }

  void put(const Value &tenant, const Value &endpoint, int slot, int count, const Value &status = "ok",
           const Value &label = {}) {
    const Timestamp at = edges_[static_cast<std::size_t>(slot)];
    for (int i = 0; i < count; ++i) rows_.push_back({at, tenant, endpoint, status, label});
  }

  // The blocks of the baseline, with `count` in each.
  void put_baseline(const Value &tenant, const Value &endpoint, int count) {
    for (int block = 0; block < detection.blocks(); ++block) put(tenant, endpoint, block, count);
  }

  // The guard band and the recent window: `recent` in R, `triple` in 3R.
  void put_recent(const Value &tenant, const Value &endpoint, int recent, int triple) {
    const int blocks = detection.blocks();
    put(tenant, endpoint, blocks, (triple - recent) / 2);
    put(tenant, endpoint, blocks + 1, triple - recent - (triple - recent) / 2);
    put(tenant, endpoint, blocks + 2, recent - recent / 5);
    put(tenant, endpoint, blocks + 3, recent / 5);
  }

  std::string flat() const {
    return roll_up(empty_rollup(edges_grid(edges_), detection_counters(detection.method)), rows_);
  }

  Detection detection;

 private:
  std::vector<Timestamp> edges_;
  std::vector<Row> rows_;
};

// The anomalies of a scene, with the memory that they point into.
class Found {
 public:
  explicit Found(const Scene &scene, bool unicode = true)
      : flat_(scene.flat()), anomalies_(find(flat_, scene.detection, unicode, arena_)) {}

  std::size_t size() const { return anomalies_.size(); }
  const Anomaly &operator[](std::size_t index) const { return anomalies_.at(index); }
  auto begin() const { return anomalies_.begin(); }
  auto end() const { return anomalies_.end(); }
  const Anomaly *data() const { return anomalies_.data(); }

 private:
  static std::pmr::vector<Anomaly> find(const std::string &flat, const Detection &detection, bool unicode,
                                        std::pmr::memory_resource &memory) {
    Poll poll;
    return find_anomalies(flat, detection, unicode, poll, &memory);
  }

  std::pmr::monotonic_buffer_resource arena_{heap()};
  std::string flat_;
  std::pmr::vector<Anomaly> anomalies_;
};

}  // namespace insights::test
