// Memory that runs out at any allocation: std::bad_alloc comes out, nothing is lost, nothing breaks.
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "anomalies.hpp"
#include "explain.hpp"
#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

// Fails at one allocation, and knows which blocks are alive.
class ScarceMemory : public std::pmr::memory_resource {
 public:
  ~ScarceMemory() override {
    for (const auto &[block, size] : blocks_) heap()->deallocate(block, size.first, size.second);
  }

  // From now on, the n-th allocation fails (the first is 1).
  void fail_at(std::size_t n) { allocations_left_ = n; }
  bool has_failed() const { return allocations_left_ == 0; }

  std::size_t live_blocks() const { return blocks_.size(); }
  // Blocks that hold something other than characters.
  std::size_t live_objects() const {
    std::size_t count = 0;
    for (const auto &block : blocks_) count += block.second.second > 1 ? 1 : 0;
    return count;
  }

 private:
  void *do_allocate(std::size_t size, std::size_t alignment) override {
    if (allocations_left_ == 0 || --allocations_left_ == 0) throw std::bad_alloc();
    void *block = heap()->allocate(size, alignment);
    blocks_[block] = {size, alignment};
    return block;
  }
  void do_deallocate(void *block, std::size_t size, std::size_t alignment) override {
    const auto at = blocks_.find(block);
    ASSERT_NE(at, blocks_.end()) << "a block that is not ours";
    EXPECT_EQ(at->second, std::make_pair(size, alignment));
    blocks_.erase(at);
    heap()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

  std::size_t allocations_left_ = std::numeric_limits<std::size_t>::max();
  std::map<void *, std::pair<std::size_t, std::size_t>> blocks_;
};

// Counts what is taken from the default resource, where nothing of a rollup may come from.
class WatchedDefault : public std::pmr::memory_resource {
 public:
  WatchedDefault() : before_(std::pmr::set_default_resource(this)) {}
  ~WatchedDefault() override { std::pmr::set_default_resource(before_); }

  std::size_t allocations = 0;

 private:
  void *do_allocate(std::size_t size, std::size_t alignment) override {
    ++allocations;
    return heap()->allocate(size, alignment);
  }
  void do_deallocate(void *block, std::size_t size, std::size_t alignment) override {
    heap()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

  std::pmr::memory_resource *before_;
};

using Operation = std::function<void(ScarceMemory &)>;

// Runs the operation with memory that fails at the first allocation, at the second, and so on until it succeeds.
// Whatever it allocated must be gone then, but for texts where it gives some out.
std::size_t run_out_of_memory(const Operation &operation, bool gives_texts = false) {
  constexpr std::size_t kSurelyEnough = 20000;
  for (std::size_t n = 1; n < kSurelyEnough; ++n) {
    ScarceMemory memory;
    bool failed = false;
    memory.fail_at(n);
    try {
      operation(memory);
    } catch (const std::bad_alloc &) {
      failed = true;
    }
    EXPECT_EQ(failed, memory.has_failed()) << "at allocation " << n;
    EXPECT_EQ(gives_texts ? memory.live_objects() : memory.live_blocks(), 0U) << "at allocation " << n;
    if (!failed) return n - 1;
  }
  ADD_FAILURE() << "it never succeeds";
  return 0;
}

const Detection &detection_of(Method method) {
  static const Detection rate = plan_detection(Method::kRate, 0, 5 * kMinute, 60 * kMinute);
  static const Detection reference = plan_detection(Method::kReference, 0, 5 * kMinute, 60 * kMinute);
  return method == Method::kRate ? rate : reference;
}

std::string shape_of(Method method) {
  const auto edges = detection_edges(detection_of(method), heap());
  return empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), detection_counters(method),
                      {{"ok", StatusClass::kDelivered}, {"failed", StatusClass::kFailed}});
}

// Groups that all surge, a third of them with failures.
std::string incidents(Method method, int groups) {
  std::vector<Row> rows;
  for (int group = 0; group < groups; ++group) {
    const std::string endpoint = "https://example.org/hooks/" + std::to_string(group);
    for (int minute = 0; minute < 75; ++minute) {
      const int count = minute < 5 ? 40 : 1;
      for (int i = 0; i < count; ++i) {
        rows.push_back({-minute * kMinute, "tenant", endpoint, group % 3 == 0 && minute < 5 ? "failed" : "ok", {}});
      }
    }
  }
  return roll_up(shape_of(method), rows);
}

// Deliveries of many groups and slots, each slot visited twice in the wrong order.
void add_rows(Rollup &rollup, int groups, int slots) {
  for (int pass = 0; pass < 2; ++pass) {
    for (int slot = slots - 1; slot >= 0; --slot) {
      for (int group = 0; group < groups; ++group) {
        const std::string endpoint = "https://example.org/hooks/" + std::to_string(group);
        rollup.add({slot, "tenant", endpoint, "ok", Text()});
      }
    }
  }
}

std::string minutes_shape(std::int64_t slots) { return empty_rollup(SlotGrid::uniform(0, 1, slots, heap())); }

}  // namespace

TEST(Memory, AddingGroups) {
  const std::string shape = minutes_shape(4);
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Rollup rollup(shape, kManyGroups, &memory);
    add_rows(rollup, 1000, 2);
  });
  EXPECT_GT(allocations, 10U);
}

TEST(Memory, AddingLateRows) {
  const std::string shape = minutes_shape(3000);
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Rollup rollup(shape, kManyGroups, &memory);
    add_rows(rollup, 3, 3000);
  });
  EXPECT_GT(allocations, 10U);
}

TEST(Memory, Merging) {
  const std::string shape = minutes_shape(4);
  Rollup source(shape, kManyGroups, heap());
  add_rows(source, 1000, 4);
  const std::string flat = insights::test::bytes_of(source);
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Rollup rollup(shape, kManyGroups, &memory);
    for (int i = 0; i < 17; ++i) merge_into(rollup, flat);
    (void)insights::test::bytes_of(rollup);
  });
  EXPECT_GT(allocations, 30U);
}

TEST(Memory, Encoding) {
  const std::string shape = minutes_shape(50);
  std::string expected;
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Poll poll;
    Rollup rollup(shape, kManyGroups, &memory);
    add_rows(rollup, 50, 50);
    ByteWriter out(&memory);
    rollup.encode(out, poll);
    if (expected.empty()) expected = std::string(out.written());
    EXPECT_EQ(out.written(), expected);
  });
  EXPECT_GT(allocations, 10U);
  validate(expected);
}

TEST(Memory, ShapesWithListsAndMaps) {
  const std::string shape = shape_of(Method::kRate);
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Rollup rollup(shape, kManyGroups, &memory);
    EXPECT_TRUE(rollup.is_shape(shape));
  });
  EXPECT_GT(allocations, 3U);
}

TEST(Memory, Validating) {
  const std::string flat = incidents(Method::kRate, 30);
  const std::size_t allocations = run_out_of_memory([&](ScarceMemory &memory) {
    Poll poll;
    validate_rollup(flat, poll, &memory);
  });
  EXPECT_GT(allocations, 2U);
}

TEST(Memory, FindingAnomalies) {
  for (const Method method : {Method::kRate, Method::kReference}) {
    const std::string flat = incidents(method, 30);
    const std::size_t allocations = run_out_of_memory(
        [&](ScarceMemory &memory) {
          Poll poll;
          Detection detection = detection_of(method);
          detection.partial_view = true;
          std::size_t found = 0;
          {
            const auto anomalies = find_anomalies(flat, detection, true, poll, &memory);
            found = anomalies.size();
          }
          EXPECT_EQ(found, 30U);
          EXPECT_EQ(memory.live_blocks(), found);  // the messages
        },
        true);
    EXPECT_GT(allocations, 30U) << method_name(method);
  }
}

TEST(Memory, FindingTheAnomalyOfAFleet) {
  std::vector<Row> rows;
  for (int group = 0; group < 25; ++group) {
    for (int minute = 15; minute < 75; ++minute) {
      for (int i = 0; i < 3; ++i) {
        rows.push_back({-minute * kMinute, "tenant " + std::to_string(group / 5), std::to_string(group), "ok", {}});
      }
    }
  }
  const std::string flat = roll_up(shape_of(Method::kRate), rows);
  run_out_of_memory(
      [&](ScarceMemory &memory) {
        Poll poll;
        EXPECT_EQ(find_anomalies(flat, detection_of(Method::kRate), true, poll, &memory).size(), 1U);
        EXPECT_EQ(memory.live_blocks(), 1U);
      },
      true);
}

TEST(Memory, Explaining) {
  for (const Method method : {Method::kRate, Method::kReference}) {
    const std::string flat = incidents(method, 10);
    const std::size_t allocations = run_out_of_memory(
        [&](ScarceMemory &memory) {
          Poll poll;
          std::size_t lines = 0;
          {
            lines = explain(flat, detection_of(method), "tenant", "https://example.org/hooks/3", poll, &memory).size();
          }
          EXPECT_EQ(memory.live_blocks(), 2 * lines);  // an item and a value in each
        },
        true);
    EXPECT_GT(allocations, 20U) << method_name(method);
  }
}

TEST(Memory, AllOfItComesFromTheGivenResource) {
  const std::string flat = incidents(Method::kRate, 10);
  const std::string shape = shape_of(Method::kRate);
  WatchedDefault watched;
  ScarceMemory memory;
  Poll poll;

  Rollup rollup(shape, kManyGroups, &memory);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "Rollup::Rollup";
  rollup.merge(flat, poll);
  add_rows(rollup, 20, 20);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "Rollup::merge and add";
  ByteWriter out(&memory);
  rollup.encode(out, poll);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "Rollup::encode";
  validate_rollup(flat, poll, &memory);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "validate_rollup";
  (void)find_anomalies(flat, detection_of(Method::kRate), true, poll, &memory);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "find_anomalies";
  (void)explain(flat, detection_of(Method::kRate), "tenant", "x", poll, &memory);
  EXPECT_EQ(std::exchange(watched.allocations, 0U), 0U) << "explain";
}

// Whoever owns the resource may drop everything at once, without running a destructor.
TEST(Memory, DroppedWithoutADestructor) {
  const std::string shape = shape_of(Method::kRate);
  const std::string flat = incidents(Method::kRate, 10);
  std::pmr::monotonic_buffer_resource arena(heap());
  auto *rollup = new (arena.allocate(sizeof(Rollup), alignof(Rollup))) Rollup(shape, kManyGroups, &arena);
  merge_into(*rollup, flat);
  EXPECT_EQ(insights::test::bytes_of(*rollup), flat);
  // No more: the leak checker of a sanitized run tells if anything came from elsewhere.
}
