// SPDX-License-Identifier: Apache-2.0
// The feed on a real catalog: who hears what, from where on, and what becomes of who is slow.
#include "http/event_feed.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class EventFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-feed-" + new_id(clock_.now()));
    fs::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "c.db").string()}, clock_).value();
  }
  void TearDown() override {
    catalog_.reset();
    fs::remove_all(folder_);
  }
  void record(int number) {
    const std::string content = "content " + std::to_string(number);
    ASSERT_TRUE(catalog_->record_published({.digest = Sha256::of(as_bytes(content)),
                                            .bytes = 1,
                                            .file_name = {},
                                            .uploader = {},
                                            .tags = {}},
                                           0));
  }
  std::unique_ptr<EventFeed> feed(EventFeedSettings settings = {}) {
    settings.interval = 5ms;
    return std::make_unique<EventFeed>(catalog_->feed(), metrics_, settings);
  }
  /// What comes until the listener has had that many events.
  static std::string heard(EventListener& listener, std::size_t events) {
    std::string text;
    while (count(text, "event: ") < events) {
      std::promise<void> ready;
      listener.when_ready([&] { ready.set_value(); });
      if (ready.get_future().wait_for(10s) != std::future_status::ready) return text + "(no more)";
      text += listener.take();
    }
    return text;
  }
  static std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  static std::string last_id(std::string_view text) {
    const auto at = text.rfind("id: ") + 4;
    return std::string(text.substr(at, text.find('\n', at) - at));
  }

  SystemClock clock_;
  Metrics metrics_;
  fs::path folder_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(EventFeedTest, WhoListensHearsWhatComesAndNothingOfBefore) {
  record(1);
  const auto events = feed();
  const auto first = events->listen("").value();
  EXPECT_TRUE(first->take().starts_with("retry: ")) << "and where it begins";
  EXPECT_TRUE(first->take().empty());
  record(2);
  const std::string text = heard(*first, 1);
  const std::string id = AssetId::of(Sha256::of(as_bytes("content 2"))).text();
  EXPECT_TRUE(text.contains("event: state\ndata: {\"asset\":\"" + id + "\",\"from\":null,"));
  EXPECT_TRUE(text.ends_with("\n\n"));
  EXPECT_TRUE(first->take().empty());
}

TEST_F(EventFeedTest, WhoComesBackHearsWhatItMissedOnce) {
  std::string seen;
  {
    const auto events = feed();
    const auto listener = events->listen("").value();
    seen = last_id(listener->take());
    for (int i = 0; i < 3; ++i) record(i);
    const std::string text = heard(*listener, 3);
    seen = text.substr(text.find("id: ") + 4, text.find('\n') - 4);
    EXPECT_EQ(count(text, "event: state"), 3U);
  }
  const auto events = feed();  // another server, or this one after a restart
  record(3);
  const auto other = events->listen("").value();
  const auto listener = events->listen(seen).value();
  record(4);
  const std::string text = heard(*listener, 4);
  EXPECT_EQ(count(text, "event: state"), 4U) << text;
  EXPECT_EQ(count(text, "event: gap"), 0U);
  EXPECT_EQ(count(heard(*other, 1), "event: state"), 1U);
}

TEST_F(EventFeedTest, WhoMissedTooMuchHasAGap) {
  for (int i = 0; i < 20; ++i) record(i);
  const auto events = feed({.missed_max = 19});
  const auto late = events->listen("0-0-0").value();
  const std::string text = heard(*late, 1);
  EXPECT_EQ(count(text, "event: gap"), 1U);
  EXPECT_EQ(count(text, "event: state"), 0U);
  EXPECT_EQ(count(events->listen(last_id(text)).value()->take(), "event: "), 0U);
  record(20);
  EXPECT_EQ(count(heard(*late, 1), "event: state"), 1U) << "it goes on behind the gap";
}

TEST_F(EventFeedTest, WhatIsNoPlaceOfThisCatalogIsAGap) {
  record(1);
  const auto events = feed();
  for (const char* id : {"x", "1-2", "1-2-3-4", "-1-2-3", "01-1-1", "99999999-1-1",
                         "99999999999999999999-1-1", "1 -1-1"})
    EXPECT_EQ(count(events->listen(id).value()->take(), "event: gap"), 1U) << id;
}

TEST_F(EventFeedTest, WhoIsSlowHasAGapAndHoldsNothing) {
  const auto events = feed({.kept = 10});
  const auto slow = events->listen("").value();
  const auto quick = events->listen("").value();
  slow->take();
  quick->take();
  for (int i = 0; i < 50; ++i) {
    record(i);
    EXPECT_EQ(count(heard(*quick, 1), "event: state"), 1U);
  }
  const std::string text = slow->take();
  EXPECT_EQ(count(text, "event: gap"), 1U);
  EXPECT_EQ(count(text, "event: state"), 0U);
  record(50);
  EXPECT_EQ(count(heard(*slow, 1), "event: state"), 1U);
}

TEST_F(EventFeedTest, NoMoreListenThanMay) {
  const auto events = feed({.listeners_max = 2});
  const auto first = events->listen("").value();
  auto second = events->listen("").value();
  EXPECT_EQ(events->listen("").error().code, ErrorCode::overloaded);
  second.reset();
  EXPECT_TRUE(events->listen(""));
}

}  // namespace
}  // namespace calotype
