// SPDX-License-Identifier: Apache-2.0
// What a detector says is read on tensors that are made here, and where crops are placed by faces
// that are made here. The real model looks at real faces in tests/e2e/test_faces.py.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "render/renderer/face_crop.hpp"

namespace calotype {
namespace {

/// Three empty grids over 64 × 32 pixels.
class Tensors {
 public:
  Tensors() {
    for (std::size_t i = 0; i < face_strides.size(); ++i) {
      const std::size_t cells = std::size_t{64 / face_strides[i]} * (32 / face_strides[i]);
      likely_[i].assign(cells, 0);
      there_[i].assign(cells, 0);
      boxes_[i].assign(cells * 4, 0);
    }
  }
  void put(std::size_t grid, std::size_t cell, float likely, float there,
           std::array<float, 4> box) {
    likely_[grid].at(cell) = likely;
    there_[grid].at(cell) = there;
    for (std::size_t i = 0; i < 4; ++i) boxes_[grid].at(cell * 4 + i) = box[i];
  }
  std::vector<Face> faces(Size picture = {64, 32}) const {
    std::vector<FaceGrid> grids;
    for (std::size_t i = 0; i < face_strides.size(); ++i)
      grids.push_back({.stride = face_strides[i],
                       .columns = 64 / face_strides[i],
                       .rows = 32 / face_strides[i],
                       .likely = likely_[i],
                       .there = there_[i],
                       .boxes = boxes_[i]});
    return faces_of(grids, picture);
  }

 private:
  std::array<std::vector<float>, 3> likely_, there_, boxes_;
};

TEST(FaceBoxes, AreWorkedOutFromTheirCells) {
  Tensors tensors;
  // Row 1, column 2 of the grid of 8: the middle is (2 + 0.5) · 8 and (1 + 0.25) · 8.
  tensors.put(0, 8 + 2, 0.81F, 1, {0.5F, 0.25F, std::log(1.5F), 0});
  const auto faces = tensors.faces();
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].score, 0.9F);
  EXPECT_FLOAT_EQ(faces[0].width, 12);
  EXPECT_FLOAT_EQ(faces[0].height, 8);
  EXPECT_FLOAT_EQ(faces[0].left, 20 - 6);
  EXPECT_FLOAT_EQ(faces[0].top, 10 - 4);
}

TEST(FaceBoxes, OfThoseThatOverlapTheLikeliestStays) {
  Tensors tensors;
  tensors.put(0, 8 + 2, 0.9F, 0.9F, {0.5F, 0.5F, std::log(2.0F), std::log(2.0F)});
  tensors.put(0, 8 + 3, 1, 1, {-0.25F, 0.5F, std::log(2.0F), std::log(2.0F)});  // 2 pixels beside
  tensors.put(1, 3, 0.8F, 0.8F, {0.5F, 0.5F, 0, 0});                            // far to the right
  tensors.put(2, 0, 0.3F, 0.3F, {0.5F, 0.5F, 0, 0});                            // not likely enough
  const auto faces = tensors.faces();
  ASSERT_EQ(faces.size(), 2U);
  EXPECT_FLOAT_EQ(faces[0].score, 1);
  EXPECT_FLOAT_EQ(faces[0].left, 22 - 8);
  EXPECT_FLOAT_EQ(faces[1].left, 48);
}

TEST(FaceBoxes, StayInsideThePicture) {
  Tensors tensors;
  tensors.put(2, 0, 1, 1, {0, 0, 0, 0});                // around the corner: a quarter is left
  tensors.put(0, 3 * 8 + 7, 1, 1, {0.5F, 0.5F, 0, 0});  // in what was added to fill the last cells
  const auto faces = tensors.faces({50, 30});
  ASSERT_EQ(faces.size(), 1U);
  EXPECT_FLOAT_EQ(faces[0].left, 0);
  EXPECT_FLOAT_EQ(faces[0].top, 0);
  EXPECT_FLOAT_EQ(faces[0].width, 16);
}

TEST(FaceBoxes, NonsenseIsPassedOver) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinite = std::numeric_limits<float>::infinity();
  Tensors tensors;
  tensors.put(0, 0, nan, 1, {});
  tensors.put(0, 1, 1, -5, {});
  tensors.put(0, 2, 1, 1, {nan, 0, 0, 0});
  tensors.put(0, 3, 1, 1, {0, infinite, 0, 0});
  tensors.put(0, 4, 1, 1, {0, 0, infinite, 0});
  tensors.put(0, 5, 1, 1, {0, 0, 1'000, 0});  // e¹⁰⁰⁰
  tensors.put(0, 6, 1, 1, {0, 0, 0, nan});
  tensors.put(0, 7, 1, 1, {0, 0, -infinite, 0});
  EXPECT_TRUE(tensors.faces().empty());
  tensors.put(0, 9, 50, 50, {0.5F, 0.5F, 0, 0});  // scores end at 1
  ASSERT_EQ(tensors.faces().size(), 1U);
  EXPECT_FLOAT_EQ(tensors.faces()[0].score, 1);
}

TEST(FaceBoxes, AreNoMoreThanThatMany) {
  std::vector<float> sure(100 * 100, 1.0F);
  std::vector<float> boxes(100 * 100 * 4, 0.0F);
  const FaceGrid grid{
      .stride = 8, .columns = 100, .rows = 100, .likely = sure, .there = sure, .boxes = boxes};
  EXPECT_EQ(faces_of({&grid, 1}, {800, 800}).size(), faces_max);
}

Face face_at(float left, float top, float side) {
  return {left, top, side, side, 1};
}

TEST(FaceCrop, PutsTheFacesInTheMiddleAsFarAsThePictureReaches) {
  const auto left_of = [](std::vector<Face> faces, std::uint32_t window) {
    return place_around(faces, {1'000, 400}, {window, 400}, false)->left;
  };
  EXPECT_EQ(left_of({face_at(500, 100, 100)}, 400), 350U);
  EXPECT_EQ(left_of({face_at(0, 100, 100)}, 400), 0U);
  EXPECT_EQ(left_of({face_at(900, 100, 100)}, 400), 600U);
  EXPECT_EQ(left_of({face_at(300, 100, 100), face_at(500, 50, 80)}, 400), 240U);
  EXPECT_EQ(
      place_around(std::vector{face_at(500, 300, 50)}, {1'000, 800}, {1'000, 300}, false)->top,
      175U);
  EXPECT_FALSE(place_around({}, {1'000, 400}, {400, 400}, false));
}

TEST(FaceCrop, ShowsAsManyAsFitWhereNotAllDo) {
  const auto left_of = [](std::vector<Face> faces, bool largest_only = false) {
    return place_around(faces, {1'000, 400}, {300, 400}, largest_only)->left;
  };
  // Two on the right against one, somewhat larger, on the left.
  const std::vector three = {face_at(0, 100, 120), face_at(700, 100, 100), face_at(850, 100, 100)};
  EXPECT_EQ(left_of(three), 675U);
  EXPECT_EQ(left_of(three, true), 0U);
  // One that is larger than the window: its middle.
  EXPECT_EQ(left_of({face_at(200, 0, 400)}), 250U);
}

TEST(FaceCrop, PassesOverBystanders) {
  const std::vector faces = {face_at(700, 100, 200), face_at(100, 100, 30)};
  EXPECT_EQ(place_around(faces, {1'000, 400}, {800, 400}, false)->left, 200U);
}

}  // namespace
}  // namespace calotype
