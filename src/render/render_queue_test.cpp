// SPDX-License-Identifier: Apache-2.0
#include "render/render_queue.hpp"

#include <gtest/gtest.h>

#include "render/utf8.hpp"
#include "render/wire.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
const SteadyTime now{};

TaskPtr task(const char* key, std::uint32_t width,
             RenderClass render_class = RenderClass::waiting) {
  auto made = std::make_shared<RenderTask>();
  made->request.batch_key = key;
  made->request.plan.scaled_width = made->request.plan.scaled_height = width;
  made->request.estimated_bytes = 10;
  made->request.render_class = render_class;
  made->request.deadline = now + 1s;
  return made;
}

bool nothing_is_busy(const std::string&) {
  return false;
}

TEST(RenderQueue, TakesABatchTogetherLargestFirst) {
  RenderQueue queue(10, 1'000);
  for (const auto& [key, width] : {std::pair{"a", 160U}, {"b", 500U}, {"a", 1'280U}, {"a", 640U}})
    ASSERT_FALSE(queue.admit(task(key, width), now, 0ns, 1).refused);
  const auto batch = queue.take(8, nothing_is_busy);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0]->request.plan.scaled_width, 1'280U);
  EXPECT_EQ(batch[2]->request.plan.scaled_width, 160U);
  EXPECT_EQ(queue.count(), 1);
  EXPECT_EQ(queue.bytes(), 10U);
}

TEST(RenderQueue, ServesWhoWaitsBeforePrewarmAndUpkeep) {
  RenderQueue queue(10, 1'000);
  const auto upkeep = task("u", 1, RenderClass::upkeep);
  const auto prewarm = task("p", 1, RenderClass::prewarm);
  const auto waiting = task("w", 1);
  for (const auto& one : {upkeep, prewarm, waiting}) (void)queue.admit(one, now, 0ns, 1);
  EXPECT_EQ(queue.take(1, nothing_is_busy).front(), waiting);
  EXPECT_EQ(queue.take(1, nothing_is_busy).front(), prewarm);
  EXPECT_EQ(queue.take(1, nothing_is_busy).front(), upkeep);
}

TEST(RenderQueue, ShedsUpkeepForWhoWaitsAndNobodyOtherwise) {
  RenderQueue queue(2, 1'000);
  const auto upkeep = task("u", 1, RenderClass::upkeep);
  (void)queue.admit(upkeep, now, 0ns, 1);
  (void)queue.admit(task("w", 1), now, 0ns, 1);
  const auto admission = queue.admit(task("x", 1), now, 0ns, 1);
  EXPECT_FALSE(admission.refused);
  EXPECT_EQ(admission.shed, std::vector{upkeep});
  const auto refused = queue.admit(task("y", 1), now, 0ns, 1);
  ASSERT_TRUE(refused.refused);
  EXPECT_EQ(refused.refused->code, ErrorCode::overloaded);
  EXPECT_TRUE(refused.shed.empty());
}

TEST(RenderQueue, RefusesPastItsBytesButNeverAnEmptyQueuesFirst) {
  RenderQueue queue(10, 15);
  auto large = task("a", 1);
  large->request.estimated_bytes = 1'000;
  EXPECT_FALSE(queue.admit(large, now, 0ns, 1).refused);
  EXPECT_TRUE(queue.admit(task("b", 1), now, 0ns, 1).refused);
}

TEST(RenderQueue, RefusesAtOnceWhatCannotBeInTime) {
  RenderQueue queue(100, 10'000);
  for (int i = 0; i < 10; ++i) (void)queue.admit(task("", 1), now, 700ms, 4);
  EXPECT_LT(queue.count(), 10);  // 700 ms each, four at a time, within a second
  EXPECT_GT(queue.count(), 4);
}

TEST(RenderQueue, LeavesWhatAnotherRendererHasInHand) {
  RenderQueue queue(10, 1'000);
  (void)queue.admit(task("a", 1), now, 0ns, 1);
  const auto other = task("b", 1);
  (void)queue.admit(other, now, 0ns, 1);
  const auto a_is_busy = [](const std::string& key) { return key == "a"; };
  EXPECT_EQ(queue.take(8, a_is_busy).front(), other);
  EXPECT_TRUE(queue.take(8, a_is_busy).empty());
  EXPECT_EQ(queue.take_joining("a", 8).size(), 1U);
}

TEST(RenderQueue, WhatWasLostOnceIsTriedAloneAndSoon) {
  RenderQueue queue(10, 1'000);
  (void)queue.admit(task("a", 1), now, 0ns, 1);
  const auto lost = task("a", 2);
  lost->alone = true;
  queue.put_back(lost);
  EXPECT_EQ(queue.take(8, nothing_is_busy), std::vector{lost});
  EXPECT_TRUE(queue.take_joining("b", 8).empty());
}

TEST(Wire, APlanSurvivesTheJourneyAndNonsenseDoesNot) {
  RenderPlan plan;
  plan.scaled_width = 100;
  plan.scaled_height = 80;
  plan.left = 10;
  plan.kept_width = 90;
  plan.kept_height = 80;
  plan.output_width = 95;
  plan.output_height = 85;
  plan.quality = 85;
  plan.format = ImageFormat::avif;
  plan.background = {1, 2, 3, 4};
  const auto back = wire::from_wire(wire::to_wire(7, plan));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->left, 10U);
  EXPECT_EQ(back->format, ImageFormat::avif);
  EXPECT_EQ(back->background, plan.background);
  using Spoil = void (*)(RenderPlan&);
  for (const Spoil spoil :
       {Spoil([](RenderPlan& p) { p.left = 11; }), Spoil([](RenderPlan& p) { p.kept_width = 0; }),
        Spoil([](RenderPlan& p) { p.left = 0xffff'ffff; }),
        Spoil([](RenderPlan& p) { p.output_height = 79; }),
        Spoil([](RenderPlan& p) { p.quality = 101; }),
        Spoil([](RenderPlan& p) { p.format = static_cast<ImageFormat>(9); })}) {
    RenderPlan spoilt = plan;
    spoil(spoilt);
    EXPECT_FALSE(wire::from_wire(wire::to_wire(7, spoilt)).has_value());
  }
}

TEST(Utf8, KeepsWhatIsValidAndReplacesTheRest) {
  EXPECT_EQ(sanitize_utf8("Müller ✓ 𝄞"), "Müller ✓ 𝄞");
  EXPECT_EQ(sanitize_utf8("M\xfcller"), "M\xef\xbf\xbdller");
  EXPECT_EQ(sanitize_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");          // overlong
  EXPECT_EQ(sanitize_utf8("\xed\xa0\x80").find('\xed'), std::string::npos);  // surrogate
  EXPECT_EQ(sanitize_utf8("\xf4\x90\x80\x80").find('\xf4'), std::string::npos);
  EXPECT_EQ(sanitize_utf8(std::string_view("a\0b\xe2\x82", 5)), "ab\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace calotype
