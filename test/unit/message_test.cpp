// The sentences that an operator reads, to the letter.
#include "message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support.hpp"

using namespace insights;
using namespace insights::test;

namespace {

std::string message(const Anomaly &anomaly, bool unicode = true, const Fleet &fleet = Fleet()) {
  std::pmr::monotonic_buffer_resource arena(heap());
  return std::string(write_message(anomaly, fleet, unicode, &arena));
}

Anomaly cluster() {
  Anomaly anomaly;
  anomaly.tenant = "tenant-1";
  anomaly.endpoint = "https://example.org/hook";
  anomaly.failure_cluster = true;
  anomaly.recent_count = 120;
  anomaly.baseline_count = 10;
  anomaly.recent_failures = 115;
  anomaly.baseline_failures = 2;
  anomaly.spike_multiplier = 12.0;
  anomaly.failure_multiplier = 57.5;
  anomaly.told_count = 115;
  anomaly.told_multiplier = 57.5;
  return anomaly;
}

Anomaly spike() {
  Anomaly anomaly = cluster();
  anomaly.failure_cluster = false;
  anomaly.spike = true;
  anomaly.told_count = 120;
  anomaly.told_multiplier = 12.0;
  return anomaly;
}

Anomaly silence(Duration window = 15 * kMinute, double expected = 10) {
  Anomaly anomaly = cluster();
  anomaly.failure_cluster = false;
  anomaly.silence = true;
  anomaly.window = window;
  anomaly.expected_count = expected;
  return anomaly;
}

}  // namespace

TEST(Message, OfTheReference) {
  EXPECT_EQ(message(cluster()),
            "🚨 Failure Cluster: 115 failures to https://example.org/hook (57.5x normal) – Tenant: tenant-1");
  EXPECT_EQ(message(spike()),
            "⚠️ Traffic Spike: 120 deliveries to https://example.org/hook (12.0x normal) – Tenant: tenant-1");
}

TEST(Message, TheSignsByTheirBytes) {
  EXPECT_EQ(message(cluster()).substr(0, 5), "\xf0\x9f\x9a\xa8 ");
  EXPECT_EQ(message(spike()).substr(0, 7), "\xe2\x9a\xa0\xef\xb8\x8f ");
  EXPECT_NE(message(spike()).find(" \xe2\x80\x93 Tenant"), std::string::npos);
}

TEST(Message, InAscii) {
  EXPECT_EQ(message(cluster(), false),
            "Failure Cluster: 115 failures to https://example.org/hook (57.5x normal) - Tenant: tenant-1");
  EXPECT_EQ(message(spike(), false),
            "Traffic Spike: 120 deliveries to https://example.org/hook (12.0x normal) - Tenant: tenant-1");
  EXPECT_EQ(message(silence(), false),
            "Silence: no deliveries to https://example.org/hook for 15 minutes (30.0 expected) - Tenant: tenant-1");
}

TEST(Message, TheClusterComesFirst) {
  Anomaly both = cluster();
  both.spike = true;
  both.silence = true;
  EXPECT_EQ(message(both), message(cluster()));
  Anomaly surge = spike();
  surge.silence = true;
  EXPECT_EQ(message(surge), message(spike()));
}

TEST(Message, MissingTenantAndEndpoint) {
  Anomaly anomaly = cluster();
  anomaly.tenant = Text();
  anomaly.endpoint = Text();
  EXPECT_EQ(message(anomaly), "🚨 Failure Cluster: 115 failures to none (57.5x normal) – Tenant: none");
  anomaly.tenant = "";
  anomaly.endpoint = "";
  EXPECT_EQ(message(anomaly), "🚨 Failure Cluster: 115 failures to  (57.5x normal) – Tenant: ");
}

TEST(Message, NewWhereNothingWasExpected) {
  Anomaly anomaly = cluster();
  anomaly.told_multiplier.reset();
  EXPECT_EQ(message(anomaly, false),
            "Failure Cluster: 115 failures to https://example.org/hook (new) - Tenant: tenant-1");
  Anomaly surge = spike();
  surge.told_multiplier.reset();
  EXPECT_EQ(message(surge, false),
            "Traffic Spike: 120 deliveries to https://example.org/hook (new) - Tenant: tenant-1");
}

TEST(Message, OfALongerWindow) {
  Anomaly anomaly = cluster();
  anomaly.told_count = 23;
  anomaly.told_multiplier = 4.2;
  anomaly.told_window = 15 * kMinute;
  EXPECT_EQ(message(anomaly, false),
            "Failure Cluster: 23 failures in 15 minutes to https://example.org/hook (4.2x normal) - Tenant: tenant-1");
}

TEST(Message, NumbersAsPythonPrintsThem) {
  Anomaly anomaly = spike();
  for (const auto &[value, text] : std::vector<std::pair<double, std::string>>{
           {12, "12.0x"}, {0.33, "0.33x"}, {1000000, "1000000.0x"}, {1e16, "1e+16x"}, {0, "0.0x"}}) {
    anomaly.told_multiplier = value;
    EXPECT_NE(message(anomaly).find("(" + text + " normal)"), std::string::npos) << message(anomaly);
  }
}

TEST(Message, MinutesOfASilence) {
  const auto minutes = [](Duration window) {
    const std::string text = message(silence(window), false);
    const std::size_t begin = text.find(" for ") + 5;
    return text.substr(begin, text.find(" (") - begin);
  };
  EXPECT_EQ(minutes(15 * kMinute), "15 minutes");
  EXPECT_EQ(minutes(3 * kMinute), "3 minutes");
  EXPECT_EQ(minutes(kMinute), "1 minute");
  EXPECT_EQ(minutes(90 * kSecond), "1.5 minutes");
  EXPECT_EQ(minutes(200 * kSecond), "3.33 minutes");
  EXPECT_EQ(minutes(3 * 24 * 60 * kMinute), "4320 minutes");
}

TEST(Message, ExpectedOfASilence) {
  EXPECT_NE(message(silence(15 * kMinute, 10.0 / 3)).find("(10.0 expected)"), std::string::npos);
  EXPECT_NE(message(silence(15 * kMinute, 125.0 / 12)).find("(31.25 expected)"), std::string::npos);
}

TEST(Message, OfTheFleet) {
  Anomaly surge;
  surge.fleet = true;
  surge.spike = true;
  surge.recent_count = 5000;
  surge.spike_multiplier = 4.0;
  Fleet fleet;
  fleet.factor = 3.14159;
  EXPECT_EQ(
      message(surge, true, fleet),
      "⚠️ Traffic Spike: 5000 deliveries to all endpoints (3.14x normal at the median endpoint) – Tenant: all");
  EXPECT_EQ(message(surge, false, fleet),
            "Traffic Spike: 5000 deliveries to all endpoints (3.14x normal at the median endpoint) - Tenant: all");

  Anomaly quiet;
  quiet.fleet = true;
  quiet.silence = true;
  quiet.window = 15 * kMinute;
  fleet.silent = 7;
  fleet.judged = 9;
  EXPECT_EQ(message(quiet, true, fleet),
            "⚠️ Silence: no deliveries to 7 of 9 steady endpoints for 15 minutes – Tenant: all");
  EXPECT_EQ(message(quiet, false, fleet),
            "Silence: no deliveries to 7 of 9 steady endpoints for 15 minutes - Tenant: all");
}

TEST(Message, TextsOfAnyBytes) {
  Anomaly anomaly = spike();
  const std::string binary("\xff\x00\n", 3);
  anomaly.endpoint = binary;
  EXPECT_NE(message(anomaly, false).find(binary), std::string::npos);
  const std::string long_text(10000, 'x');
  anomaly.endpoint = long_text;
  EXPECT_NE(message(anomaly).find(long_text), std::string::npos);
}
