// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_settings.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

TEST(S3Url, SaysWhereTheBucketIs) {
  struct Row {
    std::string url;
    std::string base;
    std::string prefix;
    std::string region;
  };
  const Row rows[] = {
      {"s3://pictures", "https://pictures.s3.us-east-1.amazonaws.com", "", "us-east-1"},
      {"s3://pictures/a/b?region=eu-central-1", "https://pictures.s3.eu-central-1.amazonaws.com",
       "a/b/", "eu-central-1"},
      {"s3://my.pictures", "https://s3.us-east-1.amazonaws.com/my.pictures", "", "us-east-1"},
      {"s3://pictures?style=path", "https://s3.us-east-1.amazonaws.com/pictures", "", "us-east-1"},
      {"s3://pictures/a/?endpoint=http://127.0.0.1:9000/&region=x",
       "http://127.0.0.1:9000/pictures", "a/", "x"},
      {"s3://pictures?endpoint=https://s3.example.org&style=virtual",
       "https://pictures.s3.example.org", "", "us-east-1"},
  };
  for (const Row& row : rows) {
    const auto place = parse_s3_url(row.url);
    ASSERT_TRUE(place) << row.url << ": " << describe(place.error());
    EXPECT_EQ(place->base_url(), row.base) << row.url;
    EXPECT_EQ(place->prefix, row.prefix) << row.url;
    EXPECT_EQ(place->region, row.region) << row.url;
  }
}

TEST(S3Url, RefusesWhatCannotBeOne) {
  const std::pair<std::string, std::string> rows[] = {
      {"http://pictures", "s3://BUCKET"},
      {"s3://", "no name of a bucket"},
      {"s3://ab", "no name of a bucket"},
      {"s3://Pictures", "no name of a bucket"},
      {"s3://-pictures", "no name of a bucket"},
      {"s3://pictures/a//b", "prefix"},
      {"s3://pictures/../b", "prefix"},
      {"s3://pictures/a b", "prefix"},
      {"s3://pictures/a%2fb", "prefix"},
      {"s3://pictures?endpoint=127.0.0.1:9000", "endpoint"},
      {"s3://pictures?endpoint=http://host/path", "endpoint"},
      {"s3://pictures?endpoint=http://user:pass@host", "endpoint"},
      {"s3://pictures?region=", "region"},
      {"s3://pictures?style=other", "style"},
      {"s3://pictures?key=x", "there is no parameter"},
  };
  for (const auto& [url, wanted] : rows) {
    const auto place = parse_s3_url(url);
    ASSERT_FALSE(place) << url;
    EXPECT_EQ(place.error().code, ErrorCode::bad_config) << url;
    EXPECT_TRUE(place.error().message.contains(wanted)) << place.error().message;
  }
}

TEST(S3Url, DoesNotRepeatKeysThatStandInIt) {
  const auto place = parse_s3_url("s3://mykey:mysecret@pictures");
  ASSERT_FALSE(place);
  EXPECT_FALSE(describe(place.error()).contains("mysecret"));
  EXPECT_TRUE(place.error().message.contains("blobs.access_key"));
}

TEST(S3Settings, NeedKeysAndPartsThatS3Takes) {
  S3Settings settings;
  EXPECT_TRUE(settings.validate().error().message.contains("AWS_ACCESS_KEY_ID"));
  settings.access_key = "key";
  settings.secret_key = "secret";
  EXPECT_TRUE(settings.validate());
  settings.part_bytes = 1 << 20;
  EXPECT_TRUE(settings.validate().error().message.contains("blobs.part_bytes"));
  settings.part_bytes = 5 << 20;
  settings.originals_class = "standard ia";
  EXPECT_FALSE(settings.validate());
  settings.originals_class = "STANDARD_IA";
  settings.secret_key = "sec\nret";
  EXPECT_FALSE(describe(settings.validate().error()).contains("sec\nret"));
}

}  // namespace
}  // namespace calotype
