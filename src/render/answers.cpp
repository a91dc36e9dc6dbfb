// SPDX-License-Identifier: Apache-2.0
#include "render/answers.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "base/json.hpp"
#include "base/write_all.hpp"
#include "render/utf8.hpp"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace calotype {
namespace {

constexpr std::uint64_t name_bytes_max = 127;  // media type, colour space
constexpr std::uint64_t profile_bytes_max = 1'024;
constexpr std::uint64_t placeholder_bytes_max = 64;
constexpr std::uint64_t metadata_bytes_max = 512 << 10;
constexpr std::uint64_t proof_bytes_max = 8 << 20;
constexpr std::uint32_t proof_side_max = 4'096;
constexpr std::uint64_t fingerprint_bytes_max = 128 * fingerprint_bits_bytes;

std::unexpected<Error> nonsense(const char* why) {
  return fail(ErrorCode::renderer_failed, "The renderer sent nonsense.", why);
}

bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '+' ||
           c == '-' || c == '_';
  });
}

/// Cuts the next `length` bytes off the front.
std::string cut(std::string_view& rest, std::uint32_t length) {
  std::string piece(rest.substr(0, length));
  rest.remove_prefix(length);
  return piece;
}

bool lengths_are_sane(const wire::Inspected& answer) {
  return answer.media_type_bytes <= name_bytes_max && answer.color_space_bytes <= name_bytes_max &&
         answer.icc_profile_bytes <= profile_bytes_max &&
         answer.placeholder_bytes <= placeholder_bytes_max &&
         answer.metadata_bytes <= metadata_bytes_max && answer.proof_bytes <= proof_bytes_max &&
         answer.fingerprint_bytes <= fingerprint_bytes_max;
}

Result<void> check_media(const MediaInfo& media) {
  if (media.media_type.empty() || !is_name(media.media_type)) return nonsense("media type");
  if (!is_name(media.color_space)) return nonsense("colour space");
  if (!media.placeholder.empty() && !from_base64(media.placeholder)) return nonsense("placeholder");
  if (media.orientation < 1 || media.orientation > 8) return nonsense("orientation");
  if (media.renderable && (media.width == 0 || media.height == 0)) return nonsense("dimensions");
  const auto metadata = parse_json(media.metadata_json);
  if (!metadata || !metadata->is_object()) return nonsense("metadata");
  return {};
}

Result<Fingerprint> read_fingerprint(std::string_view bytes, std::uint8_t quality) {
  auto fingerprint = parse_fingerprint(as_bytes(bytes), quality);
  if (!fingerprint || quality > 100) return nonsense("fingerprint");
  return *std::move(fingerprint);
}

}  // namespace

Result<UniqueFd> make_output() {
  UniqueFd output(::memfd_create("calotype-output", MFD_CLOEXEC | MFD_NOEXEC_SEAL));
  if (!output && errno == EINVAL)  // before Linux 6.3
    output = UniqueFd(::memfd_create("calotype-output", MFD_CLOEXEC));
  if (!output)
    return fail_errno(ErrorCode::overloaded, "No memory for a picture could be had.", errno);
  return output;
}

Result<SourceBytes> in_memory(std::string_view content) {
  TRY(const UniqueFd memory, make_output());
  if (!write_all(memory.get(), as_bytes(content)))
    return fail_errno(ErrorCode::renderer_failed, "Memory for a renderer could not be had.", errno);
  auto read_only = std::make_shared<UniqueFd>(
      ::open(std::format("/proc/self/fd/{}", memory.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!*read_only)
    return fail_errno(ErrorCode::renderer_failed, "Memory for a renderer could not be opened.",
                      errno);
  return SourceBytes{std::move(read_only), content.size()};
}

Result<std::string> read_output(const UniqueFd& output, std::uint64_t bytes,
                                std::uint64_t bytes_max) {
  struct stat facts{};
  if (bytes > bytes_max) return nonsense("an output over the limit");
  if (::fstat(output.get(), &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) < bytes)
    return nonsense("an output shorter than claimed");
  std::string content;
  bool complete = true;
  content.resize_and_overwrite(bytes, [&](char* to, std::size_t size) {
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count = ::pread(output.get(), to + have, size - have, static_cast<off_t>(have));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
    complete = have == size;
    return have;
  });
  if (!complete) return nonsense("an output that shrank");
  return content;
}

Result<Inspection> read_inspection(const UniqueFd& output, const wire::Inspected& answer) {
  if (!lengths_are_sane(answer)) return nonsense("lengths of an inspection");
  const std::uint64_t bytes = std::uint64_t{answer.media_type_bytes} + answer.color_space_bytes +
                              answer.icc_profile_bytes + answer.placeholder_bytes +
                              answer.metadata_bytes + answer.proof_bytes + answer.fingerprint_bytes;
  TRY(const std::string content, read_output(output, bytes, bytes));
  std::string_view rest = content;
  Inspection inspection;
  MediaInfo& media = inspection.media;
  media.media_type = cut(rest, answer.media_type_bytes);
  media.color_space = cut(rest, answer.color_space_bytes);
  media.icc_profile = printable(cut(rest, answer.icc_profile_bytes));
  media.placeholder = cut(rest, answer.placeholder_bytes);
  media.metadata_json = cut(rest, answer.metadata_bytes);
  media.renderable = (answer.flags & wire::flag_renderable) != 0;
  media.has_alpha = (answer.flags & wire::flag_alpha) != 0;
  media.has_gain_map = (answer.flags & wire::flag_gain_map) != 0;
  media.width = answer.width;
  media.height = answer.height;
  media.pages = answer.pages;
  media.orientation = answer.orientation;
  media.bits_per_channel = answer.bits_per_channel;
  media.channels = answer.channels;
  TRY_VOID(check_media(media));
  std::string proof = cut(rest, answer.proof_bytes);
  if ((answer.flags & wire::flag_proof) != 0) {
    if (answer.proof_width == 0 || answer.proof_width > proof_side_max ||
        answer.proof_height == 0 || answer.proof_height > proof_side_max ||
        !proof.starts_with("\xff\xd8\xff"))
      return nonsense("proof");
    inspection.proof = ProofPicture{std::move(proof), answer.proof_width, answer.proof_height};
  }
  if (answer.fingerprint_bytes > 0) {
    TRY(inspection.fingerprint, read_fingerprint(rest, answer.fingerprint_quality));
  }
  return inspection;
}

Error error_of(const wire::Failed& answer, std::string_view text) {
  const auto make = [](ErrorCode code, std::string message) {
    return fail(code, std::move(message)).error();
  };
  const auto limit = [&](std::string_view name) {
    const std::string said = printable(text);
    return make(ErrorCode::limit_exceeded,
                std::format("{} is exceeded{}{}", name, said.empty() ? "." : ": ", said));
  };
  switch (answer.status) {
    case wire::Status::damaged:
      return make(ErrorCode::not_renderable,
                  std::format("The picture is damaged: {}", printable(text)));
    case wire::Status::unsupported:
      return make(ErrorCode::not_renderable,
                  std::format("This is no picture that can be rendered: {}", printable(text)));
    case wire::Status::input_pixels_max:
      return limit("render.input_pixels_max");
    case wire::Status::output_side_max:
      return limit("render.output_side_max");
    case wire::Status::output_bytes_max:
      return limit("render.output_bytes_max");
    case wire::Status::process_memory_max:
      return limit("render.process_memory_max");
    case wire::Status::bytes_target_missed:
      return make(ErrorCode::limit_exceeded,
                  std::format("max_bytes cannot be kept: {}.", printable(text)));
    case wire::Status::region_outside:
      return make(ErrorCode::bad_recipe, "crop lies outside of the picture.");
    case wire::Status::sandbox_unavailable:
      return make(ErrorCode::sandbox_unavailable, printable(text));
    case wire::Status::model_unusable:
      return make(ErrorCode::bad_config,
                  std::format("models.faces cannot be used: {}{}", printable(text),
                              text.ends_with('.') ? "" : "."));
    case wire::Status::refused:
      break;
  }
  return make(ErrorCode::renderer_failed, std::format("The renderer refused: {}", printable(text)));
}

std::string printable(std::string_view text) {
  constexpr std::size_t bytes_max = 300;
  std::string safe = sanitize_utf8(text.substr(0, bytes_max));
  std::ranges::replace_if(safe, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, ' ');
  return safe;
}

}  // namespace calotype
