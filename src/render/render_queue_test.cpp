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

bool anything(const RenderTask&) {
  return true;
}

TEST(RenderQueue, OfASourceTheLargestIsTakenFirst) {
  RenderQueue queue(10, 1'000);
  for (const auto& [key, width] : {std::pair{"a", 160U}, {"b", 500U}, {"a", 1'280U}, {"a", 640U}})
    ASSERT_FALSE(queue.admit(task(key, width), now, 0ns, 1).refused);
  for (const std::uint32_t width : {1'280U, 640U, 160U})
    EXPECT_EQ(queue.take_largest("a")->request.plan.scaled_width, width);
  EXPECT_EQ(queue.take_largest("a"), nullptr);
  EXPECT_FALSE(queue.has("a"));
  EXPECT_TRUE(queue.has("b"));
  EXPECT_EQ(queue.count(), 1);
  EXPECT_EQ(queue.bytes(), 10U);
}

TEST(RenderQueue, ServesWhoWaitsBeforePrewarmAndUpkeepAndAProbeBeforeAll) {
  RenderQueue queue(10, 1'000);
  const auto upkeep = task("u", 1, RenderClass::upkeep);
  const auto prewarm = task("p", 1, RenderClass::prewarm);
  const auto waiting = task("w", 1);
  const auto probe = task("", 1);
  probe->first = true;
  for (const auto& one : {upkeep, prewarm, waiting, probe}) (void)queue.admit(one, now, 0ns, 1);
  for (const auto& one : {probe, waiting, prewarm, upkeep}) {
    EXPECT_EQ(queue.find(anything), one);
    EXPECT_TRUE(queue.remove(one));
  }
  EXPECT_EQ(queue.find(anything), nullptr);
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
  plan.effort = Effort::high;
  plan.box.gravity = Gravity::faces;
  plan.box.no_face = Gravity::west;
  const auto back = wire::from_wire(wire::to_wire(7, plan));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->left, 10U);
  EXPECT_EQ(back->format, ImageFormat::avif);
  EXPECT_EQ(back->background, plan.background);
  EXPECT_EQ(back->effort, Effort::high);
  EXPECT_EQ(back->box.gravity, Gravity::faces);
  EXPECT_EQ(back->box.no_face, Gravity::west);
  using Spoil = void (*)(RenderPlan&);
  for (const Spoil spoil :
       {Spoil([](RenderPlan& p) { p.left = 11; }), Spoil([](RenderPlan& p) { p.kept_width = 0; }),
        Spoil([](RenderPlan& p) { p.left = 0xffff'ffff; }),
        Spoil([](RenderPlan& p) { p.output_height = 79; }),
        Spoil([](RenderPlan& p) { p.quality = 101; }),
        Spoil([](RenderPlan& p) { p.box.no_face = Gravity::faces; }),
        Spoil([](RenderPlan& p) { p.effort = static_cast<Effort>(2); }),
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
