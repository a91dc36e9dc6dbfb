// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_xml.hpp"

#include <gtest/gtest.h>

#include "blobs/s3_lifecycle.hpp"

namespace calotype {
namespace {

TEST(S3Xml, ReadsAPageOfAList) {
  const auto page = parse_list_page(
      R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated><Contents><Key>a%2Fb+c%26</Key>
<LastModified>2026-11-25T00:54:45.872Z</LastModified><Size>12</Size></Contents>
<NextContinuationToken>x&amp;y</NextContinuationToken></ListBucketResult>)");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, "a/b c&");
  EXPECT_EQ(page->objects[0].bytes, 12U);
  EXPECT_EQ(to_rfc3339(page->objects[0].modified), "2026-11-25T00:54:45.872Z");
  EXPECT_EQ(page->continuation, "x&y");
}

TEST(S3Xml, RefusesWhatIsNoPage) {
  for (const std::string_view document :
       {"", "<html></html>", "<ListBucketResult>", "not xml at all",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>"})
    EXPECT_FALSE(parse_list_page(document)) << document;
}

TEST(S3Xml, TakesNoEntitiesAndNoDepth) {
  EXPECT_FALSE(parse_xml(R"(<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>)"));
  EXPECT_FALSE(parse_xml(R"(<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>)"));
  std::string deep;
  for (int i = 0; i < 17; ++i) deep += "<a>";
  for (int i = 0; i < 17; ++i) deep += "</a>";
  EXPECT_FALSE(parse_xml(deep));
  std::string wide = "<a>";
  for (int i = 0; i < 20'000; ++i) wide += "<b/>";
  EXPECT_FALSE(parse_xml(wide + "</a>"));
}

TEST(S3Xml, ReadsTimesAndRefusesOthers) {
  EXPECT_EQ(to_rfc3339(parse_s3_time("2026-11-25T00:54:45Z").value()), "2026-11-25T00:54:45.000Z");
  for (const std::string_view text :
       {"", "2026-11-25", "2026-13-25T00:54:45Z", "2026-02-30T00:54:45Z", "2026-11-25T24:54:45Z",
        "2026-11-25T00:54:45.8Z", "2026-11-25 00:54:45Z", "2026-11-25T00:54:45"})
    EXPECT_FALSE(parse_s3_time(text)) << text;
}

TEST(S3Lifecycle, LeavesTheRulesOfOthers) {
  const auto there = parse_xml(
      "<LifecycleConfiguration><Rule><ID>others</ID><Filter><And><Prefix>logs/</Prefix><Tag>"
      "<Key>k</Key><Value>a&amp;b</Value></Tag></And></Filter><Status>Enabled</Status>"
      "<Expiration><Days>7</Days></Expiration></Rule>"
      "<Rule><ID>calotype:b/:variants-infrequent</ID></Rule>"
      "<Rule><ID>calotype:a/:variants-infrequent</ID></Rule></LifecycleConfiguration>");
  ASSERT_TRUE(there);
  const std::string merged = to_xml(merge_lifecycle(there, "a/", {}));
  EXPECT_TRUE(merged.contains("<Value>a&amp;b</Value>"));
  EXPECT_TRUE(merged.contains("<ID>calotype:b/:variants-infrequent</ID>"));
  const auto again = to_xml(merge_lifecycle(parse_xml(merged), "a/", {}));
  EXPECT_EQ(again, merged) << "applying twice changes nothing";
  EXPECT_TRUE(merged.contains(
      "<Filter><Prefix>a/variants/</Prefix></Filter><Status>Enabled</Status><Transition><Days>30"
      "</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"));
}

}  // namespace
}  // namespace calotype
