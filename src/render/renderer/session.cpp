// SPDX-License-Identifier: Apache-2.0
// One source is in hand at a time, with what was decoded of it and made of it, from which the next
// picture may be made.
#include "render/renderer/session.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <optional>

#include "render/renderer/face_detector.hpp"
#include "render/renderer/inspect.hpp"
#include "render/renderer/make_picture.hpp"
#include "render/renderer/original.hpp"
#include "render/renderer/sandbox.hpp"
#include "render/renderer/warm_up.hpp"
#include "render/wire.hpp"

namespace calotype {
namespace {

/// The source's bytes, mapped. A file that shrinks ends the process: the server sees a crash.
class MappedSource {
 public:
  static std::optional<MappedSource> map(int fd, std::uint64_t bytes) {
    struct stat facts{};
    if (::fstat(fd, &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) < bytes)
      return std::nullopt;
    MappedSource source;
    source.length_ = static_cast<std::size_t>(bytes);
    if (bytes == 0) return source;
    source.start_ = ::mmap(nullptr, source.length_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (source.start_ == MAP_FAILED) {
      source.start_ = nullptr;
      return std::nullopt;
    }
    return source;
  }
  ~MappedSource() {
    if (start_ != nullptr) ::munmap(start_, length_);
  }
  MappedSource(MappedSource&& other) noexcept
      : start_(std::exchange(other.start_, nullptr)), length_(other.length_) {}
  MappedSource& operator=(MappedSource&& other) noexcept {
    std::swap(start_, other.start_);
    std::swap(length_, other.length_);
    return *this;
  }
  Bytes bytes() const { return {static_cast<const std::uint8_t*>(start_), length_}; }

 private:
  MappedSource() = default;
  void* start_ = nullptr;
  std::size_t length_ = 0;
};

Outcome<void> write_all(int fd, std::string_view content, std::uint64_t& offset) {
  while (!content.empty()) {
    const ssize_t count = ::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EFBIG)
      return failed(wire::Status::output_bytes_max, "the picture is too long");
    if (count <= 0) return failed(wire::Status::refused, std::strerror(errno));
    content.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

class Session {
 public:
  Session(const DecoderHook& hook, const wire::Configure& settings,
          std::optional<FaceDetector> faces)
      : hook_(hook), settings_(settings), faces_(std::move(faces)) {}

  /// Until the server closes.
  void run();

 private:
  bool take(wire::Message message);
  void make(const wire::Output& output, const UniqueFd& fd);
  Outcome<MadePicture> picture_for(const wire::Output& output);
  Outcome<void> open_original(const ReadAs& as);
  Outcome<Original> open_overlay() const;
  void inspect(std::uint64_t id, const UniqueFd& output);
  Outcome<void> write_inspection(wire::Inspected answer, const Inspection& inspection, int fd);
  bool call_hook(std::uint64_t id, int fd);
  template <class Body>
  void answer(wire::Kind kind, const Body& body, std::string_view text = {}) {
    if (!wire::send(wire::socket_fd, kind, body, text)) ::_exit(0);  // the server has gone
  }
  void answer_failure(std::uint64_t id, const Failure& failure) {
    answer(wire::Kind::failed, wire::Failed{id, failure.status, 0}, failure.text);
  }

  const DecoderHook hook_;
  const wire::Configure settings_;
  std::optional<FaceDetector> faces_;
  std::optional<MappedSource> source_;
  std::optional<MappedSource> overlay_;  // for the next output alone
  std::optional<Original> original_;     // refers to source_
  ReadAs read_as_;                       // how original_ was opened
  std::optional<Failure> open_failure_;
};

void Session::run() {
  for (;;) {
    auto message = wire::receive(wire::socket_fd, true, true);
    if (!message || !*message || !take(std::move(**message))) return;
  }
}

/// False where the server makes no sense.
bool Session::take(wire::Message message) {
  switch (message.kind()) {
    case wire::Kind::source: {
      const auto body = message.body_as<wire::Source>();
      if (!body || !message.fd) return false;
      original_.reset();
      open_failure_.reset();
      read_as_ = {};
      source_ = MappedSource::map(message.fd.get(), body->bytes);
      if (!source_) open_failure_ = Failure{wire::Status::refused, "the source cannot be mapped"};
      return true;
    }
    case wire::Kind::overlay: {
      const auto body = message.body_as<wire::Source>();
      if (!body || !message.fd) return false;
      overlay_ = MappedSource::map(message.fd.get(), body->bytes);
      return true;
    }
    case wire::Kind::output: {
      const auto body = message.body_as<wire::Output>();
      if (!body || !message.fd) return false;
      make(*body, message.fd);
      overlay_.reset();
      return true;
    }
    case wire::Kind::inspect: {
      const auto body = message.body_as<wire::Inspect>();
      if (!body || !message.fd) return false;
      inspect(body->id, message.fd);
      return true;
    }
    case wire::Kind::release:
      original_.reset();
      source_.reset();
      return true;
    default:
      return false;
  }
}

bool Session::call_hook(std::uint64_t id, int fd) {
  return hook_.before_decode != nullptr && source_ &&
         hook_.before_decode(source_->bytes(), wire::socket_fd, id, fd);
}

/// The one in hand serves unless another page or other colours are wanted of it.
Outcome<void> Session::open_original(const ReadAs& as) {
  if (original_ && read_as_ == as) return {};
  if (!original_ && open_failure_ && read_as_ == as) return std::unexpected(*open_failure_);
  original_.reset();
  read_as_ = as;
  auto opened = Original::open(source_->bytes(), settings_.input_pixels_max, as);
  if (opened)
    original_ = std::move(*opened);
  else
    open_failure_ = opened.error();
  if (!original_) return std::unexpected(*open_failure_);
  return {};
}

Outcome<Original> Session::open_overlay() const {
  if (!overlay_) return failed(wire::Status::refused, "no watermark");
  return Original::open(overlay_->bytes(), settings_.input_pixels_max);
}

Outcome<MadePicture> Session::picture_for(const wire::Output& output) {
  const auto plan = wire::from_wire(output);
  if (!plan) return failed(wire::Status::refused, "a plan that makes no sense");
  const std::uint32_t side_max = settings_.output_side_max;
  const PictureSize finished = finished_size(*plan);
  if (finished.width > side_max || finished.height > side_max)
    return failed(wire::Status::output_side_max, "");
  if (!source_) return failed(wire::Status::refused, "no source");
  TRY_VOID(open_original({plan->page, plan->profile}));
  Beside beside{.faces = faces_ ? &*faces_ : nullptr};
  if (!plan->effects.has_watermark) return make_picture(*original_, *plan, beside);
  TRY(Original mark, open_overlay());
  beside.mark = &mark;
  return make_picture(*original_, *plan, beside);
}

void Session::make(const wire::Output& output, const UniqueFd& fd) {
  const std::uint64_t id = output.id;
  if (call_hook(id, fd.get())) return;
  const auto picture = picture_for(output);
  if (!picture) return answer_failure(id, picture.error());
  const std::uint32_t side_max = settings_.output_side_max;
  if (picture->size.width > side_max || picture->size.height > side_max)
    return answer_failure(id, {wire::Status::output_side_max, ""});
  std::uint64_t length = 0;
  if (const auto written = write_all(fd.get(), picture->bytes, length); !written)
    return answer_failure(id, written.error());
  answer(wire::Kind::made, wire::Made{id, length, picture->size.width, picture->size.height});
}

void Session::inspect(std::uint64_t id, const UniqueFd& output) {
  if (call_hook(id, output.get())) return;
  if (!source_) return answer_failure(id, {wire::Status::refused, "no source"});
  const auto inspection = inspect_bytes(source_->bytes(), settings_.input_pixels_max);
  if (!inspection) return answer_failure(id, inspection.error());
  wire::Inspected body{};
  body.id = id;
  if (const auto written = write_inspection(body, *inspection, output.get()); !written)
    answer_failure(id, written.error());
}

Outcome<void> Session::write_inspection(wire::Inspected body, const Inspection& inspection,
                                        int fd) {
  const MediaInfo& media = inspection.media;
  const std::string nothing;
  const std::string& proof = inspection.proof ? inspection.proof->bytes : nothing;
  std::uint64_t offset = 0;
  const auto put = [&](std::uint32_t& length, const std::string& text) {
    length = static_cast<std::uint32_t>(text.size());
    return write_all(fd, text, offset);
  };
  TRY_VOID(put(body.media_type_bytes, media.media_type));
  TRY_VOID(put(body.color_space_bytes, media.color_space));
  TRY_VOID(put(body.icc_profile_bytes, media.icc_profile.substr(0, 1'000)));
  TRY_VOID(put(body.placeholder_bytes, media.placeholder));
  TRY_VOID(put(body.metadata_bytes, media.metadata_json));
  TRY_VOID(put(body.proof_bytes, proof));
  if (const auto& fingerprint = inspection.fingerprint) {
    TRY_VOID(put(body.fingerprint_bytes, to_bytes(*fingerprint)));
    body.fingerprint_quality = fingerprint->quality;
  }
  if (inspection.proof) {
    body.proof_width = inspection.proof->width;
    body.proof_height = inspection.proof->height;
  }
  body.width = media.width;
  body.height = media.height;
  body.pages = media.pages;
  body.orientation = media.orientation;
  body.bits_per_channel = media.bits_per_channel;
  body.channels = media.channels;
  body.flags = static_cast<std::uint8_t>(
      (media.renderable ? wire::flag_renderable : 0) | (media.has_alpha ? wire::flag_alpha : 0) |
      (media.has_gain_map ? wire::flag_gain_map : 0) | (inspection.proof ? wire::flag_proof : 0));
  answer(wire::Kind::inspected, body);
  return {};
}

/// Says why the server must not use this process, and leaves.
int refuse_to_start(wire::Status status, const std::string& why) {
  (void)wire::send(wire::socket_fd, wire::Kind::failed, wire::Failed{0, status, 0}, why);
  return 1;
}

/// With the model that came with the configuration, where one did; in plain words what is wrong.
std::expected<std::optional<FaceDetector>, std::string> load_faces(const wire::Message& message,
                                                                   std::uint64_t bytes) {
  if (bytes == 0) return std::nullopt;
  const auto model = message.fd ? MappedSource::map(message.fd.get(), bytes) : std::nullopt;
  if (!model) return std::unexpected("the model cannot be mapped");
  return FaceDetector::load(model->bytes());
}

std::string try_faces(std::optional<FaceDetector>& faces) {
  if (!faces) return {};
  Bitmap gray(48, 48, false);
  std::memset(gray.row(0), 128, gray.bytes());
  const auto found = faces->find(gray);
  return found ? std::string() : "The renderer cannot find faces: " + found.error().text;
}

}  // namespace

int run_renderer(const DecoderHook& hook) {
  settle_in();
  std::set_new_handler([] { ::_exit(wire::exit_out_of_memory); });
  auto message = wire::receive(wire::socket_fd, true, true);
  const auto settings = message && *message ? (*message)->body_as<wire::Configure>() : std::nullopt;
  if (!settings) return 2;
  if (const std::string problem = start_libraries(); !problem.empty())
    return refuse_to_start(wire::Status::refused, problem);
  limit_resources({settings->process_memory_max, settings->output_bytes_max});
  silence();
  auto faces = load_faces(**message, settings->face_model_bytes);
  if (!faces) return refuse_to_start(wire::Status::model_unusable, faces.error());
  (*message)->fd.reset();
  if (settings->sandbox != 0) {
    if (const auto sealed = seal(); !sealed)
      return refuse_to_start(wire::Status::sandbox_unavailable, sealed.error());
    // Once more, behind the walls: what a library still lacks shows now, not with the first
    // picture.
    if (const std::string problem = exercise(); !problem.empty())
      return refuse_to_start(wire::Status::sandbox_unavailable, problem);
    if (const std::string problem = try_faces(*faces); !problem.empty())
      return refuse_to_start(wire::Status::sandbox_unavailable, problem);
  }
  if (!wire::send(wire::socket_fd, wire::Kind::ready, wire::Nothing{}, renderer_version()))
    return 0;
  Session(hook, *settings, *std::move(faces)).run();
  return 0;
}

}  // namespace calotype
