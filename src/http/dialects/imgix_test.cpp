// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgix.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

struct Row {
  std::string_view query, recipe;
  bool negotiate = false;
};

void expect_recipes(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const auto request = parse_imgix(row.query);
    ASSERT_TRUE(request) << row.query << ": " << request.error().message;
    EXPECT_FALSE(request->needs_original) << row.query;
    EXPECT_EQ(to_string(request->recipe), row.recipe) << row.query;
    EXPECT_EQ(request->negotiate, row.negotiate) << row.query;
    EXPECT_EQ(canonical(request->recipe), request->recipe) << row.query;
  }
}

TEST(Imgix, MeansTheSameRecipeAsTheNativeDialect) {
  expect_recipes({
      {"", ""},
      {"w=400", "w=400"},
      {"w=400&h=300", "w=400&h=300"},
      {"w=400&h=300&fit=clip", "w=400&h=300"},
      {"w=400&h=300&fit=max", "w=400&h=300"},
      {"w=400&h=300&fit=crop", "w=400&h=300&fit=cover"},
      {"w=400&h=300&fit=min", "w=400&h=300&fit=cover"},
      {"w=400&h=300&fit=fill&bg=0f0&fm=png", "w=400&h=300&fit=contain&bg=00ff00&fm=png"},
      {"w=400&h=300&fit=fillmax", "w=400&h=300&fit=contain"},
      {"w=400&h=300&fit=fill&fill=solid&fill-color=ff8800&fm=png",
       "w=400&h=300&fit=contain&bg=ff8800&fm=png"},
      {"w=4&h=3&fit=crop&crop=top", "w=4&h=3&fit=cover&g=north"},
      {"w=4&h=3&fit=crop&crop=bottom", "w=4&h=3&fit=cover&g=south"},
      {"w=4&h=3&fit=crop&crop=left", "w=4&h=3&fit=cover&g=west"},
      {"w=4&h=3&fit=crop&crop=right", "w=4&h=3&fit=cover&g=east"},
      {"w=4&h=3&fit=crop&crop=top,left", "w=4&h=3&fit=cover&g=northwest"},
      {"w=4&h=3&fit=crop&crop=right%2Cbottom", "w=4&h=3&fit=cover&g=southeast"},
      {"w=4&h=3&fit=crop&crop=center", "w=4&h=3&fit=cover"},
      {"w=4&h=3&crop=top", "w=4&h=3"},
      {"w=400&dpr=2", "w=800"},
      {"w=100&dpr=1.3312500715255737", "w=133"},
      {"w=160&ar=16:9&fit=crop", "w=160&h=90&fit=cover"},
      {"h=90&ar=16:9&fit=crop&dpr=2", "w=320&h=180&fit=cover"},
      {"w=191&ar=1.91%3A1&fit=min", "w=191&h=100&fit=cover"},
      {"w=4&h=3&ar=16:9&fit=crop", "w=4&h=3&fit=cover"},
      {"fm=jpg&q=70", "q=70&fm=jpeg"},
      {"fm=pjpg", "fm=jpeg"},
      {"fm=webp&q=85", "fm=webp"},
      {"auto=format", "", true},
      {"auto=format,compress&w=5", "w=5", true},
      {"auto=compress&fm=avif", "fm=avif"},
      {"auto=compress%2Cformat&fm=jpg", "", true},
      {"bg=80ff0000&w=4&h=3&fit=fill&fm=png", "w=4&h=3&fit=contain&bg=ff000080&fm=png"},
      {"bg=8f00&w=4&h=3&fit=fill&fm=png", "w=4&h=3&fit=contain&bg=ff000088&fm=png"},
      {"bg=%23fff&fm=webp", "bg=ffffff&fm=webp"},
      {"bg=fff&fill-color=ffffff&fm=png", "bg=ffffff&fm=png"},
      {"w=400&s=0123456789abcdef", "w=400"},
      {"ixlib=js-3.8.0&w=400&ixid=x%2Fy", "w=400"},
      {"&w=400&&", "w=400"},
      {"w=400&enlarge=1", "w=400&enlarge=1"},
      {"%77=400", "w=400"},
  });
}

TEST(Imgix, CropsTurnsAndAdjustments) {
  expect_recipes({
      {"w=4&h=3&fit=scale", "w=4&h=3&fit=fill"},
      {"w=4&h=3&fit=crop&crop=edges", "w=4&h=3&fit=cover&g=attention"},
      {"w=4&h=3&fit=crop&crop=entropy", "w=4&h=3&fit=cover&g=entropy"},
      {"w=4&h=3&fit=crop&crop=faces", "w=4&h=3&fit=cover&g=faces:center"},
      {"w=4&h=3&fit=crop&crop=faces,edges", "w=4&h=3&fit=cover&g=faces"},
      {"w=4&h=3&fit=crop&crop=faces%2Centropy", "w=4&h=3&fit=cover&g=faces:entropy"},
      {"w=4&h=3&fit=crop&crop=faces,top,right", "w=4&h=3&fit=cover&g=faces:northeast"},
      {"w=4&fit=crop&crop=faces", "w=4"},
      {"w=4&h=3&fit=crop&crop=focalpoint&fp-x=0.3&fp-y=0.75", "w=4&h=3&fit=cover&g=0.3:0.75"},
      {"w=4&h=3&fit=crop&crop=focalpoint", "w=4&h=3&fit=cover&g=0.5:0.5"},
      {"rect=10,20,300,200&w=30", "w=30&crop=10:20:300:200"},
      {"bri=10&con=-20&sat=30", "bri=10&con=-20&sat=30"},
      {"sat=-100", "tone=gray"},
      {"blur=20", "blur=2"},
      {"usm=100&usmrad=1.5", "sharp=1.5"},
      {"usm=100", "sharp=2.5"},
      {"usm=0&usmrad=9", ""},
      {"px=8", "pix=8"},
      {"flip=h", "flip=h"},
      {"flip=v", "rot=180&flip=h"},
      {"flip=hv", "rot=180"},
      {"rot=180", "rot=180"},
      {"rot=90&rot-type=pivot", "rot=270"},
      {"rot=12.5&rot-type=pivot", "rot=347.5"},
      {"orient=0", ""},
      {"trim=auto", "trim=11"},
      {"trim=color&trim-color=f00&trim-tol=5", "trim=5:ff0000"},
      {"page=3", "page=3"},
      {"frame=2&page=2", "page=2"},
      {"cs=origin", "icc=keep"},
      {"cs=tinysrgb&iptc=block&jpg-progressive=true&chromasub=420&nr=0&fp-z=1", ""},
      {"lossless=true&fm=webp", "lossless=1&fm=webp"},
      {"fm=png32", "fm=png"},
      {"width=40&height=30&f=crop", "w=40&h=30&fit=cover"},
      {"w64=NDA&fm64=cG5n", "w=40&fm=png"},
      {"bg=tomato&fm=png", "bg=ff6347&fm=png"},
      {"expires=1&dl=a.jpg&w=5", "w=5"},
  });
}

TEST(Imgix, WhatStandsAroundAndUponThePicture) {
  expect_recipes({
      {"pad=10", "pad=10"},
      {"pad=10&w=100", "w=80&pad=10"},
      {"pad=10&pad-left=30&w=100&h=100&fit=crop", "w=60&h=80&fit=cover&pad=10:10:10:30"},
      {"pad=10&w=100&dpr=2", "w=160&pad=20"},
      {"border=5,f00&w=100", "w=90&border=5:ff0000"},
      {"border=5,f00&border-radius=25", "radius=20&border=5:ff0000"},
      {"border=5,80ff0000&border-radius=3", "border=5:ff000080"},
      {"mask=corners&corner-radius=20", "radius=20"},
      {"mask=corners&corner-radius=20&mask-bg=0f0&fm=png", "bg=00ff00&radius=20&fm=png"},
      {"mask=ellipse&w=50&h=50&fit=crop", "w=50&h=50&fit=cover&radius=max"},
      {"mark=aaaaaaaaaaaaaaaaaaaaaaaaaa",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-w=0&mark-x=5&mark-y=5"},
      {"mark=/aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-align=top,left&mark-pad=0&mark-scale=25",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-g=northwest"},
      {"m=aaaaaaaaaaaaaaaaaaaaaaaaaa&mw=0.5&malph=40&mx=1&my=2&ma=middle,center",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-g=center&mark-w=50&mark-o=40&mark-x=1&mark-y=2"},
      {"mark64=YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE&mark-tile=grid&mark-pad=7",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-w=0&mark-x=7&mark-y=7&mark-tile=1"},
  });
}

TEST(Imgix, SharesAreOfTheOriginalThatIsAskedFor) {
  for (const Row& row : std::initializer_list<Row>{
           {"w=0.5", "w=500"},
           {"w=0.5&h=0.5&fit=crop&pad=10", "w=480&h=230&fit=cover&pad=10"},
           {"h=0.1&ar=2:1&fit=crop&dpr=2", "w=200&h=100&fit=cover"},
           {"rect=0.25,0.5,0.5,0.5", "crop=250:250:500:250"},
           {"rect=center,bottom,200,100", "crop=400:400:200:100"},
           {"rect=right,middle,0.5,full", "crop=500:0:500:500"},
           {"rect=0,0,full,full", ""},
       }) {
    const auto blind = parse_imgix(row.query);
    ASSERT_TRUE(blind) << row.query << ": " << blind.error().message;
    EXPECT_TRUE(blind->needs_original) << row.query;
    const auto request = parse_imgix(row.query, PictureSize{1'000, 500});
    ASSERT_TRUE(request) << row.query << ": " << request.error().message;
    EXPECT_FALSE(request->needs_original);
    EXPECT_EQ(to_string(request->recipe), row.recipe) << row.query;
  }
  EXPECT_FALSE(parse_imgix("rect=1000,0,10,10", PictureSize{1'000, 500}));
}

struct RefusedRow {
  std::string_view query, message;
};

void expect_refused(std::initializer_list<RefusedRow> rows) {
  for (const RefusedRow& row : rows) {
    const auto request = parse_imgix(row.query);
    ASSERT_FALSE(request) << row.query;
    EXPECT_EQ(request.error().code, ErrorCode::bad_recipe) << row.query;
    EXPECT_TRUE(request.error().message.starts_with(row.message))
        << row.query << ": " << request.error().message;
  }
}

TEST(Imgix, RefusesByNameWhatARecipeCannotSay) {
  expect_refused(
      {{"txt=hello", "“txt” is no parameter here; allowed are w, h, fit, crop, ar, rect"},
       {"txt64=aGVsbG8", "“txt64” is no parameter here"},
       {"fit=facearea",
        "fit must be clip, max, crop, min, fill, fillmax or scale, not “facearea”."},
       {"sharp=10", "“sharp” is no parameter here"},
       {"monochrome=f00", "“monochrome” is no parameter here"},
       {"max-w=10", "“max-w” is no parameter here"},
       {"w64=%25", "w64 must be base64 of the URL alphabet, not “%”."},
       {"w=1&width=1", "width is given twice."},
       {"rect=1,2,3", "rect must be x,y,w,h in pixels or shares"},
       {"rect=1,2,0,3", "rect must be x,y,w,h"},
       {"rect=middle,0,5,5", "rect must be x,y,w,h"},
       {"fp-x=0.5", "fp-x and fp-y need crop=focalpoint."},
       {"fp-z=2", "fp-z must be 1, not “2”."},
       {"rot=90", "rot needs rot-type=pivot here: straighten, which zooms and cuts, cannot"},
       {"orient=6", "orient must be 0: pictures are upright as they say themselves, not “6”."},
       {"usm=50", "usm must be 0 or 100, not “50”."},
       {"trim=alpha", "trim must be auto or color, not “alpha”."},
       {"trim-tol=5", "trim-color and trim-tol need trim=color."},
       {"chromasub=444", "chromasub must be 420, not “444”."},
       {"cs=adobergb1998", "cs must be srgb, tinysrgb, strip or origin, not"},
       {"pad=60&w=100", "pad and border leave nothing of w and h for the picture."},
       {"border=5", "border must be pixels and a colour, such as 5,ff0000, not “5”."},
       {"border-radius=5", "border-radius needs border."},
       {"corner-radius=5", "corner-radius needs mask=corners."},
       {"mask=corners&corner-radius=5,6", "corner-radius must be one number of pixels"},
       {"mask=ellipse&w=5", "mask=ellipse needs fit=crop and w and h alike"},
       {"mark=http://example.com/a.png", "mark must be an asset's id, not"},
       {"mark-x=5", "mark-x needs mark."},
       {"mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-w=200", "mark-w must be a share of the picture"},
       {"expires=soon", "expires must be seconds since 1970, not “soon”."},
       {"lossless=1&fm=jpg", "lossless needs webp, avif, jxl or png; JPEG cannot be."}});
}

TEST(Imgix, RefusesByNameWhatItCannotRead) {
  constexpr std::string_view crop =
      "crop must be top, bottom, left, right, a pair such as top,left, center, edges, entropy, "
      "focalpoint, faces, or faces with one of the others but focalpoint after a comma, not ";
  for (const auto* value :
       {"top,bottom", "left,left", "top,", ",top", "top,center", "edges,faces", "faces,",
        "faces,faces", "faces,focalpoint", "facesedges", "", "top,left,right"}) {
    const auto request = parse_imgix("fit=crop&w=1&h=1&crop=" + std::string(value));
    ASSERT_FALSE(request) << value;
    EXPECT_EQ(request.error().message, std::string(crop) + "“" + value + "”.");
  }
  expect_refused(
      {{"w=%20400",
        "w must be a whole number from 1 to 65535, or a share from 0.0 to 1.0, not “ 400”."},
       {"w", "w must be a whole number from 1 to 65535, or a share from 0.0 to 1.0, not “”."},
       {"w=1&w=2", "w is given twice."},
       {"w=%zz", "“w=%zz” is not percent-encoded properly; % needs two hexadecimal digits."},
       {"auto=enhance", "auto must be format, compress or both, not “enhance”."},
       {"auto=format,redeye", "auto must be format, compress or both, not “format,redeye”."},
       {"fm=mp4", "fm must be jpg, pjpg, png, png32, webp, avif, gif or jxl, not “mp4”."},
       {"fill=blur", "fill must be solid, not “blur”."},
       {"bg=reddish",
        "bg must be a colour as rgb, argb, rrggbb or aarrggbb in hexadecimal, a name of "
        "CSS, or transparent, not “reddish”."},
       {"bg=fff&fill-color=000", "bg and fill-color must be the same where both are given."},
       {"ar=16:9", "ar needs fit=crop."},
       {"ar=16:9&fit=crop", "ar needs w or h."},
       {"ar=16&fit=crop&w=1", "ar must be two numbers such as 16:9, not “16”."},
       {"ar=0:0&fit=crop&w=1", "ar must be two numbers such as 16:9, not “0:0”."},
       {"ar=1:10000&fit=crop&w=10", "ar makes a side of more than 65535 pixels."},
       {"q=0", "q must be a whole number from 1 to 100, not “0”."},
       {"dpr=11", "dpr must be a number from 0.1 to 10, not “11”."}});
}

}  // namespace
}  // namespace calotype
