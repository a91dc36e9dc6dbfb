// SPDX-License-Identifier: Apache-2.0
// libjpeg reports errors by longjmp. What lies between a setjmp and the call that may jump owns
// nothing: owners stand outside, in Reader and Writer.
#include "render/renderer/jpeg_codec.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
// after cstdio, which it forgets to include
#include <jerror.h>
#include <jpeglib.h>

namespace calotype {
namespace {

struct ErrorSink {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr codec) {
  auto* sink = reinterpret_cast<ErrorSink*>(codec->err);
  sink->manager.format_message(codec, sink->text);
  std::longjmp(sink->jump, 1);
}

/// Warnings that mean missing or wrong pixels end the decode; what real cameras are careless about
/// (bytes between segments, odd version numbers) does not.
bool means_damage(int code) {
  switch (code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
      return true;
    default:
      return false;
  }
}

void on_message(j_common_ptr codec, int level) {
  if (level < 0 && means_damage(codec->err->msg_code)) on_error(codec);
}

void stay_silent(j_common_ptr) {}

void catch_errors(ErrorSink& sink) {
  jpeg_std_error(&sink.manager);
  sink.manager.error_exit = on_error;
  sink.manager.emit_message = on_message;
  sink.manager.output_message = stay_silent;
  sink.text[0] = '\0';
}

struct Reader {
  ErrorSink sink{};
  jpeg_decompress_struct codec{};
  Reader() {
    catch_errors(sink);
    codec.err = &sink.manager;
  }
  ~Reader() { jpeg_destroy_decompress(&codec); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Failure failure() const { return {wire::Status::damaged, sink.text}; }
};

bool open(Reader& reader, Bytes bytes, bool with_markers) {
  if (setjmp(reader.sink.jump) != 0) return false;
  jpeg_create_decompress(&reader.codec);
  jpeg_mem_src(&reader.codec, bytes.data(), bytes.size());
  if (with_markers) {
    jpeg_save_markers(&reader.codec, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&reader.codec, JPEG_APP0 + 2, 0xffff);
  }
  jpeg_read_header(&reader.codec, TRUE);
  return true;
}

bool start(Reader& reader, int eighths) {
  if (setjmp(reader.sink.jump) != 0) return false;
  reader.codec.out_color_space = JCS_EXT_RGBX;
  reader.codec.scale_num = static_cast<unsigned>(eighths);
  reader.codec.scale_denom = 8;
  reader.codec.dct_method = JDCT_ISLOW;
  reader.codec.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&reader.codec);
  return true;
}

bool read_rows(Reader& reader, std::uint8_t* to, std::size_t row_bytes) {
  if (setjmp(reader.sink.jump) != 0) return false;
  while (reader.codec.output_scanline < reader.codec.output_height) {
    std::uint8_t* rows[4];
    for (std::size_t i = 0; i < std::size(rows); ++i)
      rows[i] = to + (reader.codec.output_scanline + i) * row_bytes;
    const auto left = reader.codec.output_height - reader.codec.output_scanline;
    jpeg_read_scanlines(&reader.codec, rows, left < std::size(rows) ? left : std::size(rows));
  }
  jpeg_finish_decompress(&reader.codec);
  return true;
}

bool read_profile(Reader& reader, JOCTET** profile, unsigned* length) {
  if (setjmp(reader.sink.jump) != 0) return false;
  return jpeg_read_icc_profile(&reader.codec, profile, length) == TRUE;
}

int orientation_in(const jpeg_decompress_struct& codec) {
  constexpr char signature[] = {'E', 'x', 'i', 'f', 0, 0};
  for (const auto* marker = codec.marker_list; marker != nullptr; marker = marker->next)
    if (marker->marker == JPEG_APP0 + 1 && marker->data_length > sizeof signature &&
        std::memcmp(marker->data, signature, sizeof signature) == 0)
      return orientation_of_exif(
          Bytes(marker->data, marker->data_length).subspan(sizeof signature));
  return 1;
}

struct Writer {
  ErrorSink sink{};
  jpeg_compress_struct codec{};
  unsigned char* buffer = nullptr;
  unsigned long length = 0;
  Writer() {
    catch_errors(sink);
    codec.err = &sink.manager;
  }
  ~Writer() {
    jpeg_destroy_compress(&codec);
    std::free(buffer);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

enum class Channels : std::uint8_t { half_chroma, full_chroma, gray };

bool write(Writer& writer, const Bitmap& picture, int quality, Channels channels, Effort effort) {
  if (setjmp(writer.sink.jump) != 0) return false;
  jpeg_compress_struct& codec = writer.codec;
  jpeg_create_compress(&codec);
  jpeg_mem_dest(&codec, &writer.buffer, &writer.length);
  codec.image_width = picture.width();
  codec.image_height = picture.height();
  codec.input_components = 4;
  codec.in_color_space = JCS_EXT_RGBX;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, quality, TRUE);
  codec.optimize_coding = TRUE;
  if (channels == Channels::gray) jpeg_set_colorspace(&codec, JCS_GRAYSCALE);
  if (effort == Effort::high) jpeg_simple_progression(&codec);
  if (channels == Channels::full_chroma) {
    codec.comp_info[0].h_samp_factor = 1;
    codec.comp_info[0].v_samp_factor = 1;
  }
  jpeg_start_compress(&codec, TRUE);
  while (codec.next_scanline < codec.image_height) {
    auto* row = const_cast<std::uint8_t*>(picture.row(codec.next_scanline));
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  return true;
}

}  // namespace

Outcome<JpegHeader> read_jpeg_header(Bytes bytes) {
  Reader reader;
  if (!open(reader, bytes, true)) return std::unexpected(reader.failure());
  const jpeg_decompress_struct& codec = reader.codec;
  JpegHeader header;
  header.width = codec.image_width;
  header.height = codec.image_height;
  header.components = codec.num_components;
  header.is_plain = codec.jpeg_color_space == JCS_GRAYSCALE ||
                    codec.jpeg_color_space == JCS_YCbCr || codec.jpeg_color_space == JCS_RGB;
  header.orientation = orientation_in(codec);
  JOCTET* profile = nullptr;
  unsigned length = 0;
  if (read_profile(reader, &profile, &length)) {
    header.icc_profile.assign(profile, profile + length);
    std::free(profile);
  }
  return header;
}

Outcome<Bitmap> decode_jpeg(Bytes bytes, int eighths) {
  Reader reader;
  if (!open(reader, bytes, false) || !start(reader, eighths))
    return std::unexpected(reader.failure());
  Bitmap picture(reader.codec.output_width, reader.codec.output_height, false);
  if (!read_rows(reader, picture.row(0), picture.row_bytes()))
    return std::unexpected(reader.failure());
  return picture;
}

namespace {

Outcome<std::string> encode_as(const Bitmap& picture, int quality, Channels channels,
                               Effort effort) {
  Writer writer;
  if (!write(writer, picture, quality, channels, effort))
    return failed(wire::Status::refused, writer.sink.text);
  return std::string(reinterpret_cast<const char*>(writer.buffer), writer.length);
}

}  // namespace

Outcome<std::string> encode_jpeg(const Bitmap& picture, int quality, bool full_chroma,
                                 Effort effort) {
  return encode_as(picture, quality, full_chroma ? Channels::full_chroma : Channels::half_chroma,
                   effort);
}

Outcome<std::string> encode_gray_jpeg(const Bitmap& picture, int quality) {
  return encode_as(picture, quality, Channels::gray, Effort::quick);
}

}  // namespace calotype
