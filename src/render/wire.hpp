// SPDX-License-Identifier: Apache-2.0
// What the server and a renderer say to each other over one SOCK_SEQPACKET pair. A message is a
// header, a body of fixed layout and, for some kinds, a text; nothing in it is a pointer, and both
// sides check every length before they look. Descriptors travel only from the server: a source to
// read, and an output, an empty memfd that the server made and reads back with pread. So a renderer
// that has been taken over can hand over neither a descriptor nor a number that is believed.
//
//   server                                renderer
//   configure {sandbox, limits}     →     (each codec exercised, then sealed; a descriptor of the
//                                         face model comes with it, where there is one)
//                                   ←     ready "libvips 8.16.1 …"      or  failed "no Landlock"
//   source {bytes} + descriptor     →     (replaces the source before)
//   overlay {bytes} + descriptor    →     (for the output that follows: its watermark)
//   output {id, plan} + memfd       →     (of the source in hand)
//                                   ←     made {id, bytes, size}        or  failed {id, status}
//                                   text
//   inspect {id} + memfd            →
//                                   ←     inspected {id, …}             or  failed
//   release                         →     (forgets the source and what was decoded of it)
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "asset/plan.hpp"
#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace calotype::wire {

inline constexpr std::uint32_t magic = 0x43'41'4c'52;  // "CALR"
inline constexpr std::uint16_t protocol_version = 5;
inline constexpr std::size_t message_bytes_max = 4'096;
inline constexpr std::size_t text_bytes_max = 1'024;

/// Where a renderer finds its socket; every other descriptor but the standard three is closed.
inline constexpr int socket_fd = 3;
/// A renderer that could not allocate leaves with this code: over render.process_memory_max.
inline constexpr int exit_out_of_memory = 77;

enum class Kind : std::uint16_t {
  configure = 1,
  source,
  overlay,
  output,
  inspect,
  release,  // from the server
  ready,
  made,
  inspected,
  failed,  // from a renderer
};

/// Why an output was not made. The text that follows says it for people.
enum class Status : std::uint32_t {
  damaged = 1,       // claims to be an image, and cannot be read as one
  unsupported,       // not a format that is decoded
  input_pixels_max,  // each limit by its setting's name
  output_side_max,
  output_bytes_max,
  process_memory_max,
  bytes_target_missed,  // the recipe's max_bytes
  region_outside,       // of the page or of what is left within its borders
  sandbox_unavailable,  // answers configure only
  model_unusable,       // likewise
  refused,              // the server's message made no sense: a defect
};

struct Header {
  std::uint32_t magic;
  std::uint16_t version;
  Kind kind;
  std::uint32_t body_bytes;
  std::uint32_t text_bytes;
};

struct Configure {
  std::uint64_t process_memory_max;
  std::uint64_t output_bytes_max;
  std::uint64_t input_pixels_max;
  std::uint64_t face_model_bytes;  // 0: none
  std::uint32_t output_side_max;
  std::uint32_t sandbox;  // 0 or 1
};

struct Source {
  std::uint64_t bytes;
};

/// RenderPlan, field by field.
struct Output {
  std::uint64_t id;
  std::uint32_t scaled_width, scaled_height;
  std::uint32_t left, top, kept_width, kept_height;
  std::uint32_t output_width, output_height;
  std::uint8_t format, quality, flatten, from_proof;
  std::uint8_t red, green, blue, alpha;
  std::uint32_t page, frames;
  std::uint32_t region_left, region_top, region_width, region_height;
  std::uint32_t box_width, box_height;
  std::uint32_t bytes_max;
  std::uint16_t focus_x, focus_y;
  std::uint16_t rotation, blur, sharpen, corner_radius;
  std::uint16_t padding_top, padding_right, padding_bottom, padding_left;
  std::uint16_t mark_margin_x, mark_margin_y;
  std::uint16_t pixelate, border_width;
  std::uint8_t border_red, border_green, border_blue, border_alpha;
  std::uint8_t border_is_inside, opacity_percent, mark_is_tiled, trim_has_color;
  std::uint8_t trim_red, trim_green, trim_blue, trim_alpha, trim_even_x, trim_even_y;
  std::uint8_t region_is_relative, trims, trim, fit, gravity, enlarge;
  std::uint8_t mirror, tone;
  std::int8_t brightness, contrast, saturation;
  std::uint8_t has_watermark, mark_gravity, mark_width_percent, mark_opacity_percent;
  std::uint8_t metadata, profile, lossless, keeps_gain_map;
  std::uint8_t effort, no_face;
  std::array<std::uint8_t, 5> reserved;  // no byte of it is padding
};

struct Inspect {
  std::uint64_t id;
};

struct Made {
  std::uint64_t id;
  std::uint64_t bytes;
  std::uint32_t width, height;
};

/// The texts, the proof and the fingerprint (as asset/fingerprint.hpp writes it) stand one after
/// another in the output, in the order of their lengths.
struct Inspected {
  std::uint64_t id;
  std::uint32_t media_type_bytes, color_space_bytes, icc_profile_bytes, placeholder_bytes;
  std::uint32_t metadata_bytes, proof_bytes, fingerprint_bytes;
  std::uint32_t proof_width, proof_height;
  std::uint32_t width, height, pages;
  std::uint8_t orientation, bits_per_channel, channels, flags;  // flags: below
  std::uint8_t fingerprint_quality;
  std::array<std::uint8_t, 3> reserved;
};
inline constexpr std::uint8_t flag_renderable = 1, flag_alpha = 2, flag_proof = 4,
                              flag_gain_map = 8;

struct Failed {
  std::uint64_t id;
  Status status;
  std::uint32_t reserved;
};

struct Nothing {
  std::uint64_t reserved;
};

template <class Body>
concept WireBody =
    std::is_trivially_copyable_v<Body> && std::has_unique_object_representations_v<Body>;

Output to_wire(std::uint64_t id, const RenderPlan& plan);
/// Nothing where a rectangle lies outside what it is cut from or a value is no enumerator.
std::optional<RenderPlan> from_wire(const Output& output);

/// A received message; body_as gives its body where kind and length are right.
class Message {
 public:
  Kind kind() const { return header_.kind; }
  template <WireBody Body>
  std::optional<Body> body_as() const {
    if (header_.body_bytes != sizeof(Body)) return std::nullopt;
    Body body;
    std::memcpy(&body, bytes_.data() + sizeof(Header), sizeof(Body));
    return body;
  }
  std::string_view text() const {
    return {bytes_.data() + sizeof(Header) + header_.body_bytes, header_.text_bytes};
  }
  UniqueFd fd;  // a renderer's only; the server takes none

 private:
  friend Result<std::optional<Message>> receive(int, bool, bool);
  Header header_{};
  std::array<char, message_bytes_max> bytes_;
};

Result<void> send_bytes(int socket, Kind kind, ByteSpan body, std::string_view text, int fd);

/// Blocks until the peer's buffer has room; the text is cut at text_bytes_max.
template <WireBody Body>
Result<void> send(int socket, Kind kind, const Body& body, std::string_view text = {},
                  int fd = -1) {
  return send_bytes(socket, kind, std::as_bytes(std::span(&body, 1)), text, fd);
}

/// The next message. Nothing where `wait` is false and none is there. renderer_failed where the
/// peer has closed, or what came is not a message of this protocol. Descriptors are taken only on
/// demand; otherwise the kernel drops them.
Result<std::optional<Message>> receive(int socket, bool wait, bool take_fd);

}  // namespace calotype::wire
