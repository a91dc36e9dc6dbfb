// SPDX-License-Identifier: Apache-2.0
#include "http/hot_index.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace calotype {
namespace {

AssetId asset(std::string_view name) {
  return AssetId::of(Sha256::of(as_bytes(name)));
}

std::shared_ptr<HotEntry> entry(std::string target, std::size_t bytes,
                                std::string_view of = "asset") {
  auto made = std::make_shared<HotEntry>(target, VariantKey{asset(of), target, "v"});
  made->representation.body = MemorySlice{share(std::string(bytes, 'x')), 0, bytes};
  made->head = "X: y\r\n\r\n";
  return made;
}

TEST(HotIndex, GivesWhatWasInserted) {
  HotIndex index(1 << 20);
  HotView view(index);
  EXPECT_EQ(view.find("/a", ""), nullptr);
  index.insert(entry("/a", 10), index.epoch());
  const HotEntry* found = view.find("/a", "");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->bytes()->size(), 10);
}

TEST(HotIndex, ServesNothingOfAnErasedAsset) {
  HotIndex index(1 << 20);
  HotView view(index);
  index.insert(entry("/a", 10), index.epoch());
  index.insert(entry("/b", 10, "other"), index.epoch());
  ASSERT_NE(view.find("/a", ""), nullptr);
  const std::uint64_t before = index.epoch();
  index.erase(asset("asset"));
  EXPECT_EQ(view.find("/a", ""), nullptr);
  EXPECT_NE(view.find("/b", ""), nullptr);
  index.insert(entry("/a", 10), before);  // was looked up before the deletion
  EXPECT_EQ(view.find("/a", ""), nullptr);
}

TEST(HotIndex, StaysWithinItsBudgetAndKeepsWhatIsAskedFor) {
  HotIndex index(100'000);
  HotView view(index);
  index.insert(entry("/wanted", 5'000), index.epoch());
  for (int i = 0; i < 200; ++i) {
    ASSERT_NE(view.find("/wanted", ""), nullptr) << i;
    index.insert(entry("/once/" + std::to_string(i), 5'000), index.epoch());
    EXPECT_LE(index.bytes(), 100'000);
    view.sweep();
  }
  index.insert(entry("/too-large", 50'000), index.epoch());
  EXPECT_EQ(view.find("/too-large", ""), nullptr);
}

TEST(HotIndex, ReplacesTheSameTarget) {
  HotIndex index(1 << 20);
  HotView view(index);
  index.insert(entry("/a", 10), index.epoch());
  ASSERT_NE(view.find("/a", ""), nullptr);
  index.insert(entry("/a", 20), index.epoch());
  EXPECT_EQ(view.find("/a", "")->bytes()->size(), 20);
  index.erase(asset("asset"));
  EXPECT_EQ(index.bytes(), 0);
}

TEST(HotIndex, NegotiatesWhatVaries) {
  HotIndex index(1 << 20);
  HotView view(index);
  auto marker = std::make_shared<HotEntry>("/a", VariantKey{asset("asset"), "a", "v"});
  marker->varies = true;
  marker->carried.original = ImageFormat::jpeg;
  index.insert(marker, index.epoch());
  index.insert(entry(hot_variant_key("/a", ImageFormat::webp), 10), index.epoch());
  index.insert(entry(hot_variant_key("/a", ImageFormat::jpeg), 20), index.epoch());
  EXPECT_EQ(view.find("/a", "image/webp,*/*")->bytes()->size(), 10);
  EXPECT_EQ(view.find("/a", "*/*")->bytes()->size(), 20);
  EXPECT_EQ(view.find("/a", "image/avif,image/webp"), nullptr);
}

TEST(HotIndex, SaysOnceWhatWasServed) {
  HotIndex index(1 << 20);
  HotView view(index);
  index.insert(entry("/a", 10), index.epoch());
  index.insert(entry("/b", 10), index.epoch());
  view.find("/a", "");
  const auto keys = index.take_accessed();
  ASSERT_EQ(keys.size(), 1);
  EXPECT_EQ(keys[0].key.recipe, "/a");
  EXPECT_TRUE(index.take_accessed().empty());
  view.find("/a", "");
  EXPECT_EQ(index.take_accessed().size(), 1);
}

TEST(HotIndex, CountsWhatEveryViewHasServed) {
  HotIndex index(1 << 20);
  HotView one(index);
  HotView other(index);
  index.insert(entry("/a", 10), index.epoch());
  for (int i = 0; i < 5; ++i) one.find("/a", "");
  for (int i = 0; i < 3; ++i) other.find("/a", "");
  one.sweep();
  EXPECT_EQ(index.take_accessed().at(0).count, 5U);
  other.sweep();
  EXPECT_EQ(index.take_accessed().at(0).count, 3U) << "those that were told later";
  one.sweep();
  EXPECT_TRUE(index.take_accessed().empty());
}

TEST(HotIndex, ServesNothingPastItsTrustAndEverythingAgainAfterwards) {
  HotIndex index(1 << 20);
  HotView view(index);
  index.insert(entry("/a", 10), index.epoch());
  const auto now = std::chrono::steady_clock::now();
  index.trust_until(now + std::chrono::seconds{10});
  view.sweep(now + std::chrono::seconds{9});
  EXPECT_NE(view.find("/a", ""), nullptr);
  view.sweep(now + std::chrono::seconds{11});
  EXPECT_EQ(view.find("/a", ""), nullptr);
  index.trust_until(now + std::chrono::seconds{20});
  view.sweep(now + std::chrono::seconds{12});
  EXPECT_NE(view.find("/a", ""), nullptr);
}

TEST(HotIndex, IsSafeFromManyThreads) {
  HotIndex index(200'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&index, t] {
      HotView view(index);
      for (int i = 0; i < 3'000; ++i) {
        const std::string target = "/" + std::to_string((i * 7 + t) % 100);
        const std::uint64_t epoch = index.epoch();
        if (view.find(target, "") == nullptr) index.insert(entry(target, 4'000, target), epoch);
        if (i % 50 == 0) index.erase(asset(target));
        if (i % 100 == 0) view.sweep();
        if (i % 500 == 0) index.take_accessed();
      }
    });
}

}  // namespace
}  // namespace calotype
