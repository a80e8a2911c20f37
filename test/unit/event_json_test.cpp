// The payload of a notification: its members, and that it is always short enough.
#include "event_json.hpp"

#include <nlohmann/json.hpp>

#include "support.hpp"

namespace insights::test {

namespace {

std::string payload_of(const EventNotice &notice, bool ascii = false) {
  ByteWriter out(heap());
  write_notice(notice, ascii, out);
  return std::string(out.written());
}

EventNotice opened() {
  EventNotice notice;
  notice.seq = 7;
  notice.incident = 3;
  notice.event = "opened";
  notice.severity = "critical";
  notice.at = 815668200 * kSecond;  // 2025-11-05 14:30
  notice.tenant = "acme";
  notice.endpoint = "/orders";
  notice.message = "Failure Cluster";
  return notice;
}

EventNotice detailed() {
  EventNotice notice = opened();
  notice.details = true;
  return notice;
}

std::string repeat(const std::string &text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

TEST(EventJson, NamesNobodyWithoutDetails) {
  EXPECT_EQ(nlohmann::json::parse(payload_of(opened())), nlohmann::json({{"v", 1},
                                                                         {"seq", 7},
                                                                         {"id", 3},
                                                                         {"event", "opened"},
                                                                         {"severity", "critical"},
                                                                         {"at", "2025-11-05T14:30:00Z"}}));
}

TEST(EventJson, NamesThemWithDetails) {
  const auto json = nlohmann::json::parse(payload_of(detailed()));
  EXPECT_EQ(json.at("tenant"), "acme");
  EXPECT_EQ(json.at("endpoint"), "/orders");
  EXPECT_EQ(json.at("message"), "Failure Cluster");
  EXPECT_EQ(json.size(), 9U);
}

TEST(EventJson, KeepsNullApartFromEmpty) {
  EventNotice notice = detailed();
  notice.tenant = Text();
  notice.endpoint = "";
  const auto json = nlohmann::json::parse(payload_of(notice));
  EXPECT_TRUE(json.at("tenant").is_null());
  EXPECT_EQ(json.at("endpoint"), "");
}

TEST(EventJson, CutsNamesAt512BytesOnACharacter) {
  EventNotice notice = detailed();
  const std::string ascii(600, 'x');
  const std::string wide = "x" + repeat("\xF0\x9F\x9A\xA8", 150);  // of 4 bytes each
  notice.tenant = ascii;
  notice.endpoint = wide;
  const auto json = nlohmann::json::parse(payload_of(notice));
  EXPECT_EQ(json.at("tenant").get<std::string>(), std::string(512, 'x'));
  EXPECT_EQ(json.at("endpoint").get<std::string>(), wide.substr(0, 509));
  EXPECT_EQ(json.at("message"), "Failure Cluster");
}

TEST(EventJson, IsAlwaysShorterThan2000Bytes) {
  const std::string control(600, '\x01');  // six bytes each in JSON
  const std::string wide = repeat("\xF0\x9F\x9A\xA8", 600);
  const std::string broken(3000, '\xFF');
  const std::string plain(5000, 'm');
  for (const std::string &name : {control, wide, broken, plain}) {
    for (const std::string &message : {control, wide, broken, plain}) {
      for (const bool ascii : {false, true}) {
        EventNotice notice = detailed();
        notice.tenant = notice.endpoint = name;
        notice.message = message;
        const std::string payload = payload_of(notice, ascii);
        EXPECT_LT(payload.size(), 2000U);
        const auto json = nlohmann::json::parse(payload);
        EXPECT_FALSE(json.at("tenant").get<std::string>().empty());
        EXPECT_EQ(json.at("id"), 3);
      }
    }
  }
}

TEST(EventJson, IsAsciiWhereTheServerHoldsNoMore) {
  EventNotice notice = detailed();
  notice.tenant = "gr\xC3\xBC\xC3\x9F";
  const std::string payload = payload_of(notice, true);
  for (const char c : payload) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
  EXPECT_EQ(nlohmann::json::parse(payload).at("tenant"), notice.tenant);
}

}  // namespace insights::test
