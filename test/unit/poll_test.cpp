// A caller that wants to stop gets its way out of every long loop.
#include "poll.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "anomalies.hpp"
#include "explain.hpp"
#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

struct Stop {};

// Throws from its n-th check.
class StoppingPoll : public Poll {
 public:
  explicit StoppingPoll(int n) : left_(n) {}
  void check() override {
    ++checks;
    if (--left_ == 0) throw Stop();
  }

  int checks = 0;

 private:
  int left_;
};

constexpr int kNever = -1;

const Detection &detection() {
  static const Detection planned = plan_detection(Method::kRate, 0, 5 * kMinute, 60 * kMinute);
  return planned;
}

std::string shape_of(const Detection &of) {
  const auto edges = detection_edges(of, heap());
  return empty_rollup(SlotGrid::from_edges(edges.data(), edges.size(), heap()), detection_counters(of.method));
}

void add_groups(Rollup &rollup, int groups) {
  for (int group = 0; group < groups; ++group) {
    const std::string endpoint = std::to_string(group);
    rollup.add({0, "tenant", endpoint, "ok", Text()});
  }
}

std::string many_groups(int groups, const Detection &of = detection()) {
  Rollup rollup(shape_of(of), kManyGroups, heap());
  add_groups(rollup, groups);
  return insights::test::bytes_of(rollup);
}

bool is_stopped(const std::function<void(Poll &)> &loop, int at_check = 1) {
  StoppingPoll poll(at_check);
  try {
    loop(poll);
  } catch (const Stop &) {
    return true;
  }
  return false;
}

int checks_of(const std::function<void(Poll &)> &loop) {
  StoppingPoll poll(kNever);
  loop(poll);
  return poll.checks;
}

// So many that some of them are summed at once.
void merge_many(const std::string &shape, const std::string &flat, Poll &poll) {
  Rollup rollup(shape, kManyGroups, heap());
  for (int i = 0; i < 10; ++i) rollup.merge(flat, poll);
}

// Loops over all groups of a rollup.
std::vector<std::pair<const char *, std::function<void(Poll &)>>> loops(const std::string &flat,
                                                                        const std::string &reference) {
  return {
      {"merge", [&](Poll &poll) { merge_many(shape_of(detection()), flat, poll); }},
      {"encode",
       [&](Poll &poll) {
         Rollup rollup(shape_of(detection()), kManyGroups, heap());
         merge_into(rollup, flat);
         ByteWriter out(heap());
         rollup.encode(out, poll);
       }},
      {"validate", [&](Poll &poll) { validate_rollup(flat, poll, heap()); }},
      {"find_anomalies",
       [&](Poll &poll) {
         std::pmr::monotonic_buffer_resource arena(heap());
         (void)find_anomalies(flat, detection(), true, poll, &arena);
       }},
      {"find_anomalies, reference",
       [&](Poll &poll) {
         std::pmr::monotonic_buffer_resource arena(heap());
         (void)find_anomalies(reference, plan_detection(Method::kReference, 0, 5 * kMinute, 60 * kMinute), true, poll,
                              &arena);
       }},
      {"explain",
       [&](Poll &poll) {
         std::pmr::monotonic_buffer_resource arena(heap());
         (void)explain(flat, detection(), "tenant", "1", poll, &arena);
       }},
  };
}

}  // namespace

TEST(Poll, ChecksOnceInSoManyTurns) {
  StoppingPoll poll(kNever);
  for (int turn = 0; turn < 1023; ++turn) poll.tick();
  EXPECT_EQ(poll.checks, 0);
  poll.tick();
  EXPECT_EQ(poll.checks, 1);
  for (int turn = 0; turn < 1024; ++turn) poll.tick();
  EXPECT_EQ(poll.checks, 2);
}

TEST(Poll, TheDefaultNeverStops) {
  Poll poll;
  for (int turn = 0; turn < 5000; ++turn) poll.tick();
}

TEST(Poll, StopsEveryLoop) {
  const std::string flat = many_groups(10000);
  const Detection reference = plan_detection(Method::kReference, 0, 5 * kMinute, 60 * kMinute);
  const std::string reference_flat = many_groups(10000, reference);
  for (const auto &[name, loop] : loops(flat, reference_flat)) {
    EXPECT_TRUE(is_stopped(loop)) << name;
    EXPECT_TRUE(is_stopped(loop, 5)) << name;
    EXPECT_GE(checks_of(loop), 9) << name;
  }
}

TEST(Poll, FewGroupsAreNotWorthACheck) {
  const std::string flat = many_groups(10);
  const Detection reference = plan_detection(Method::kReference, 0, 5 * kMinute, 60 * kMinute);
  const std::string reference_flat = many_groups(10, reference);
  for (const auto &[name, loop] : loops(flat, reference_flat)) EXPECT_FALSE(is_stopped(loop)) << name;
}

// A stopped merge may leave a part behind, but nothing that breaks.
TEST(Poll, AStoppedRollupCanBeDestroyed) {
  const std::string flat = many_groups(5000);
  for (int check = 1; check <= 4; ++check) {
    EXPECT_TRUE(is_stopped([&](Poll &poll) { merge_many(shape_of(detection()), flat, poll); }, check));
    Rollup rollup(shape_of(detection()), kManyGroups, heap());
    merge_into(rollup, flat);
    ByteWriter out(heap());
    EXPECT_TRUE(is_stopped([&](Poll &poll) { rollup.encode(out, poll); }, check));
  }
}

// Few groups with many slots each are as long a loop as many groups.
TEST(Poll, StopsOverManySlotsToo) {
  constexpr int kSlots = 200000;
  const std::string shape = empty_rollup(SlotGrid::uniform(0, 1, kSlots, heap()));
  Rollup source(shape, kManyGroups, heap());
  for (int slot = 0; slot < kSlots; ++slot) source.add({slot, "t", "e", "ok", Text()});
  const std::string flat = insights::test::bytes_of(source);

  EXPECT_TRUE(is_stopped([&](Poll &poll) { merge_many(shape, flat, poll); })) << "merge";
  EXPECT_TRUE(is_stopped([&](Poll &poll) { validate_rollup(flat, poll, heap()); })) << "validate";
  EXPECT_TRUE(is_stopped([&](Poll &poll) {
    ByteWriter out(heap());
    source.encode(out, poll);
  })) << "encode";
}

// The reports as well: a minute's windows over 300 days are half a million slots.
TEST(Poll, StopsOverManySlotsOfAReport) {
  const Detection long_one = plan_detection(Method::kRate, 0, kMinute, Duration{300} * 24 * 60 * kMinute);
  Rollup source(shape_of(long_one), kManyGroups, heap());
  for (int minute = 200000; minute > 0; --minute) source.add({-minute * kMinute, "t", "e", "ok", Text()});
  const std::string flat = insights::test::bytes_of(source);

  EXPECT_TRUE(is_stopped([&](Poll &poll) {
    std::pmr::monotonic_buffer_resource arena(heap());
    (void)find_anomalies(flat, long_one, true, poll, &arena);
  })) << "find_anomalies";
  EXPECT_TRUE(is_stopped([&](Poll &poll) {
    std::pmr::monotonic_buffer_resource arena(heap());
    (void)explain(flat, long_one, "t", "e", poll, &arena);
  })) << "explain";
}
