// SPDX-License-Identifier: Apache-2.0
// The one file that speaks to ONNX Runtime, through its C interface: a table of functions behind
// one symbol.
//
// A model of YuNet's kind takes floats [1, 3, height, width], blue, green and red from 0 to 255, of
// sides that are multiples of 32, and gives for each stride s of 8, 16 and 32 the tensors cls_s,
// obj_s and bbox_s over (height / s) × (width / s) cells. The picture lies in the upper left
// corner; what is left of the last 32 pixels is black.
#include "render/renderer/face_detector.hpp"

#include <dlfcn.h>
#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <format>
#include <string_view>
#include <utility>

namespace calotype {
namespace {

constexpr std::uint32_t side_step = face_strides.back();
constexpr std::uint32_t side_max = 640;
constexpr std::int64_t fixed_side_max = 2'048;  // of models that take one size only
constexpr std::array<std::string_view, 3> head_kinds = {"cls", "obj", "bbox"};
constexpr std::size_t heads = head_kinds.size() * face_strides.size();

/// A thing of ONNX Runtime's, given back by the function of its table.
template <class Thing>
using Owned = std::unique_ptr<Thing, void (*)(Thing*)>;

using Problem = std::unexpected<std::string>;

std::string in_words(const OrtApi& api, OrtStatus* status) {
  const Owned<OrtStatus> owned(status, api.ReleaseStatus);
  return api.GetErrorMessage(status);
}

std::expected<const OrtApi*, std::string> load_library() {
  // Its name says its version, which has the table that this was built for.
  const std::string name = std::format("libonnxruntime.so.1.{}", ORT_API_VERSION);
  void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);  // for the process's life
  if (library == nullptr)
    return Problem(std::format("ONNX Runtime is not installed ({})", ::dlerror()));
  using GetBase = const OrtApiBase* (*)();
  const auto base = reinterpret_cast<GetBase>(::dlsym(library, "OrtGetApiBase"));
  const OrtApi* api = base != nullptr ? base()->GetApi(ORT_API_VERSION) : nullptr;
  if (api == nullptr) return Problem(std::format("{} is no ONNX Runtime", name));
  return api;
}

std::string head_name(std::string_view kind, std::uint32_t stride) {
  return std::format("{}_{}", kind, stride);
}

std::uint32_t whole_steps(std::uint32_t side) {
  return (side + side_step - 1) / side_step * side_step;
}

}  // namespace

struct FaceDetector::State {
  explicit State(const OrtApi& table) : api(table) {}

  const OrtApi& api;
  Owned<OrtEnv> environment{nullptr, api.ReleaseEnv};
  Owned<OrtSession> session{nullptr, api.ReleaseSession};
  Owned<OrtMemoryInfo> memory{nullptr, api.ReleaseMemoryInfo};
  std::string input_name;
  std::array<std::string, heads> output_names;  // by stride, then by kind
  Size fixed;                                   // of no width: any
  std::vector<float> planes;                    // what the model is given

  /// Empty, or what went wrong.
  std::string failure_of(OrtStatus* status) const {
    return status == nullptr ? std::string() : in_words(api, status);
  }
  std::string open(Bytes model);
  std::string start_session(Bytes model, OrtSessionOptions* options);
  std::string check_input();
  std::string check_outputs();
  std::expected<std::string, std::string> name_of(bool is_input, std::size_t index) const;
  std::expected<std::vector<std::string>, std::string> names_of(bool are_inputs) const;
  void fill_planes(const Bitmap& picture, Size canvas);
  std::expected<std::vector<Face>, std::string> find(const Bitmap& picture);
  std::expected<std::vector<Face>, std::string> read(std::span<OrtValue* const> outputs,
                                                     Size canvas, Size picture) const;
};

std::string FaceDetector::State::open(Bytes model) {
  OrtEnv* made_environment = nullptr;
  std::string problem =
      failure_of(api.CreateEnv(ORT_LOGGING_LEVEL_FATAL, "calotype", &made_environment));
  environment.reset(made_environment);
  if (!problem.empty()) return problem;
  problem = failure_of(api.DisableTelemetryEvents(made_environment));
  if (!problem.empty()) return problem;
  OrtSessionOptions* made_options = nullptr;
  problem = failure_of(api.CreateSessionOptions(&made_options));
  const Owned<OrtSessionOptions> options(made_options, api.ReleaseSessionOptions);
  if (problem.empty()) problem = start_session(model, made_options);
  if (problem.empty()) problem = check_input();
  if (problem.empty()) problem = check_outputs();
  if (!problem.empty()) return problem;
  OrtMemoryInfo* made_memory = nullptr;
  problem =
      failure_of(api.CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &made_memory));
  memory.reset(made_memory);
  return problem;
}

/// One thread that never spins; memory given back after each picture; nothing remembered of sizes.
std::string FaceDetector::State::start_session(Bytes model, OrtSessionOptions* options) {
  std::string problem = failure_of(api.SetIntraOpNumThreads(options, 1));
  const auto then = [&](OrtStatus* status) {
    const std::string next = failure_of(status);
    if (problem.empty()) problem = next;
  };
  then(api.SetInterOpNumThreads(options, 1));
  then(api.SetSessionExecutionMode(options, ORT_SEQUENTIAL));
  then(api.AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
  then(api.AddSessionConfigEntry(options, "session.inter_op.allow_spinning", "0"));
  then(api.DisableCpuMemArena(options));
  then(api.DisableMemPattern(options));
  if (!problem.empty()) return problem;
  OrtSession* made = nullptr;
  problem = failure_of(
      api.CreateSessionFromArray(environment.get(), model.data(), model.size(), options, &made));
  session.reset(made);
  return problem.empty() ? problem : "it is no model that ONNX Runtime reads: " + problem;
}

std::expected<std::string, std::string> FaceDetector::State::name_of(bool is_input,
                                                                     std::size_t index) const {
  OrtAllocator* allocator = nullptr;
  char* text = nullptr;
  std::string problem = failure_of(api.GetAllocatorWithDefaultOptions(&allocator));
  if (problem.empty())
    problem =
        failure_of(is_input ? api.SessionGetInputName(session.get(), index, allocator, &text)
                            : api.SessionGetOutputName(session.get(), index, allocator, &text));
  if (!problem.empty()) return Problem(problem);
  std::string name = text;
  if (OrtStatus* status = api.AllocatorFree(allocator, text)) api.ReleaseStatus(status);
  return name;
}

std::expected<std::vector<std::string>, std::string> FaceDetector::State::names_of(
    bool are_inputs) const {
  std::size_t count = 0;
  const std::string problem =
      failure_of(are_inputs ? api.SessionGetInputCount(session.get(), &count)
                            : api.SessionGetOutputCount(session.get(), &count));
  if (!problem.empty()) return Problem(problem);
  std::vector<std::string> names;
  for (std::size_t index = 0; index < count; ++index) {
    auto name = name_of(are_inputs, index);
    if (!name) return Problem(name.error());
    names.push_back(*std::move(name));
  }
  return names;
}

std::string FaceDetector::State::check_input() {
  const auto names = names_of(true);
  if (!names) return names.error();
  if (names->size() != 1)
    return std::format("it takes {} tensors, and a face detector takes one", names->size());
  input_name = names->front();
  OrtTypeInfo* type = nullptr;
  if (const auto problem = failure_of(api.SessionGetInputTypeInfo(session.get(), 0, &type));
      !problem.empty())
    return problem;
  const Owned<OrtTypeInfo> owned(type, api.ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* shape = nullptr;
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::size_t rank = 0;
  std::array<std::int64_t, 4> sides{};
  std::string problem = failure_of(api.CastTypeInfoToTensorInfo(type, &shape));
  if (problem.empty() && shape != nullptr) {
    problem = failure_of(api.GetTensorElementType(shape, &element));
    if (problem.empty()) problem = failure_of(api.GetDimensionsCount(shape, &rank));
    if (problem.empty() && rank == sides.size())
      problem = failure_of(api.GetDimensions(shape, sides.data(), sides.size()));
  }
  if (!problem.empty()) return problem;
  const auto is_any = [](std::int64_t side) { return side <= 0; };
  const auto is_side = [](std::int64_t side) {
    return side <= fixed_side_max && side % side_step == 0;
  };
  const bool is_understood =
      element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && rank == sides.size() && sides[0] <= 1 &&
      (is_any(sides[1]) || sides[1] == 3) && is_any(sides[2]) == is_any(sides[3]) &&
      (is_any(sides[2]) || (is_side(sides[2]) && is_side(sides[3])));
  if (!is_understood)
    return std::format(
        "its tensor {} is none of floats [1, 3, height, width], with sides that are free or "
        "multiples of 32",
        input_name);
  if (!is_any(sides[2]))
    fixed = {static_cast<std::uint32_t>(sides[3]), static_cast<std::uint32_t>(sides[2])};
  return {};
}

std::string FaceDetector::State::check_outputs() {
  const auto names = names_of(false);
  if (!names) return names.error();
  std::size_t at = 0;
  for (const std::uint32_t stride : face_strides)
    for (const std::string_view kind : head_kinds) {
      std::string& name = output_names[at++] = head_name(kind, stride);
      if (std::ranges::contains(*names, name)) continue;
      std::string given;
      for (const std::string& one : *names) given += (given.empty() ? "" : ", ") + one;
      return std::format("it gives no tensor {} (but {}), and a detector of YuNet's kind does",
                         name, given);
    }
  return {};
}

void FaceDetector::State::fill_planes(const Bitmap& picture, Size canvas) {
  const std::size_t plane = std::size_t{canvas.width} * canvas.height;
  planes.assign(plane * 3, 0.0F);
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* pixel = picture.row(y);
    float* blue = planes.data() + std::size_t{y} * canvas.width;
    for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += Bitmap::channels, ++blue) {
      blue[0] = pixel[2];
      blue[plane] = pixel[1];
      blue[2 * plane] = pixel[0];
    }
  }
}

std::expected<std::vector<Face>, std::string> FaceDetector::State::find(const Bitmap& picture) {
  const Size canvas =
      fixed.width != 0 ? fixed : Size{whole_steps(picture.width()), whole_steps(picture.height())};
  fill_planes(picture, canvas);
  const std::array<std::int64_t, 4> sides = {1, 3, canvas.height, canvas.width};
  OrtValue* made = nullptr;
  std::string problem = failure_of(api.CreateTensorWithDataAsOrtValue(
      memory.get(), planes.data(), planes.size() * sizeof(float), sides.data(), sides.size(),
      ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &made));
  const Owned<OrtValue> input(made, api.ReleaseValue);
  if (!problem.empty()) return Problem(problem);
  const char* const input_names[] = {input_name.c_str()};
  const OrtValue* const inputs[] = {input.get()};
  std::array<const char*, heads> names{};
  std::ranges::transform(output_names, names.begin(), &std::string::c_str);
  std::array<OrtValue*, heads> outputs{};
  problem = failure_of(
      api.Run(session.get(), nullptr, input_names, inputs, 1, names.data(), heads, outputs.data()));
  auto faces = problem.empty() ? read(outputs, canvas, {picture.width(), picture.height()})
                               : Problem(problem);
  for (OrtValue* output : outputs)
    if (output != nullptr) api.ReleaseValue(output);
  return faces;
}

/// The numbers of each head, once there are as many as there are cells.
std::expected<std::vector<Face>, std::string> FaceDetector::State::read(
    std::span<OrtValue* const> outputs, Size canvas, Size picture) const {
  std::array<FaceGrid, face_strides.size()> grids;
  for (std::size_t at = 0; at < outputs.size(); ++at) {
    FaceGrid& grid = grids[at / head_kinds.size()];
    const std::size_t kind = at % head_kinds.size();
    grid.stride = face_strides[at / head_kinds.size()];
    grid.columns = canvas.width / grid.stride;
    grid.rows = canvas.height / grid.stride;
    OrtTensorTypeAndShapeInfo* shape = nullptr;
    std::string problem = failure_of(api.GetTensorTypeAndShape(outputs[at], &shape));
    const Owned<OrtTensorTypeAndShapeInfo> owned(shape, api.ReleaseTensorTypeAndShapeInfo);
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    std::size_t count = 0;
    void* data = nullptr;
    if (problem.empty()) problem = failure_of(api.GetTensorElementType(shape, &element));
    if (problem.empty()) problem = failure_of(api.GetTensorShapeElementCount(shape, &count));
    if (problem.empty()) problem = failure_of(api.GetTensorMutableData(outputs[at], &data));
    if (!problem.empty()) return Problem(problem);
    const std::size_t wanted = std::size_t{grid.columns} * grid.rows * (kind == 2 ? 4 : 1);
    if (element != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || count != wanted)
      return Problem(std::format("its tensor {} has {} numbers where {} floats belong",
                                 output_names[at], count, wanted));
    const std::span<const float> numbers(static_cast<const float*>(data), count);
    (kind == 0 ? grid.likely : kind == 1 ? grid.there : grid.boxes) = numbers;
  }
  return faces_of(grids, picture);
}

std::expected<FaceDetector, std::string> FaceDetector::load(Bytes model) {
  const auto api = load_library();
  if (!api) return Problem(api.error());
  auto state = std::make_unique<State>(**api);
  if (const std::string problem = state->open(model); !problem.empty()) return Problem(problem);
  // What it gives is known once it has been asked.
  Bitmap nothing(2 * side_step, side_step, false);
  std::fill_n(nothing.row(0), nothing.bytes(), std::uint8_t{128});
  if (const auto found = state->find(nothing); !found) return Problem(found.error());
  return FaceDetector(std::move(state));
}

FaceDetector::FaceDetector(std::unique_ptr<State> state) : state_(std::move(state)) {}
FaceDetector::~FaceDetector() = default;
FaceDetector::FaceDetector(FaceDetector&&) noexcept = default;
FaceDetector& FaceDetector::operator=(FaceDetector&&) noexcept = default;

Size FaceDetector::size_max() const {
  return state_->fixed.width != 0 ? state_->fixed : Size{side_max, side_max};
}

Outcome<std::vector<Face>> FaceDetector::find(const Bitmap& picture) {
  const Size most = size_max();
  if (picture.width() > most.width || picture.height() > most.height)
    return failed(wire::Status::refused, "too large a picture to find faces in");
  Bitmap opaque;
  if (picture.has_alpha()) {
    opaque = crop(picture, 0, 0, {picture.width(), picture.height()});
    flatten(opaque, Color{255, 255, 255, 255}, false);
  }
  auto faces = state_->find(picture.has_alpha() ? opaque : picture);
  if (!faces) return failed(wire::Status::refused, faces.error());
  return *std::move(faces);
}

}  // namespace calotype
