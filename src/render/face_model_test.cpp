// SPDX-License-Identifier: Apache-2.0
// Models that are none, and what is said of them before anything is served. The real ones are read
// from ../shared/models where that is there.
#include "render/face_model.hpp"

#include <gmock/gmock.h>

#include "render/test_pictures.hpp"

namespace calotype {
namespace {

using namespace testing_pictures;
using testing::HasSubstr;

std::filesystem::path model(const char* name) {
  return corpus().parent_path() / "models" / name;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of that content, gone with it.
class ModelFile {
 public:
  explicit ModelFile(const std::string& content)
      : path_(std::filesystem::temp_directory_path() /
              std::format("calotype-model-{}.onnx", ::getpid())) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~ModelFile() { std::filesystem::remove(path_); }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// What the pool says of it instead of starting.
Error refusal_of(const std::string& path) {
  RenderSettings settings = quick_settings();
  settings.face_model = path;
  const auto pool = RendererPool::start(settings);
  EXPECT_FALSE(pool.has_value()) << path;
  return pool ? Error{} : pool.error();
}

TEST(FaceModel, AFileThatCannotBeReadIsBadConfiguration) {
  struct Row {
    std::string path, says;
  };
  const ModelFile empty("");
  for (const Row& row : {Row{"/nowhere/faces.onnx", "/nowhere/faces.onnx: No such file"},
                         Row{"/tmp", "/tmp: it is no file."}, Row{"/dev/zero", "it is no file."},
                         Row{empty.path(), "the file is empty."}}) {
    const Error error = refusal_of(row.path);
    EXPECT_EQ(error.code, ErrorCode::bad_config) << row.path;
    EXPECT_THAT(error.message, testing::StartsWith("models.faces cannot be used: "));
    EXPECT_THAT(error.message, HasSubstr(row.says));
  }
}

TEST(FaceModel, WhatIsNoModelIsBadConfiguration) {
  for (const std::string& content :
       {std::string("Dear operator,\nthis is a letter.\n"), std::string(5'000, '\0'),
        std::string("\x08\x08\x12\x04test\x3a\xff\xff\xff\xff\x0f")}) {
    const ModelFile file(content);
    const Error error = refusal_of(file.path());
    EXPECT_EQ(error.code, ErrorCode::bad_config) << error.message;
    EXPECT_THAT(error.message, HasSubstr("it is no model that ONNX Runtime reads"));
  }
}

TEST(FaceModel, AModelOfAnotherKindIsToldWhichTensorItLacks) {
  const auto other = model("mobilenet_v2_224.onnx");
  const auto faces = model("yunet_s_dynamic.onnx");
  if (!std::filesystem::exists(other) || !std::filesystem::exists(faces))
    GTEST_SKIP() << "no models at " << other.parent_path();
  const Error error = refusal_of(other.string());
  EXPECT_EQ(error.code, ErrorCode::bad_config);
  EXPECT_THAT(error.message, HasSubstr("it gives no tensor cls_8 (but "));
  const std::string whole = bytes_of(faces);
  for (const std::size_t length : {whole.size() / 3, whole.size() - 1}) {
    const ModelFile truncated(whole.substr(0, length));
    EXPECT_EQ(refusal_of(truncated.path()).code, ErrorCode::bad_config) << length;
  }
}

TEST(FaceModel, IsPartOfWhatThePoolSaysOfItself) {
  const auto faces = model("yunet_s_dynamic.onnx");
  if (!std::filesystem::exists(faces)) GTEST_SKIP() << "no models at " << faces.parent_path();
  RenderSettings settings = quick_settings();
  settings.face_model = faces.string();
  const auto pool = RendererPool::start(settings).value();
  EXPECT_THAT(std::string(pool->face_model()), testing::StartsWith("faces 1 "));
  // Nothing to be found in a scene without one: as attention, wherever that is.
  RenderRequest request = request_for(source_of(jpeg_of(scene(400, 200))), 400, 200);
  request.plan.kept_width = request.plan.output_width = 200;
  request.plan.box = {
      .width = 200, .height = 200, .fit = Fit::cover, .gravity = Gravity::attention, .focus = {}};
  const auto attention = pool->render(request, {}).value();
  request.plan.box.gravity = Gravity::faces;
  EXPECT_EQ(pool->render(request, {}).value().bytes, attention.bytes);
}

TEST(FaceModel, WithoutOneNothingFindsFaces) {
  const auto pool = RendererPool::start(quick_settings()).value();
  EXPECT_EQ(pool->face_model(), "");
  RenderRequest request = request_for(source_of(jpeg_of(scene(400, 200))), 400, 200);
  request.plan.kept_width = request.plan.output_width = 200;
  request.plan.box.gravity = Gravity::faces;
  const auto refused = pool->render(request, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::renderer_failed);
}

}  // namespace
}  // namespace calotype
