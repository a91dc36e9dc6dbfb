// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgix.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

TEST(Imgix, MeansTheSameRecipeAsTheNativeDialect) {
  struct Row {
    std::string_view query, recipe;
    bool negotiate = false;
  };
  for (const Row& row : {
           Row{"", ""},
           Row{"w=400", "w=400"},
           Row{"w=400&h=300", "w=400&h=300"},
           Row{"w=400&h=300&fit=clip", "w=400&h=300"},
           Row{"w=400&h=300&fit=max", "w=400&h=300"},
           Row{"w=400&h=300&fit=crop", "w=400&h=300&fit=cover"},
           Row{"w=400&h=300&fit=min", "w=400&h=300&fit=cover"},
           Row{"w=400&h=300&fit=fill&bg=0f0&fm=png", "w=400&h=300&fit=contain&bg=00ff00&fm=png"},
           Row{"w=400&h=300&fit=fillmax", "w=400&h=300&fit=contain"},
           Row{"w=400&h=300&fit=fill&fill=solid&fill-color=ff8800&fm=png",
               "w=400&h=300&fit=contain&bg=ff8800&fm=png"},
           Row{"w=4&h=3&fit=crop&crop=top", "w=4&h=3&fit=cover&g=north"},
           Row{"w=4&h=3&fit=crop&crop=bottom", "w=4&h=3&fit=cover&g=south"},
           Row{"w=4&h=3&fit=crop&crop=left", "w=4&h=3&fit=cover&g=west"},
           Row{"w=4&h=3&fit=crop&crop=right", "w=4&h=3&fit=cover&g=east"},
           Row{"w=4&h=3&fit=crop&crop=top,left", "w=4&h=3&fit=cover&g=northwest"},
           Row{"w=4&h=3&fit=crop&crop=right%2Cbottom", "w=4&h=3&fit=cover&g=southeast"},
           Row{"w=4&h=3&fit=crop&crop=center", "w=4&h=3&fit=cover"},
           Row{"w=4&h=3&crop=top", "w=4&h=3"},
           Row{"w=400&dpr=2", "w=800"},
           Row{"w=100&dpr=1.3312500715255737", "w=133"},
           Row{"w=160&ar=16:9&fit=crop", "w=160&h=90&fit=cover"},
           Row{"h=90&ar=16:9&fit=crop&dpr=2", "w=320&h=180&fit=cover"},
           Row{"w=191&ar=1.91%3A1&fit=min", "w=191&h=100&fit=cover"},
           Row{"w=4&h=3&ar=16:9&fit=crop", "w=4&h=3&fit=cover"},
           Row{"fm=jpg&q=70", "q=70&fm=jpeg"},
           Row{"fm=pjpg", "fm=jpeg"},
           Row{"fm=webp&q=85", "fm=webp"},
           Row{"auto=format", "", true},
           Row{"auto=format,compress&w=5", "w=5", true},
           Row{"auto=compress&fm=avif", "fm=avif"},
           Row{"auto=compress%2Cformat&fm=jpg", "", true},
           Row{"bg=80ff0000&w=4&h=3&fit=fill&fm=png", "w=4&h=3&fit=contain&bg=ff000080&fm=png"},
           Row{"bg=8f00&w=4&h=3&fit=fill&fm=png", "w=4&h=3&fit=contain&bg=ff000088&fm=png"},
           Row{"bg=%23fff&fm=webp", "bg=ffffff&fm=webp"},
           Row{"bg=fff&fill-color=ffffff&fm=png", "bg=ffffff&fm=png"},
           Row{"w=400&s=0123456789abcdef", "w=400"},
           Row{"ixlib=js-3.8.0&w=400&ixid=x%2Fy", "w=400"},
           Row{"&w=400&&", "w=400"},
           Row{"w=400&enlarge=1", "w=400&enlarge=1"},
           Row{"%77=400", "w=400"},
       }) {
    const auto request = parse_imgix(row.query);
    ASSERT_TRUE(request) << row.query << ": " << request.error().message;
    EXPECT_EQ(to_string(request->recipe), row.recipe) << row.query;
    EXPECT_EQ(request->negotiate, row.negotiate) << row.query;
    EXPECT_EQ(canonical(request->recipe), request->recipe) << row.query;
  }
}

TEST(Imgix, RefusesByNameWhatARecipeCannotSay) {
  struct Row {
    std::string_view query, message;
  };
  constexpr std::string_view crop =
      "crop must be top, bottom, left, right, a pair such as top,left, or center, not ";
  for (const auto* value : {"faces", "top,bottom", "left,left", "top,", ",top", "top,center",
                            "entropy", "", "top,left,right"}) {
    const auto request = parse_imgix("fit=crop&w=1&h=1&crop=" + std::string(value));
    ASSERT_FALSE(request) << value;
    EXPECT_EQ(request.error().message, std::string(crop) + "“" + value + "”.");
  }
  for (const Row& row : {
           Row{"blur=20",
               "“blur” is no parameter here; allowed are w, h, fit, crop, ar, dpr, q, fm, auto, "
               "bg, "
               "fill, fill-color and enlarge."},
           Row{"fit=scale", "fit must be clip, max, crop, min, fill or fillmax, not “scale”."},
           Row{"w=0.5", "w must be a whole number from 1 to 65535, not “0.5”."},
           Row{"w=%20400", "w must be a whole number from 1 to 65535, not “ 400”."},
           Row{"w", "w must be a whole number from 1 to 65535, not “”."},
           Row{"w=1&w=2", "w is given twice."},
           Row{"w=%zz", "“w=%zz” is not percent-encoded properly; % needs two hexadecimal digits."},
           Row{"auto=enhance", "auto must be format, compress or both, not “enhance”."},
           Row{"auto=format,redeye", "auto must be format, compress or both, not “format,redeye”."},
           Row{"fm=mp4", "fm must be jpg, pjpg, png, webp, avif, gif or jxl, not “mp4”."},
           Row{"fill=blur", "fill must be solid, not “blur”."},
           Row{"bg=red",
               "bg must be a colour as rgb, argb, rrggbb or aarrggbb in hexadecimal, or "
               "transparent, not “red”."},
           Row{"bg=fff&fill-color=000", "bg and fill-color must be the same where both are given."},
           Row{"ar=16:9", "ar needs fit=crop."},
           Row{"ar=16:9&fit=crop", "ar needs w or h."},
           Row{"ar=16&fit=crop&w=1", "ar must be two numbers such as 16:9, not “16”."},
           Row{"ar=0:0&fit=crop&w=1", "ar must be two numbers such as 16:9, not “0:0”."},
           Row{"ar=1:10000&fit=crop&w=10", "ar makes a side of more than 65535 pixels."},
           Row{"q=0", "q must be a whole number from 1 to 100, not “0”."},
           Row{"dpr=11", "dpr must be a number from 0.1 to 10, not “11”."},
       }) {
    const auto request = parse_imgix(row.query);
    ASSERT_FALSE(request) << row.query;
    EXPECT_EQ(request.error().code, ErrorCode::bad_recipe) << row.query;
    EXPECT_EQ(request.error().message, row.message);
  }
}

}  // namespace
}  // namespace calotype
