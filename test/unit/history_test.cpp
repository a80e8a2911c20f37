// The detector at many times, from one rollup: what the report says at each of these times, from its own.
#include "history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory_resource>
#include <new>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "scene.hpp"
#include "window.hpp"

using namespace insights;
using namespace insights::test;

namespace {

using Random = std::mt19937_64;

// A generator whose seed is printed, so that a failure can be run again with INSIGHTS_SEED.
Random printed_random() {
  const char *given = std::getenv("INSIGHTS_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "INSIGHTS_SEED=" << seed << std::endl;
  return Random(seed);
}

HistoryPlan plan(Method method, Duration recent, Duration baseline, int hours, Duration step,
                 Timestamp as_of = kSceneTime) {
  return plan_history(plan_detection(method, as_of, recent, baseline), hours, step);
}

// Windows of 6, 9, 12 and 24 blocks and those of the reference, with steps that divide them and that do not.
std::vector<HistoryPlan> plans() {
  return {
      plan(Method::kRate, 5 * kMinute, 30 * kMinute, 3, 5 * kMinute),
      plan(Method::kRate, 5 * kMinute, 30 * kMinute, 3, 7 * kMinute),
      plan(Method::kRate, 5 * kMinute, 45 * kMinute, 4, 15 * kMinute, kSceneTime + 1),
      plan(Method::kRate, 5 * kMinute, 45 * kMinute, 2, kMinute * 11 + 13 * kSecond),
      plan(Method::kRate, 5 * kMinute, 60 * kMinute, 2, 5 * kMinute),
      plan(Method::kRate, 5 * kMinute, 70 * kMinute, 6, 60 * kMinute),  // of which 60 are taken
      plan(Method::kRate, 5 * kMinute, 60 * kMinute, 1, kMinute, -123456789),
      plan(Method::kRate, 301 * kSecond + 3, 61 * kMinute, 3, 400 * kSecond + 1),
      plan(Method::kRate, kMinute, 24 * kMinute, 1, kMinute),
      plan(Method::kRate, kMinute, 24 * kMinute, 1, 100 * kSecond),
      plan(Method::kRate, 5 * kMinute, 60 * kMinute, 1, 60 * kMinute),  // one evaluation
      plan(Method::kReference, 5 * kMinute, 60 * kMinute, 3, 5 * kMinute),
      plan(Method::kReference, 5 * kMinute, 60 * kMinute, 5, 17 * kMinute),
      plan(Method::kReference, 90 * kSecond + 1, 17 * kMinute, 1, 61 * kSecond),
  };
}

std::string text_of(const HistoryPlan &of) {
  return std::string(method_name(of.detection.method)) + " " + std::to_string(of.detection.recent / kSecond) + " s / " +
         std::to_string(of.detection.baseline / kSecond) + " s, every " + std::to_string(of.step / kSecond) + " s";
}

std::vector<Timestamp> edges_of(const HistoryPlan &of, std::pmr::memory_resource *memory = heap()) {
  Poll poll;
  const auto edges = history_edges(of, poll, memory);
  return {edges.begin(), edges.end()};
}

// Traffic

enum class FleetDoes { kGoesOn, kSurges, kFallsSilent };

constexpr int kFleet = 24;
constexpr int kFleetsTenants = 6;

// The evaluation that sees what the fleet does.
std::uint32_t back_of_event(const HistoryPlan &of) { return std::min<std::uint32_t>(2, of.evaluations - 1); }
Timestamp time_of_event(const HistoryPlan &of) { return of.evaluation(back_of_event(of)).as_of; }

// How far back the oldest evaluation looks.
Duration reach_of(const HistoryPlan &of) { return (of.evaluations - 1) * of.step + of.detection.reach(); }

Timestamp first_time(const HistoryPlan &of) { return of.detection.as_of - reach_of(of) - of.detection.recent; }
Timestamp last_time(const HistoryPlan &of) { return of.detection.as_of + of.detection.recent; }

// Enough deliveries, so regular that their silence is judged: 120 in a baseline.
void put_fleet(std::vector<Row> &rows, const HistoryPlan &of, FleetDoes what) {
  const Duration recent = of.detection.recent;
  const int blocks = of.detection.method == Method::kRate ? of.detection.blocks() : 12;
  const Duration gap = recent / std::max(6, 120 / blocks + 1);
  const Timestamp event = time_of_event(of);
  for (int i = 0; i < kFleet; ++i) {
    const std::string tenant = "f" + std::to_string(i % kFleetsTenants);
    const std::string endpoint = "fleet " + std::to_string(i);
    for (Timestamp at = first_time(of) + i * gap / kFleet; at <= last_time(of); at += gap) {
      if (what == FleetDoes::kFallsSilent && at > event - 3 * recent && at <= event) continue;
      const int count = what == FleetDoes::kSurges && at > event - recent && at <= event ? 8 : 1;
      rows.insert(rows.end(), static_cast<std::size_t>(count), Row{at, tenant, endpoint, "ok", {}});
    }
  }
}

// An endpoint that changes its ways every now and then.
void put_moody(std::vector<Row> &rows, Random &random, const HistoryPlan &of, const Value &tenant,
               const Value &endpoint) {
  static const std::vector<Value> ups_and_downs = {"ok", "failed", "dead_letter", "pending", std::nullopt};
  static const std::vector<Value> labels = {std::nullopt, std::nullopt, "permanent_4xx", "transient_endpoint_down"};
  const Duration recent = of.detection.recent;
  for (Timestamp from = first_time(of); from < last_time(of);) {
    const auto length = static_cast<Duration>(1 + below(random, static_cast<std::size_t>(8 * recent)));
    static const std::vector<int> levels = {0, 0, 1, 3, 10, 10, 60};  // in `recent`
    const auto count = static_cast<std::size_t>(pick(random, levels) * length / recent);
    const std::size_t failing = below(random, 3);  // of three, or so
    for (std::size_t i = 0; i < count; ++i) {
      const Timestamp at = from + static_cast<Timestamp>(below(random, static_cast<std::size_t>(length)));
      const bool may_fail = below(random, 3) < failing;
      rows.push_back({at, tenant, endpoint, may_fail ? pick(random, ups_and_downs) : "ok",
                      may_fail ? pick(random, labels) : Value()});
    }
    from += length;
  }
}

// Deliveries on every edge, and a microsecond before and behind it.
void put_on_edges(std::vector<Row> &rows, Random &random, const HistoryPlan &of) {
  for (const Timestamp edge : edges_of(of)) {
    for (const Timestamp at : {edge - 1, edge, edge + 1}) {
      rows.push_back({at, "edges", "all", "ok", {}});
      const std::size_t count = below(random, 4) == 0 ? 8 : below(random, 2);
      rows.insert(rows.end(), count, Row{at, "edges", "some", below(random, 4) == 0 ? "failed" : "ok", {}});
    }
  }
}

std::vector<Row> traffic(Random &random, const HistoryPlan &of, FleetDoes what) {
  std::vector<Row> rows;
  put_fleet(rows, of, what);
  static const std::vector<Value> names = {std::nullopt, "", "a", "f0", "z"};
  for (int i = 0; i < 8; ++i) put_moody(rows, random, of, pick(random, names), "moody " + std::to_string(i));
  put_moody(rows, random, of, std::nullopt, std::nullopt);
  put_on_edges(rows, random, of);
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.at < b.at; });
  return rows;
}

// What is found

// All that is known of an anomaly, to the last bit.
std::string told(const Anomaly &anomaly) {
  std::ostringstream out;
  out << std::hexfloat << anomaly.fleet << anomaly.spike << anomaly.failure_cluster << anomaly.silence << " ("
      << value_of(anomaly.tenant).value_or("NULL") << ", " << value_of(anomaly.endpoint).value_or("NULL") << ") "
      << anomaly.recent_count << "/" << anomaly.baseline_count << " " << anomaly.recent_failures << "/"
      << anomaly.baseline_failures << " " << anomaly.spike_multiplier.value_or(-1) << " "
      << anomaly.failure_multiplier.value_or(-1) << " " << anomaly.expected_count << " " << anomaly.expected_failures
      << " " << anomaly.score << " " << anomaly.window << " " << anomaly.message;
  return out.str();
}

using Told = std::vector<std::pair<Timestamp, std::vector<std::string>>>;  // newest first, none without anomalies

std::string roll_up_between(const std::vector<Row> &rows, const std::vector<Timestamp> &edges, Method method) {
  const auto from =
      std::partition_point(rows.begin(), rows.end(), [&](const Row &row) { return row.at < edges[0] - 2; });
  const auto to = std::partition_point(from, rows.end(), [&](const Row &row) { return row.at <= edges.back() + 2; });
  Rollup rollup(empty_rollup(edges_grid(edges), detection_counters(method)), kManyGroups, heap());
  for (auto row = from; row != to; ++row) rollup.add(delivery_of(*row));
  return bytes_of(rollup);
}

std::string roll_up_history(const std::vector<Row> &rows, const HistoryPlan &of) {
  return roll_up_between(rows, edges_of(of), of.detection.method);
}

Told history(const std::string &flat, const HistoryPlan &of, bool unicode = true) {
  std::pmr::monotonic_buffer_resource arena(heap());
  Poll poll;
  History history(flat, of, poll, heap());
  EXPECT_EQ(history.evaluations(), of.evaluations);
  Told all;
  for (std::uint32_t back = 0; back < history.evaluations(); ++back) {
    const AnomalySnapshot snapshot = history.finish(back, SIZE_MAX, unicode, poll, &arena);
    EXPECT_EQ(snapshot.anomalies.total, snapshot.anomalies.gravest.size());
    if (snapshot.anomalies.total == 0) continue;
    all.emplace_back(snapshot.at, std::vector<std::string>());
    for (const Anomaly &anomaly : snapshot.anomalies.gravest) all.back().second.push_back(told(anomaly));
  }
  return all;
}

// The report at each time, from a rollup of its own.
Told point_by_point(const std::vector<Row> &rows, const HistoryPlan &of, bool unicode = true) {
  Told all;
  for (std::uint32_t back = 0; back < of.evaluations; ++back) {
    std::pmr::monotonic_buffer_resource arena(heap());
    Detection at_that_time = of.detection;
    at_that_time.as_of -= back * of.step;
    const auto edges = detection_edges(at_that_time, heap());
    const std::string flat = roll_up_between(rows, {edges.begin(), edges.end()}, at_that_time.method);
    Poll poll;
    std::vector<std::string> anomalies;
    for (const Anomaly &anomaly : find_anomalies(flat, at_that_time, unicode, poll, &arena)) {
      anomalies.push_back(told(anomaly));
    }
    if (!anomalies.empty()) all.emplace_back(at_that_time.as_of, anomalies);
  }
  return all;
}

void expect_the_same(const Told &history, const Told &points) {
  ASSERT_EQ(history.size(), points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(history[i].first, points[i].first);
    EXPECT_EQ(history[i].second, points[i].second) << "at " << points[i].first;
  }
}

// How many begin so: "1100" is a spike of the fleet, "1001" its silence, "0100" a spike, and so on.
std::size_t count_kind(const Told &all, const std::string &kind) {
  std::size_t count = 0;
  for (const auto &[at, anomalies] : all) {
    for (const std::string &anomaly : anomalies) count += anomaly.compare(0, kind.size(), kind) == 0 ? 1 : 0;
  }
  return count;
}

std::size_t count_flag(const Told &all, std::size_t flag) {
  std::size_t count = 0;
  for (const auto &[at, anomalies] : all) {
    for (const std::string &anomaly : anomalies) count += anomaly[flag] == '1' ? 1 : 0;
  }
  return count;
}

constexpr std::size_t kFleetFlag = 0;
constexpr std::size_t kSpikeFlag = 1;
constexpr std::size_t kClusterFlag = 2;
constexpr std::size_t kSilenceFlag = 3;

void expect_refused(int hours, Duration step, const Detection &detection) {
  SCOPED_TRACE(std::to_string(hours) + " hours by " + std::to_string(step));
  try {
    plan_history(detection, hours, step);
    ADD_FAILURE() << "no error";
  } catch (const Error &error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_NE(error.hint(), "");
  }
}

// Counts of a group

const std::vector<int> kBlocks = {6, 9, 12, 15, 24, 60};

RatePolicy random_policy(Random &random) {
  const auto alpha = [&] { return std::pow(10.0, -2.0 - static_cast<double>(below(random, 800)) / 100); };
  RatePolicy policy;
  policy.rho = 1.0 + static_cast<double>(below(random, 200)) / 100;
  policy.spike_alpha = alpha();
  policy.failure_floor = static_cast<double>(below(random, 20)) / 100;
  policy.failure_alpha = alpha();
  policy.silence_alpha = alpha();
  return policy;
}

Detection detection_of(int blocks, const RatePolicy &policy) {
  Detection detection = plan_detection(Method::kRate, kSceneTime, 5 * kMinute, blocks * 5 * kMinute);
  detection.policy = policy;
  return detection;
}

// Some deliveries in some slots from `first` up to, but not including, `end`.
void spread(Random &random, std::vector<SlotCounts> &slots, std::size_t first, std::size_t end, std::uint64_t count) {
  const std::size_t concentration = below(random, 3);
  const std::size_t favourite = first + below(random, end - first);
  const bool fails = below(random, 2) == 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::size_t slot = favourite;
    if (concentration == 0) slot = first + i % (end - first);
    if (concentration == 1) slot = first + below(random, end - first);
    const bool settled = below(random, 4) > 0;
    slots[slot].total += 1;
    slots[slot].settled += settled ? 1 : 0;
    slots[slot].failures += settled && fails && below(random, 8) > 0 ? 1 : 0;
  }
}

// Around where a group begins to matter.
RateCounts random_counts(Random &random, const Detection &detection, std::uint64_t least) {
  const auto blocks = static_cast<std::size_t>(detection.blocks());
  std::vector<SlotCounts> slots(blocks + 4);
  spread(random, slots, 0, blocks, below(random, 2 * std::min(least, kBusyBaseline) + 2));
  spread(random, slots, blocks, blocks + 4, below(random, 3) == 0 ? 0 : below(random, 16));
  RateCounter counter(detection);
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].total > 0) counter.add(static_cast<std::uint32_t>(slot), slots[slot]);
  }
  return counter.finish();
}

// What a fleet of busy groups does together with one more group.
Fleet survey_with(const Detection &detection, const RateCounts *more, const SilenceVerdict &silence) {
  FleetSurvey survey(detection, heap());
  RateCounts busy;
  busy.blocks = detection.blocks();
  busy.baseline = 100;
  SilenceVerdict judged;
  judged.judged = true;
  const std::string tenants = "abcdef";
  for (std::size_t i = 0; i < 24; ++i) {
    busy.recent = 20 + i;
    survey.add(Text(tenants).substr(i / 4, 1), busy, judged);
  }
  if (more != nullptr) survey.add("one more", *more, silence);
  return survey.finish();
}

std::string told(const Fleet &fleet) {
  std::ostringstream out;
  out << std::hexfloat << fleet.factor << " of " << fleet.groups << " groups and " << fleet.tenants << " tenants, "
      << fleet.silent << " of " << fleet.judged << " silent";
  return out.str();
}

// The silence of a group that has so many deliveries and was never silent, with no more noise than must be.
SilenceVerdict silence_of(std::uint64_t baseline, int blocks, const RatePolicy &policy) {
  RateCounts counts;
  counts.blocks = blocks;
  counts.baseline = baseline;
  counts.least_triple = 1;
  return judge_silence(counts, nullptr, policy, 1);
}

// Memory and interruption

// Memory as PostgreSQL has it: nothing that needs more than eight bytes of alignment.
class EightByteMemory : public std::pmr::memory_resource {
 public:
  ~EightByteMemory() override {
    for (void *block : blocks_) std::free(block);
  }

 private:
  void *do_allocate(std::size_t size, std::size_t alignment) override {
    if (alignment > 8) throw std::bad_alloc();
    void *block = std::malloc(size + 1);
    if (block == nullptr) throw std::bad_alloc();
    blocks_.insert(block);
    return block;
  }
  void do_deallocate(void *block, std::size_t, std::size_t) override {
    EXPECT_EQ(blocks_.erase(block), 1U);
    std::free(block);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }

  std::set<void *> blocks_;
};

// Nothing may come from the default resource.
class NoDefaultMemory {
 public:
  NoDefaultMemory() : before_(std::pmr::set_default_resource(std::pmr::null_memory_resource())) {}
  ~NoDefaultMemory() { std::pmr::set_default_resource(before_); }
  NoDefaultMemory(const NoDefaultMemory &) = delete;
  NoDefaultMemory &operator=(const NoDefaultMemory &) = delete;

 private:
  std::pmr::memory_resource *before_;
};

struct Stop {};

// Throws from its n-th check; 0: never.
class StoppingPoll : public Poll {
 public:
  explicit StoppingPoll(int n) : stop_at_(n) {}
  void check() override {
    if (++checks == stop_at_) throw Stop();
  }

  int checks = 0;

 private:
  int stop_at_;
};

// How often a history of this asks whether to go on. It must obey whenever it is told to stop.
int checks_of(const std::string &flat, const HistoryPlan &of) {
  const auto run = [&](Poll &poll) {
    std::pmr::monotonic_buffer_resource arena(heap());
    History history(flat, of, poll, heap());
    for (std::uint32_t back = 0; back < of.evaluations; ++back)
      (void)history.finish(back, SIZE_MAX, true, poll, &arena);
  };
  StoppingPoll counting(0);
  run(counting);
  for (const int n : {1, 2, 5, counting.checks / 2, counting.checks}) {
    StoppingPoll stopping(n);
    EXPECT_THROW(run(stopping), Stop) << "at check " << n << " of " << counting.checks;
  }
  return counting.checks;
}

}  // namespace

// The history is the report at each of its times

TEST(History, IsTheReportOfEachTime) {
  Random random = printed_random();
  std::array<std::size_t, 4> flags{};
  for (const HistoryPlan &of : plans()) {
    for (const FleetDoes what : {FleetDoes::kGoesOn, FleetDoes::kSurges, FleetDoes::kFallsSilent}) {
      SCOPED_TRACE(text_of(of) + ", fleet " + std::to_string(static_cast<int>(what)));
      const auto rows = traffic(random, of, what);
      const Told points = point_by_point(rows, of);
      expect_the_same(history(roll_up_history(rows, of), of), points);
      for (std::size_t flag = 0; flag < flags.size(); ++flag) flags[flag] += count_flag(points, flag);
      if (of.detection.method == Method::kReference) continue;
      // The fleet did what it was to do, or the test shows less than it says.
      EXPECT_TRUE(what != FleetDoes::kSurges || count_kind(points, "1100") > 0);
      EXPECT_TRUE(what != FleetDoes::kFallsSilent || count_kind(points, "1001") > 0);
    }
  }
  for (const std::size_t flag : {kFleetFlag, kSpikeFlag, kClusterFlag, kSilenceFlag})
    EXPECT_GT(flags[flag], 0U) << flag;
}

TEST(History, WithAnySensitivity) {
  Random random = printed_random();
  HistoryPlan of = plan(Method::kRate, 5 * kMinute, 30 * kMinute, 2, 4 * kMinute);
  for (int round = 0; round < 6; ++round) {
    of.detection.policy = random_policy(random);
    const auto rows = traffic(random, of, round % 2 == 0 ? FleetDoes::kSurges : FleetDoes::kFallsSilent);
    expect_the_same(history(roll_up_history(rows, of), of), point_by_point(rows, of));
  }
}

TEST(History, OfAPartSaysNothingOfTheFleet) {
  Random random = printed_random();
  HistoryPlan of = plan(Method::kRate, 5 * kMinute, 30 * kMinute, 2, 5 * kMinute);
  of.detection.partial_view = true;
  for (const FleetDoes what : {FleetDoes::kSurges, FleetDoes::kFallsSilent}) {
    const auto rows = traffic(random, of, what);
    const Told all = history(roll_up_history(rows, of), of);
    expect_the_same(all, point_by_point(rows, of));
    EXPECT_EQ(count_flag(all, kFleetFlag), 0U);
    // Each of the fleet stands for itself.
    EXPECT_GE(count_flag(all, what == FleetDoes::kSurges ? kSpikeFlag : kSilenceFlag), std::size_t{kFleet});
  }
}

TEST(History, SilenceIsJudgedOnlyWhereItIsAskedFor) {
  Random random = printed_random();
  HistoryPlan of = plan(Method::kRate, 5 * kMinute, 30 * kMinute, 2, 5 * kMinute);
  const auto rows = traffic(random, of, FleetDoes::kFallsSilent);
  EXPECT_GT(count_flag(history(roll_up_history(rows, of), of), kSilenceFlag), 0U);
  of.detection.judge_silence = false;
  const Told all = history(roll_up_history(rows, of), of);
  expect_the_same(all, point_by_point(rows, of));
  EXPECT_EQ(count_flag(all, kSilenceFlag), 0U);
}

TEST(History, MessagesInPlainAscii) {
  Random random = printed_random();
  for (const Method method : {Method::kRate, Method::kReference}) {
    const HistoryPlan of = plan(method, 5 * kMinute, 30 * kMinute, 1, 10 * kMinute);
    const auto rows = traffic(random, of, FleetDoes::kSurges);
    const Told all = history(roll_up_history(rows, of), of, false);
    ASSERT_FALSE(all.empty());
    expect_the_same(all, point_by_point(rows, of, false));
  }
}

TEST(History, NewestFirstAndOnlyWhereSomethingIsWrong) {
  const HistoryPlan of = plan(Method::kReference, 5 * kMinute, 60 * kMinute, 6, 60 * kMinute);
  std::vector<Row> rows;
  // 20 in 5 minutes, of which nothing came before: once an hour ago, and twice four hours ago.
  for (const auto &[endpoint, hours] : {std::pair("a", 4), std::pair("b", 4), std::pair("a", 1)}) {
    rows.insert(rows.end(), 20, Row{kSceneTime - hours * kHour, "t", endpoint, "ok", {}});
  }
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.at < b.at; });
  const Told all = history(roll_up_history(rows, of), of);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].first, kSceneTime - kHour);
  EXPECT_EQ(all[0].second.size(), 1U);
  EXPECT_EQ(all[1].first, kSceneTime - 4 * kHour);
  EXPECT_EQ(all[1].second.size(), 2U);
}

TEST(History, ARollupMayHaveMoreSlots) {
  Random random = printed_random();
  for (const HistoryPlan &of : {plan(Method::kRate, 5 * kMinute, 30 * kMinute, 2, 11 * kMinute),
                                plan(Method::kReference, 5 * kMinute, 60 * kMinute, 2, 11 * kMinute)}) {
    const auto rows = traffic(random, of, FleetDoes::kSurges);
    const auto edges = edges_of(of);
    std::set<Timestamp> more(edges.begin(), edges.end());
    const auto span = static_cast<std::size_t>(edges.back() - edges.front());
    for (int i = 0; i < 200; ++i) more.insert(edges.front() + static_cast<Timestamp>(below(random, span)));
    for (int i = 1; i < 20; ++i) {
      more.insert(edges.front() - i * kMinute);
      more.insert(edges.back() + i * kMinute);
    }
    const std::string flat = roll_up_between(rows, {more.begin(), more.end()}, of.detection.method);
    expect_the_same(history(flat, of), point_by_point(rows, of));
  }
}

TEST(History, ARollupMustHaveItsSlots) {
  const HistoryPlan of = plan(Method::kRate, 5 * kMinute, 30 * kMinute, 1, 20 * kMinute);
  const auto edges = edges_of(of);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    auto fewer = edges;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    const std::string flat = roll_up_between({}, fewer, Method::kRate);
    EXPECT_EQ(error_kind([&] { history(flat, of); }), ErrorKind::kInvalidArgument) << i;
  }
}

TEST(History, OfAnEmptyRollup) {
  for (const HistoryPlan &of : plans()) EXPECT_TRUE(history(roll_up_history({}, of), of).empty()) << text_of(of);
}

// Groups of which all deliveries lie before or behind what some evaluations look at.
TEST(History, OfGroupsThatComeAndGo) {
  const HistoryPlan of = plan(Method::kRate, 5 * kMinute, 30 * kMinute, 12, 5 * kMinute);
  std::vector<Row> rows;
  for (int i = 0; i < 12 * 12 + 9; ++i) {
    const Timestamp at = kSceneTime - i * 5 * kMinute;
    const std::string endpoint = std::to_string(i);
    // Failures that are a cluster as long as they are in 3R.
    rows.insert(rows.end(), 12, Row{at, "t", endpoint, "failed", {}});
  }
  std::reverse(rows.begin(), rows.end());
  const Told all = history(roll_up_history(rows, of), of);
  expect_the_same(all, point_by_point(rows, of));
  EXPECT_EQ(all.size(), of.evaluations);
  for (const auto &[at, anomalies] : all) EXPECT_EQ(anomalies.size(), 3U) << at;
}

// Of a long list only the gravest, but all of them counted.
TEST(History, TheGravestInFull) {
  Random random = printed_random();
  for (const Method method : {Method::kRate, Method::kReference}) {
    const HistoryPlan of = plan(method, 5 * kMinute, 60 * kMinute, 1, 10 * kMinute);
    auto rows = traffic(random, of, FleetDoes::kSurges);
    for (int i = 0; i < 12; ++i) {
      const std::string endpoint = "broken " + std::to_string(i);
      rows.insert(rows.end(), static_cast<std::size_t>(20 + i % 3), Row{kSceneTime, "t", endpoint, "failed", {}});
    }
    std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.at < b.at; });
    const std::string flat = roll_up_history(rows, of);
    std::pmr::monotonic_buffer_resource arena(heap());
    Poll poll;
    for (const std::size_t most : {0U, 1U, 5U, 1000U}) {
      History some(flat, of, poll, heap());
      History all(flat, of, poll, heap());
      std::size_t longest = 0;
      for (std::uint32_t back = 0; back < of.evaluations; ++back) {
        SCOPED_TRACE(std::to_string(most) + " at " + std::to_string(back));
        const auto of_some = some.finish(back, most, true, poll, &arena).anomalies;
        const auto of_all = all.finish(back, SIZE_MAX, true, poll, &arena).anomalies;
        const auto critical = std::count_if(of_all.gravest.begin(), of_all.gravest.end(),
                                            [](const Anomaly &anomaly) { return anomaly.critical(); });
        EXPECT_EQ(of_some.total, of_all.gravest.size());
        EXPECT_EQ(of_some.critical, static_cast<std::size_t>(critical));
        ASSERT_EQ(of_some.gravest.size(), std::min(most, of_all.gravest.size()));
        for (std::size_t i = 0; i < of_some.gravest.size(); ++i) {
          EXPECT_EQ(told(of_some.gravest[i]), told(of_all.gravest[i]));
        }
        longest = std::max(longest, of_all.gravest.size());
      }
      EXPECT_GE(longest, 12U);
    }
  }
}

// Groups that come again when what they did before is just still seen, or just no more.
TEST(History, OfGroupsWithGaps) {
  for (const HistoryPlan &of : {plan(Method::kRate, 5 * kMinute, 30 * kMinute, 6, 5 * kMinute),
                                plan(Method::kRate, 5 * kMinute, 30 * kMinute, 6, 7 * kMinute),
                                plan(Method::kReference, 5 * kMinute, 60 * kMinute, 6, 4 * kMinute)}) {
    std::vector<Row> rows;
    const Duration reach = of.detection.reach();
    int number = 0;
    for (const Duration more : {-10 * kMinute, -5 * kMinute, -4 * kMinute, -kMinute, Duration{-1}, Duration{0},
                                Duration{1}, kMinute, 4 * kMinute, 5 * kMinute, 10 * kMinute, reach}) {
      for (const Duration before : {Duration{0}, 30 * kMinute + 1, 61 * kMinute}) {
        const std::string endpoint = "gap " + std::to_string(number++);
        for (Timestamp at = kSceneTime - before; at > first_time(of); at -= reach + more) {
          rows.insert(rows.end(), 12, Row{at, "t", endpoint, "failed", {}});
          rows.insert(rows.end(), 3, Row{at - 2 * kMinute, "t", endpoint, "ok", {}});
        }
      }
    }
    std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.at < b.at; });
    const Told points = point_by_point(rows, of);
    EXPECT_GT(count_flag(points, kClusterFlag), 100U);
    expect_the_same(history(roll_up_history(rows, of), of), points);
  }
}

// Plans

TEST(HistoryPlan, EvaluationsAreLessThanSoManyHoursBack) {
  const Detection detection = plan_detection(Method::kReference, kSceneTime, 5 * kMinute, 60 * kMinute);
  for (const int hours : {1, 2, 3, 24, 25, 168, 8760}) {
    for (const Duration step : {kMinute, kMinute + 1, 7 * kMinute, 20 * kMinute, kHour - 1, kHour, kHour + 1, 5 * kHour,
                                24 * kHour, 400 * 24 * kHour}) {
      SCOPED_TRACE(std::to_string(hours) + " hours by " + std::to_string(step));
      std::uint32_t count = 0;
      while (count * step < hours * kHour) ++count;
      const HistoryPlan of = plan_history(detection, hours, step);
      EXPECT_EQ(of.evaluations, count);
      EXPECT_EQ(of.step, step);
      EXPECT_EQ(of.evaluation(0).as_of, kSceneTime);
      EXPECT_EQ(of.evaluation(count - 1).as_of, kSceneTime - (count - 1) * step);
    }
  }
}

TEST(HistoryPlan, AnEvaluationHasAllThatDecidesAVerdict) {
  HistoryPlan of = plan(Method::kRate, 5 * kMinute, 70 * kMinute, 24, kHour);
  of.detection.partial_view = true;
  of.detection.judge_silence = false;
  of.detection.policy.rho = 2.5;
  const Detection moved = of.evaluation(7);
  EXPECT_EQ(moved.as_of, kSceneTime - 7 * kHour);
  EXPECT_EQ(moved.method, Method::kRate);
  EXPECT_EQ(moved.recent, 5 * kMinute);
  EXPECT_EQ(moved.baseline, 60 * kMinute);
  EXPECT_TRUE(moved.partial_view);
  EXPECT_FALSE(moved.judge_silence);
  EXPECT_EQ(moved.policy.rho, 2.5);
}

TEST(HistoryPlan, EdgesAreThoseOfAllEvaluations) {
  for (const HistoryPlan &of : plans()) {
    SCOPED_TRACE(text_of(of));
    std::set<Timestamp> expected;
    for (std::uint32_t back = 0; back < of.evaluations; ++back) {
      Detection detection = of.detection;
      detection.as_of -= back * of.step;
      for (const Timestamp edge : detection_edges(detection, heap())) expected.insert(edge);
    }
    EXPECT_EQ(edges_of(of), std::vector<Timestamp>(expected.begin(), expected.end()));
    // (as_of - reach, as_of] in microseconds.
    EXPECT_EQ(edges_of(of).front(), of.detection.as_of - reach_of(of) + 1);
    EXPECT_EQ(edges_of(of).back(), of.detection.as_of + 1);
  }
}

TEST(HistoryPlan, StepsOfAMinuteAndMore) {
  for (const Method method : {Method::kRate, Method::kReference}) {
    const Detection detection = plan_detection(method, kSceneTime, 5 * kMinute, 60 * kMinute);
    for (const Duration step : {Duration{0}, Duration{-1}, -kHour, Duration{1}, kMinute - 1}) {
      expect_refused(24, step, detection);
    }
    EXPECT_EQ(plan_history(detection, 24, kMinute).evaluations, 1440U);
  }
}

TEST(HistoryPlan, NotTooManyEvaluations) {
  const Detection usual = plan_detection(Method::kRate, kSceneTime, 5 * kMinute, 60 * kMinute);
  expect_refused(kMostHours, kMinute, usual);
  EXPECT_EQ(plan_history(usual, kMostHours, kHour).evaluations, 8760U);
  EXPECT_EQ(plan_history(usual, 168, kMinute).evaluations, 10080U);
  // A baseline of very many blocks.
  const Detection fine = plan_detection(Method::kRate, kSceneTime, kMinute, 60 * 24 * kHour);
  expect_refused(168, kHour, fine);
  EXPECT_EQ(plan_history(fine, 24, kHour).evaluations, 24U);
}

// What was not refused must fit a rollup.
TEST(HistoryPlan, WhatIsPlannedMakesAGrid) {
  // No edge is that of two evaluations.
  const Detection odd = plan_detection(Method::kRate, kSceneTime, 5 * kMinute + 7, 31 * kMinute);
  for (const int hours : {24, 1700}) {
    std::size_t edges = 0;
    try {
      edges = edges_of(plan_history(odd, hours, kMinute)).size();
    } catch (const Error &error) {
      EXPECT_NE(error.hint(), "");
    }
    EXPECT_LE(edges, std::size_t{SlotGrid::kMaxSlots}) << hours;
  }
}

// Groups that do not matter

// Of these the history counts only the sums, so that no test may have anything to say of them.
TEST(MayMatter, WhatDoesNotIsNothingToAnybody) {
  Random random = printed_random();
  int quiet = 0;
  constexpr int kRounds = 60000;
  for (int round = 0; round < kRounds; ++round) {
    const RatePolicy policy = random_policy(random);
    const Detection detection = detection_of(pick(random, kBlocks), policy);
    const std::uint64_t least = least_silence_baseline(policy, detection.blocks());
    const RateCounts counts = random_counts(random, detection, least);
    if (may_matter(counts, least)) continue;
    ++quiet;
    const RateJudgement judgement = judge_rate(counts, detection, Fleet());
    EXPECT_FALSE(judgement.spike.flagged);
    EXPECT_FALSE(judgement.failure.flagged);
    EXPECT_FALSE(judgement.silence.flagged);
    EXPECT_FALSE(judgement.silence.judged);
    EXPECT_EQ(told(survey_with(detection, &counts, judgement.silence)), told(survey_with(detection, nullptr, {})));
    if (HasFailure()) {
      FAIL() << counts.baseline << " in " << counts.blocks << " blocks, " << counts.triple << " in 3R, "
             << counts.failed[kTriple] << " failed";
    }
  }
  EXPECT_GT(quiet, kRounds / 10);
  EXPECT_LT(quiet, kRounds * 9 / 10);
}

TEST(MayMatter, IsToldFromThreeSums) {
  Random random = printed_random();
  for (int round = 0; round < 20000; ++round) {
    const RatePolicy policy = random_policy(random);
    const Detection detection = detection_of(pick(random, kBlocks), policy);
    const std::uint64_t least = least_silence_baseline(policy, detection.blocks());
    const RateCounts counts = random_counts(random, detection, least);
    RateCounts sums;
    sums.blocks = counts.blocks;
    sums.baseline = counts.baseline;
    sums.triple = counts.triple;
    sums.failed[kTriple] = counts.failed[kTriple];
    EXPECT_EQ(may_matter(sums, least), may_matter(counts, least));
  }
}

// Each of the three sums alone makes it matter from where on it must.
TEST(MayMatter, WhatTheTestsLookAtMatters) {
  RateCounts counts;
  EXPECT_FALSE(may_matter(counts, 62));
  counts.triple = 10;  // enough for a test on traffic
  EXPECT_TRUE(may_matter(counts, 62));
  counts.triple = 9;
  counts.failed[kTriple] = 1;
  EXPECT_FALSE(may_matter(counts, 62));
  counts.failed[kTriple] = 2;  // enough for 12R to go on
  EXPECT_TRUE(may_matter(counts, 62));
  counts = RateCounts();
  counts.baseline = kBusyBaseline;  // a group of the fleet
  EXPECT_TRUE(may_matter(counts, 62));
  EXPECT_TRUE(may_matter(counts, 40));
  counts.baseline = 40;
  EXPECT_FALSE(may_matter(counts, 62));
  EXPECT_TRUE(may_matter(counts, 40));
}

TEST(LeastSilenceBaseline, NoSilenceIsJudgedBelow) {
  for (int blocks = 6; blocks <= 300; blocks += 3) {
    for (const double alpha : {1e-2, 1e-3, 1e-5, 1e-6, 1e-7, 1e-9}) {
      RatePolicy policy;
      policy.silence_alpha = alpha;
      const std::uint64_t least = least_silence_baseline(policy, blocks);
      ASSERT_GT(least, 0U);
      ASSERT_FALSE(silence_of(least - 1, blocks, policy).judged) << blocks << " blocks, " << alpha;
    }
  }
}

// With the least noise there can be.
TEST(LeastSilenceBaseline, SilenceIsJudgedFromThereOn) {
  for (int blocks = 6; blocks <= 300; blocks += 3) {
    for (const double alpha : {1e-2, 1e-3, 1e-5, 1e-6, 1e-7, 1e-9}) {
      RatePolicy policy;
      policy.silence_alpha = alpha;
      const std::uint64_t least = least_silence_baseline(policy, blocks);
      ASSERT_TRUE(silence_of(least, blocks, policy).judged) << least << " in " << blocks << " blocks, " << alpha;
    }
  }
}

// Memory and interruption

TEST(History, InMemoryThatIsAlignedAsPostgresqls) {
  Random random = printed_random();
  for (const Method method : {Method::kRate, Method::kReference}) {
    const HistoryPlan of = plan(method, 5 * kMinute, 30 * kMinute, 1, 10 * kMinute);
    const std::string flat = roll_up_history(traffic(random, of, FleetDoes::kSurges), of);
    EightByteMemory memory;
    Poll poll;
    std::size_t wrong = 0;
    History in_it(flat, of, poll, &memory);
    for (std::uint32_t back = 0; back < of.evaluations; ++back) {
      wrong += in_it.finish(back, 5, true, poll, &memory).anomalies.total > 0 ? 1 : 0;
    }
    EXPECT_GT(wrong, 0U);
    EXPECT_EQ(wrong, history(flat, of).size());
    EXPECT_EQ(edges_of(of, &memory), edges_of(of));
  }
}

TEST(History, InItsOwnMemoryOnly) {
  Random random = printed_random();
  for (const Method method : {Method::kRate, Method::kReference}) {
    const HistoryPlan of = plan(method, 5 * kMinute, 30 * kMinute, 1, 10 * kMinute);
    const std::string flat = roll_up_history(traffic(random, of, FleetDoes::kSurges), of);
    const NoDefaultMemory none;
    EXPECT_FALSE(history(flat, of).empty());
    EXPECT_FALSE(edges_of(of).empty());
  }
}

TEST(HistoryPoll, StopsOverManyEvaluations) {
  const HistoryPlan of = plan(Method::kRate, 5 * kMinute, 60 * kMinute, 2000, kHour);
  EXPECT_GE(checks_of(roll_up_history({}, of), of), 2000 * 17 / 1024);
}

TEST(HistoryPoll, StopsOverManyEdges) {
  const HistoryPlan of = plan(Method::kRate, 5 * kMinute, 60 * kMinute, 2000, kHour);
  StoppingPoll counting(0);
  (void)history_edges(of, counting, heap());
  ASSERT_GE(counting.checks, 2000 * 17 / 1024);
  for (const int n : {1, counting.checks / 2, counting.checks}) {
    StoppingPoll stopping(n);
    EXPECT_THROW((void)history_edges(of, stopping, heap()), Stop) << n;
  }
}

TEST(HistoryPoll, StopsOverManySlots) {
  const HistoryPlan of = plan(Method::kRate, kMinute, 6 * kMinute, 1, kHour);
  constexpr int kSlots = 30000;
  constexpr Duration kWidth = 12 * kSecond;  // divides all windows
  const Timestamp begin = kSceneTime + 1 - kSlots * kWidth;
  Rollup rollup(empty_rollup(SlotGrid::uniform(begin, kWidth, kSlots, heap()), kRateCounters), kManyGroups, heap());
  for (int slot = 0; slot < kSlots; ++slot) rollup.add({begin + slot * kWidth, "t", "e", "ok", Text()});
  EXPECT_GE(checks_of(bytes_of(rollup), of), kSlots / 1024);
}

TEST(HistoryPoll, StopsOverManyGroups) {
  constexpr int kGroups = 3000;
  for (const Method method : {Method::kRate, Method::kReference}) {
    const HistoryPlan of = plan(method, 5 * kMinute, 60 * kMinute, 1, 5 * kMinute);
    std::vector<Row> rows;
    // In the windows of all twelve evaluations.
    for (int i = 0; i < kGroups; ++i) rows.push_back({kSceneTime - 55 * kMinute, "t", std::to_string(i), "ok", {}});
    EXPECT_GE(checks_of(roll_up_history(rows, of), of), kGroups * 12 / 1024);
  }
}

TEST(HistoryPoll, StopsOverManyAnomalies) {
  constexpr int kGroups = 4000;
  const HistoryPlan of = plan(Method::kReference, 5 * kMinute, 60 * kMinute, 1, kHour);
  std::vector<Row> rows;
  for (int i = 0; i < kGroups; ++i) rows.insert(rows.end(), 2, Row{kSceneTime, "t", std::to_string(i), "ok", {}});
  // Of each group: its cell, its evaluation, its place in the order, its message.
  EXPECT_GE(checks_of(roll_up_history(rows, of), of), kGroups * 4 / 1024);
}
