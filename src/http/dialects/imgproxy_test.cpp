// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgproxy.hpp"

#include <gtest/gtest.h>

#include "http/dialects/test_settled_recipes.hpp"

namespace calotype {
namespace {

constexpr std::string_view source = "/plain/asset://aaaaaaaaaaaaaaaaaaaaaaaaaa";

const PresetTable& presets() {
  static const PresetTable table = PresetTable::with_defaults();
  return table;
}

ImgproxyRules rules() {
  ImgproxyRules rules;
  rules.watermark = AssetId::parse("bbbbbbbbbbbbbbbbbbbbbbbbbb");
  rules.allows_security_options = true;
  rules.presets = {{"sharp", "sh:0.7"}, {"small", "rs:fit:100:100/pr:sharp"}};
  return rules;
}

Result<Recipe> settle(const std::string& options, const MediaInfo& media) {
  TRY(const ImgproxyRequest request,
      parse_imgproxy("/" + options + std::string(options.empty() ? source.substr(1) : source),
                     rules(), presets()));
  return settle_imgproxy(request.options, rules(), media, 1'000'000);
}

void expect_recipes(std::initializer_list<test::Meant> rows) {
  test::expect_recipes(settle, rows);
}

TEST(Imgproxy, BoxesMeanTheSameRecipeAsInTheNativeDialect) {
  expect_recipes({
      {"", ""},
      {"w:400", "w=400"},
      {"h:300", "h=300"},
      {"width:400/height:300", "w=400&h=300"},
      {"rs:fit:400:300", "w=400&h=300"},
      {"resize:fit:400:300:1", "w=400&h=300"},
      {"resize:fit:4000:3000:1", "w=4000&h=3000&enlarge=1"},
      {"s:400:300", "w=400&h=300"},
      {"size:400", "w=400"},
      {"rs:::300", "h=300"},
      {"rs:fill:400:300", "w=400&h=300&fit=cover"},
      {"rs:fill:400:0", "w=400"},
      {"rs:fill-down:400:300", "w=400&h=300&fit=cover"},
      {"rs:fill-down:2000:2000", "w=2000&h=2000&fit=cover"},
      {"rs:fill:2000:2000:1", "w=2000&h=2000&fit=cover&enlarge=1"},
      {"rs:force:400:300", "w=400&h=300&fit=fill"},
      {"rs:auto:400:300", "w=400&h=300&fit=cover"},
      {"rs:auto:300:400", "w=300&h=400"},
      {"w:400/dpr:2", "w=800"},
      {"rs:fill:200:100/dpr:2", "w=400&h=200&fit=cover"},
      {"rs:fill:400:300/g:no", "w=400&h=300&fit=cover&g=north"},
      {"rs:fill:400:300/g:nowe", "w=400&h=300&fit=cover&g=northwest"},
      {"rs:fill:400:300/g:soea:0:0", "w=400&h=300&fit=cover&g=southeast"},
      {"rs:fill:400:300/gravity:sm", "w=400&h=300&fit=cover&g=attention"},
      {"rs:fill:400:300/g:fp:0.3:0.7", "w=400&h=300&fit=cover&g=0.3:0.7"},
      {"rs:fit:400:300/ex:1", "w=400&h=300&fit=contain"},
      {"rs:fit:400:300:0:1:no/bg:ff0000/f:png", "w=400&h=300&fit=contain&g=north&bg=ff0000&fm=png"},
  });
}

TEST(Imgproxy, WhatDependsOnTheOriginalIsSettledToThePixel) {
  expect_recipes({
      // Without enlarging, fill cuts each side that is there to cut.
      {"rs:fill:200:200", "w=200&h=50&fit=cover", 1'000, 50},
      {"rs:fill:2000:2000", ""},
      {"rs:fill:700:700", "w=700&h=500&fit=cover"},
      // force keeps the box's shape where it does not enlarge.
      {"rs:force:2000:500", "w=1000&h=250&fit=fill"},
      {"w:200/z:2", "w=400"},
      {"w:200/z:2:1", "w=400&h=100&fit=fill"},
      {"z:0.5", "w=500"},
      {"mw:600/h:100", "w=600&h=100&fit=cover"},
      {"mw:600", ""},
      {"w:100/mh:200", "w=100&h=200&fit=cover"},
      {"c:400:300", "crop=300:100:400:300"},
      {"c:400:300:nowe", "crop=0:0:400:300"},
      {"c:0.5:0.5:soea", "crop=500:250:500:250"},
      {"c:400:0:ea:100", "crop=500:0:400:500"},
      {"c:400:300/rs:fit:200:200", "w=200&h=200&crop=300:100:400:300"},
      {"c:400:300/rs:fill:100:100/g:no", "w=100&h=100&fit=cover&g=north&crop=300:0:400:300"},
      {"rs:fill:100:100/g:no:0:10", "w=100&crop=250:0:500:500"},
      {"rs:fill:100:100/g:we:20", "w=100&crop=100:0:500:500"},
      {"rs:fill:100:100/g:ea:0.1", "w=100&crop=400:0:500:500"},
      {"rs:fill:100:100/g:ce:-30", "w=100&crop=100:0:500:500"},
      {"rs:fit:400:400/exar:1", "w=400&h=400&pad=100:0:100:0"},
      {"rs:fit:400:400/extend_ar:1:no", "w=400&h=400&pad=0:0:200:0"},
      {"rs:fit:400:400/ex:1:no:0:10", "w=400&h=400&pad=10:0:190:0"},
      {"rs:fill:2000:2000/ex:1/bg:0:255:0/f:webp", "bg=00ff00&pad=750:500:750:500&fm=webp"},
      {"pd:10:20", "pad=10:20:10:20"},
      {"pd:10/dpr:2/w:100", "w=200&pad=20"},
      {"mrd:100", "w=100"},
      {"mrd:100/rs:fill:400:300", "w=100&h=75&fit=cover"},
  });
}

TEST(Imgproxy, TurnsBeforeItCutsAndScales) {
  expect_recipes({
      {"rot:90", "rot=90"},
      {"rot:-90", "rot=270"},
      {"rot:180/fl:1", "rot=180&flip=h"},
      {"fl:1", "flip=h"},
      {"fl:0:1", "rot=180&flip=h"},
      {"fl:1:1", "rot=180"},
      {"rot:90/fl:1", "rot=270&flip=h"},
      {"rot:90/fl:0:1", "rot=90&flip=h"},
      {"rot:90/w:100", "h=100&rot=90"},
      {"rot:90/rs:fill:100:50", "w=50&h=100&fit=cover&rot=90"},
      // North of the turned picture is west of the upright one.
      {"rot:90/rs:fill:100:50/g:no", "w=50&h=100&fit=cover&g=west&rot=90"},
      {"rot:270/rs:fill:100:50/g:no", "w=50&h=100&fit=cover&g=east&rot=270"},
      {"rot:90/rs:fill:100:50/g:fp:0.2:0.1", "w=50&h=100&fit=cover&g=0.1:0.8&rot=90"},
      {"rot:90/c:100:200:nowe", "crop=0:400:200:100&rot=90"},
      {"fl:1/c:100:200:nowe", "crop=900:0:100:200&flip=h"},
  });
}

TEST(Imgproxy, EffectsAndEncodings) {
  expect_recipes({
      {"bl:2.5/sh:0.7/pix:8", "blur=2.5&sharp=0.7&pix=8"},
      {"t:10", "trim=10"},
      {"t:10:ff0000:1:1/w:100", "w=100&trim=10:ff0000:xy"},
      {"t:10:ff00ff", "trim=10:00000000"},
      {"t:3::1", "trim=3:auto:x"},
      {"wm:0.5", "mark=bbbbbbbbbbbbbbbbbbbbbbbbbb&mark-g=center&mark-w=0&mark-o=50"},
      {"wm:1:soea:10:20:0.25", "mark=bbbbbbbbbbbbbbbbbbbbbbbbbb&mark-x=10&mark-y=20"},
      {"wm:1:re:5:6", "mark=bbbbbbbbbbbbbbbbbbbbbbbbbb&mark-w=0&mark-x=5&mark-y=6&mark-tile=1"},
      {"wm:1:no:0:0.1", "mark=bbbbbbbbbbbbbbbbbbbbbbbbbb&mark-g=north&mark-w=0&mark-y=50"},
      {"wm:0", ""},
      {"sm:0", "meta=keep"},
      {"kcr:1", "meta=copyright"},
      {"sm:1/kcr:0", ""},
      {"scp:0", "icc=keep"},
      {"q:70/f:jpg", "q=70&fm=jpeg"},
      {"fq:jpeg:70:webp:50", "q=70"},
      {"fq:jpeg:70:webp:50/f:webp", "q=50&fm=webp"},
      {"q:20/fq:jpeg:70", "q=20"},
      {"mb:20000/ext:webp", "max_bytes=20000&fm=webp"},
      {"bg:255:0:128/f:png", "bg=ff0080&fm=png"},
      {"bg:f08/f:png", "bg=ff0088&fm=png"},
      {"ar:1/eth:1/ph:0/cb:x:y/att:1/raw:0/skp:png/fn:a%2Fb.png/exp:1", ""},
      {"pr:small", "w=100&h=100&sharp=0.7"},
      {"pr:thumb", "w=300&fm=webp"},
      {"pr:thumb/f:avif", "w=300&fm=avif"},
      {"msr:1/msfs:1000000/maf:1/mafr:0.5", ""},
  });
}

TEST(Imgproxy, RefusesByNameWhatARecipeCannotSay) {
  test::expect_refused(
      settle,
      {
          {"rt:stretch", "rt must be fit, fill, fill-down, force or auto, not “stretch”."},
          {"w:-1", "w must be a whole number from 0 to 65535, not “-1”."},
          {"w:1:2", "w takes at most 1 arguments, not 2."},
          {"el:yes", "el must be 1, t, true, 0, f or false, not “yes”."},
          {"g:obj:face", "g must be ce, no, so, ea, we, noea, nowe, soea, sowe, sm or fp (obj and"},
          {"g:fp:2:0", "g must be a number from 0 to 1, not “2”."},
          {"ex:1:sm", "ex must be ce, no, so, ea, we, noea, nowe, soea, sowe or fp, not “sm”."},
          {"rot:45", "rot must be 0, 90, 180, 270 or another multiple of 90, not “45”."},
          {"z:0", "z must be greater than 0, not “0”."},
          {"dpr:11", "dpr must be a number from 0 to 10, not “11”."},
          {"bg:red", "bg must be a colour as rgb or rrggbb in hexadecimal, not “red”."},
          {"bg:1:2:256", "bg must be a whole number from 0 to 255, not “256”."},
          {"bl:1000", "bl must be a number from 0 to 250, not “1000”."},
          {"wm:1:ch", "wm must be ce, no, so, ea, we, noea, nowe, soea, sowe or re (ch is of"},
          {"wm:1:ce:-5", "watermark offsets must not be negative: it stays within the picture."},
          {"f:tiff", "f must be jpg, jpeg, png, webp, avif, gif or jxl, not “tiff”."},
          {"f:best", "f must be jpg, jpeg, png"},
          {"fq:jpg", "fq must be formats and qualities in turn"},
          {"q:101", "q must be a whole number from 0 to 100, not “101”."},
          {"exp:soon", "exp must be seconds since 1970, not “soon”."},
          {"fn:%zz", "“%zz” is not percent-encoded properly"},
          {"pr:nothing",
           "pr must be one of sharp, small, desktop, mobile, original-size, social, "
           "thumb, not “nothing”."},
          {"pr:thumb/w:5", "a preset of this server stands alone, with a format at most"},
          {"pr:sharp:sharp", "The preset “sharp” is used twice."},
          {"brightness:5", "“brightness” is an option of imgproxy Pro, which is not supported"},
          {"frob:5", "“frob” is no processing option; docs/dialects.md lists the 45 that there"},
          {"c:100:100:sm", "crop cannot look for what draws the eye (sm) before"},
          {"t:10/c:100:100", "beside trim there can be width, height, dpr, a resizing type but"},
          {"t:10/mw:100", "beside trim there can be width"},
          {"rs:force:60000:50000:1/z:2", "the picture would have a side of more than 65535"},
          {"msr:0.4", "The original is past the URL's own limit, max_src_resolution.",
           ErrorCode::limit_exceeded},
          {"msfs:10", "The original is past the URL's own limit, max_src_file_size.",
           ErrorCode::limit_exceeded},
      });
}

TEST(Imgproxy, WhatItCannotDoIsSaidOfTheOriginalsItMatters) {
  MediaInfo media = test::photograph(100, 100);
  media.orientation = 6;
  media.bits_per_channel = 16;
  for (const char* options : {"ar:0", "ph:1"}) {
    EXPECT_FALSE(settle(options, media)) << options;
    EXPECT_TRUE(settle(options, test::photograph(100, 100))) << options;
  }
  media = test::photograph(100, 100);
  media.media_type = "image/gif";
  media.pages = 10;
  EXPECT_EQ(to_string(settle("maf:1", media).value()), "page=1");
  EXPECT_TRUE(settle("maf:10", media));
  EXPECT_FALSE(settle("maf:9", media));
  EXPECT_FALSE(settle("mafr:0.005", media));
  // What is drawn can be drawn larger.
  media.media_type = "image/svg+xml";
  media.pages = 1;
  EXPECT_EQ(to_string(settle("rs:fill:200:100", media).value()), "w=200&h=100&fit=cover");
}

TEST(Imgproxy, SecurityOptionsNeedPermission) {
  const auto request = parse_imgproxy("/msr:1" + std::string(source), {}, presets());
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message,
            "msr is a security option; imgproxy.allow_security_options has to let URLs say it.");
  ImgproxyRules own;
  own.presets = {{"default", "msr:1"}};
  EXPECT_TRUE(parse_imgproxy(source, own, presets()));
}

TEST(Imgproxy, ReadsSourcesInEitherForm) {
  struct Source {
    std::string path, source;
    std::optional<ImageFormat> format;
  };
  const std::string id(26, 'a');
  for (const Source& row : std::initializer_list<Source>{
           {"/plain/" + id, id, {}},
           {"/w:5/plain/asset://" + id + "@webp", "asset://" + id, ImageFormat::webp},
           {"/plain/local:///" + id + "@", "local:///" + id, {}},
           {"/plain/asset%3A%2F%2F" + id + "@jpg", "asset://" + id, ImageFormat::jpeg},
           {"/w:5/YXNzZXQ6Ly9hYmM", "asset://abc", {}},
           {"/w:5/YXNzZXQ6/Ly9hYmM.png", "asset://abc", ImageFormat::png},
           {"/YXNzZXQ6Ly9hYmM=.png", "asset://abc", ImageFormat::png},
           {"/f:gif/YXNzZXQ6Ly9hYmM.png", "asset://abc", ImageFormat::png},
       }) {
    const auto request = parse_imgproxy(row.path, rules(), presets());
    ASSERT_TRUE(request) << row.path << ": " << request.error().message;
    EXPECT_EQ(request->source, row.source);
    EXPECT_EQ(request->options.format, row.format) << row.path;
  }
  for (const auto* path : {"", "/", "/w:5", "/w:5/", "/plain/a@b@c", "/plain/%zz", "/a.b.c", "/%%%",
                           "/enc/YXNzZXQ6Ly9hYmM", "/plain/a@tiff"})
    EXPECT_FALSE(parse_imgproxy(path, rules(), presets())) << path;
  for (const std::string& named : {id, "asset://" + id, "asset:" + id, "local:///" + id,
                                   "local:/" + id, id + ".jpg", "asset://" + id + ".tar.gz"})
    EXPECT_EQ(parse_imgproxy_source(named), id) << named;
  const std::string content = "sha256:" + std::string(64, '0');
  EXPECT_EQ(parse_imgproxy_source(content), content);
  EXPECT_EQ(parse_imgproxy_source("asset://" + content), content);
  for (const auto* other :
       {"", "http://example.com/a.jpg", "s3://bucket/a", "asset://", "sha256:0"})
    EXPECT_FALSE(parse_imgproxy_source(other)) << other;
}

TEST(Imgproxy, PresetsAreReadAtTheStart) {
  const auto good = parse_imgproxy_presets("a=rs:fit:5:5/f:jpg,b=pr:a/q:50", presets());
  ASSERT_TRUE(good);
  EXPECT_EQ(good->at("b"), "pr:a/q:50");
  for (const auto* bad : {"a", "=w:5", "a=", "a=frob:5", "a=pr:a", "a=pr:b,b=pr:a", "a=w:x"})
    EXPECT_FALSE(parse_imgproxy_presets(bad, presets())) << bad;
  EXPECT_TRUE(parse_imgproxy_presets("", presets()));
}

}  // namespace
}  // namespace calotype
