// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/samples.hpp"

#include <format>

#include "render/renderer/vips_bridge.hpp"

namespace calotype {
namespace {

/// Letters, a gradient and a filter: what makes librsvg load what it loads late.
std::string svg_sample() {
  return "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='60'><defs>"
         "<linearGradient id='g'><stop offset='0' stop-color='#fff'/>"
         "<stop offset='1' stop-color='#08f'/></linearGradient>"
         "<filter id='b'><feGaussianBlur stdDeviation='1'/></filter></defs>"
         "<rect width='90' height='60' fill='url(#g)' filter='url(#b)'/>"
         "<text x='4' y='40' font-family='serif' font-size='20'>Calotype</text></svg>";
}

/// One page with letters in a font that is not embedded, which Poppler has to find.
std::string pdf_sample() {
  std::string pdf = "%PDF-1.4\n";
  std::vector<std::size_t> places;
  const auto add = [&](const std::string& object) {
    places.push_back(pdf.size());
    pdf += std::format("{} 0 obj\n{}\nendobj\n", places.size(), object);
  };
  const std::string content = "BT /F1 18 Tf 5 50 Td (Calotype) Tj ET 0.2 0.5 1 rg 60 5 20 20 re f";
  add("<</Type/Catalog/Pages 2 0 R>>");
  add("<</Type/Pages/Kids[3 0 R]/Count 1>>");
  add("<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 80]/Contents 4 0 R/Resources<</Font<<"
      "/F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>");
  add(std::format("<</Length {}>>stream\n{}\nendstream", content.size(), content));
  const std::size_t table = pdf.size();
  pdf += std::format("xref\n0 {}\n0000000000 65535 f \n", places.size() + 1);
  for (const std::size_t place : places) pdf += std::format("{:010} 00000 n \n", place);
  pdf += std::format("trailer<</Size {}/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n", places.size() + 1,
                     table);
  return pdf;
}

}  // namespace

Outcome<std::vector<Sample>> make_samples(const Bitmap& picture) {
  try {
    const vips::VImage image = as_vips(picture);
    using vips::VImage;
    return std::vector<Sample>{
        {"TIFF", take(image.tiffsave_buffer(
                     VImage::option()->set("compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE)))},
        {"JPEG 2000", take(image.jp2ksave_buffer())},
        {"SVG", svg_sample()},
        {"PDF", pdf_sample()}};
  } catch (const vips::VError& error) {
    return failure_of(error);
  }
}

}  // namespace calotype
