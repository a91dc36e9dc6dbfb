// SPDX-License-Identifier: Apache-2.0
// imgproxy's own example (docs, “Signing a URL”), and what is made of other keys.
#include "http/dialects/imgproxy_signature.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

constexpr std::string_view path =
    "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png";
constexpr std::string_view signature = "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8";

TEST(ImgproxySignature, IsThatOfImgproxysOwnExample) {
  const auto keys = parse_imgproxy_keys("736563726574", "68656C6C6F", 32);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(check_imgproxy_signature(*keys, signature, path));
  EXPECT_TRUE(check_imgproxy_signature(*keys, std::string(signature) + "=", path));
  for (const std::string_view wrong :
       {std::string_view{}, signature.substr(0, 42), std::string_view("unsafe"),
        std::string_view("oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH9")}) {
    const auto checked = check_imgproxy_signature(*keys, wrong, path);
    ASSERT_FALSE(checked) << wrong;
    EXPECT_EQ(checked.error().code, ErrorCode::bad_signature);
  }
  EXPECT_FALSE(check_imgproxy_signature(*keys, signature, path.substr(0, path.size() - 1)));
}

TEST(ImgproxySignature, MayBeShortAndOfAnyOfSeveralPairs) {
  const auto keys = parse_imgproxy_keys("aa,736563726574", "bb,68656c6c6f", 8);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(check_imgproxy_signature(*keys, "oKfUtW34Dvo", path));
  EXPECT_TRUE(check_imgproxy_signature(*keys, imgproxy_signature(keys->pairs[0], 8, path), path));
  EXPECT_FALSE(check_imgproxy_signature(*keys, signature, path));
}

TEST(ImgproxySignature, IsNotLookedAtWithoutKeys) {
  EXPECT_TRUE(check_imgproxy_signature({}, "unsafe", path));
  EXPECT_TRUE(check_imgproxy_signature(parse_imgproxy_keys("", "", 32).value(), "_", path));
}

TEST(ImgproxySignature, KeysAreHexadecimalAndComeInPairs) {
  for (const auto& [key, salt] : {std::pair{"secret", "68656C6C6F"},
                                  {"7365", ""},
                                  {"", "7365"},
                                  {"73,65", "73"},
                                  {"7", "73"},
                                  {"73,,65", "73,65,73"}}) {
    const auto keys = parse_imgproxy_keys(key, salt, 32);
    ASSERT_FALSE(keys) << key << " " << salt;
    EXPECT_EQ(keys.error().code, ErrorCode::bad_config);
  }
}

}  // namespace
}  // namespace calotype
