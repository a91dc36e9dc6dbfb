// SPDX-License-Identifier: Apache-2.0
#include "http/tus_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/tus_routes.hpp"

namespace calotype {
namespace {

using testing::ElementsAre;

RequestHead head_of(const std::string& text) {
  RequestHead head;
  HeadRefusal refusal;
  EXPECT_EQ(read_head(text, head, refusal), HeadStatus::complete) << refusal.reason;
  return head;
}

TEST(TusFields, MetadataBecomesWhatTheUploadSays) {
  UploadFacts facts;
  ASSERT_TRUE(read_upload_metadata(
      "filename aG9saWRheS5qcGc=,filetype aW1hZ2UvanBlZw==, tags c2VhLCBzdW4= ,"
      "collection c3VtbWVy,fields eyJhIjogMX0=,is_private,name aWdub3JlZA==",
      facts));
  EXPECT_EQ(facts.file_name, "holiday.jpg");
  EXPECT_THAT(facts.tags, ElementsAre("sea", "sun"));
  EXPECT_EQ(facts.collection, "summer");
  EXPECT_EQ(facts.fields_json, R"({"a":1})");
}

TEST(TusFields, NameStandsInForFilename) {
  UploadFacts facts;
  ASSERT_TRUE(read_upload_metadata("name YS5qcGc=", facts));
  EXPECT_EQ(facts.file_name, "a.jpg");
  EXPECT_TRUE(read_upload_metadata("", facts));
}

TEST(TusFields, MalformedMetadataIsRefused) {
  for (const std::string_view field : {"filename !!!!", "a YQ==,a YQ==", " ,a YQ==", "fields W10=",
                                       "fields e30", "filename YQ== YQ==", "k\xe9 YQ=="}) {
    UploadFacts facts;
    const auto read = read_upload_metadata(field, facts);
    ASSERT_FALSE(read) << field;
    EXPECT_EQ(read.error().code, ErrorCode::bad_request) << field;
  }
}

TEST(TusFields, ChecksumNamesItsAlgorithm) {
  auto checksum = parse_upload_checksum("sha1 98O8HYCOBHMq32eZZczDTKeuNEE=");
  ASSERT_TRUE(checksum);
  checksum->algorithm.update(as_bytes("123456789"));
  EXPECT_EQ(checksum->algorithm.finish(), checksum->sum);
  for (const std::string_view field : {"sha512 AAAA", "sha1", "sha1 ", "sha1 !", "", "SHA1 AAAA"})
    EXPECT_FALSE(parse_upload_checksum(field)) << field;
}

TEST(TusFields, ConcatIsPartialOrNamesItsParts) {
  EXPECT_TRUE(parse_upload_concat("partial")->is_partial);
  const std::string a(26, 'a');
  const std::string b(26, 'b');
  const auto final = parse_upload_concat("final;/v1/tus/" + a + " https://h/v1/tus/" + b);
  ASSERT_TRUE(final);
  EXPECT_FALSE(final->is_partial);
  EXPECT_THAT(final->partials, ElementsAre(a, b));
  const std::vector<std::string> malformed = {"final;",
                                              "final",
                                              "final;/v1/assets/" + a,
                                              "other",
                                              "final;" + a,
                                              "final;/v1/tus/x",
                                              "",
                                              "partial;",
                                              "final;/v1/tus/" + a + "/..",
                                              "final;\xff/v1/tus/" + a};
  for (const std::string& field : malformed) EXPECT_FALSE(parse_upload_concat(field)) << field;
}

TEST(TusFields, NumbersAreWholeAndComeOnce) {
  const auto head = [](std::string_view value) {
    return "PATCH /v1/tus/x HTTP/1.1\r\nHost: a\r\nupload-offset: " + std::string(value) +
           "\r\n\r\n";
  };
  const std::string good = head("70");
  EXPECT_EQ(whole_field(head_of(good), "Upload-Offset").value(), 70U);
  EXPECT_FALSE(whole_field(head_of(good), "Upload-Length").value());
  for (const std::string_view value :
       {"-1", "", "1.5", "0x10", "9223372036854775808", "1 2", "1\r\nUpload-Offset: 1"}) {
    const std::string text = head(value);
    EXPECT_FALSE(whole_field(head_of(text), "Upload-Offset")) << value;
  }
}

TEST(TusFields, AMethodIsOverriddenByPostBelowTheBaseOnly) {
  struct Row {
    std::string_view line;
    std::string_view override_by;
    Method meant;
  };
  for (const Row& row : {
           Row{"POST /v1/tus/x", "PATCH", Method::patch},
           Row{"POST /v1/tus/x", "delete", Method::remove},
           Row{"POST /v1/tus/x", "GET", Method::post},
           Row{"POST /v1/assets", "DELETE", Method::post},
           Row{"POST /v1/tusk", "DELETE", Method::post},
           Row{"HEAD /v1/tus/x", "DELETE", Method::head},
       }) {
    const std::string text = std::string(row.line) + " HTTP/1.1\r\nHost: a\r\n" +
                             "X-HTTP-Method-Override: " + std::string(row.override_by) + "\r\n\r\n";
    EXPECT_EQ(tus_method(head_of(text)), row.meant) << row.line << " " << row.override_by;
  }
}

}  // namespace
}  // namespace calotype
