// SPDX-License-Identifier: Apache-2.0
// What comes with an upload: forms, file names, digests.
#include <gtest/gtest.h>

#include "http/content_disposition.hpp"
#include "http/digest_fields.hpp"
#include "http/multipart.hpp"

namespace calotype {
namespace {

/// Writes down what the parser says.
class Notes final : public MultipartParser::Receiver {
 public:
  Result<void> part_begins(PartHead head) override {
    text += "[" + head.name + (head.file_name ? "|" + *head.file_name : "") + ":";
    return {};
  }
  Result<void> part_content(std::string_view bytes) override {
    text += bytes;
    return {};
  }
  Result<void> part_ends() override {
    text += "]";
    return {};
  }
  std::string text;
};

std::string parse(std::string_view body, std::size_t piece, std::string_view boundary = "b") {
  MultipartParser parser(boundary);
  Notes notes;
  for (std::size_t at = 0; at < body.size(); at += piece)
    if (auto fed = parser.feed(body.substr(at, piece), notes); !fed) return "refused";
  return notes.text + (parser.complete() ? "" : " incomplete");
}

struct FormRow {
  std::string_view name;
  std::string_view body;
  std::string_view expected;
};

TEST(Multipart, IsTheSameHoweverItIsCut) {
  const FormRow rows[] = {
      {"one file",
       "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.jpg\"\r\n"
       "Content-Type: image/jpeg\r\n\r\nbytes\r\n--b--\r\n",
       "[f|a.jpg:bytes]"},
      {"two parts",
       "--b\r\nContent-Disposition: form-data; name=tags\r\n\r\nx,y\r\n--b\r\n"
       "content-disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--b--",
       "[tags:x,y][f|:]"},
      {"content that looks like a delimiter",
       "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n-\r\n--\r\n--c\r\r\n--b--",
       "[f:\r\n-\r\n--\r\n--c\r]"},
      {"preamble, padding and epilogue",
       "hello\r\n--b \t\r\nContent-Disposition: form-data; name=f\r\n\r\n1\r\n--b--bye", "[f:1]"},
      {"cut off", "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n12", "[f:12 incomplete"},
      {"no disposition", "--b\r\nContent-Type: a/b\r\n\r\n1\r\n--b--", "refused"},
      {"line goes on", "--bc\r\n\r\n1\r\n--b--", "refused"},
      {"not form-data", "--b\r\nContent-Disposition: attachment\r\n\r\n1\r\n--b--", "refused"},
  };
  for (const FormRow& row : rows)
    for (std::size_t piece = 1; piece <= row.body.size(); ++piece) {
      std::string result = parse(row.body, piece);
      // What may be the start of a delimiter is held back; the rest has come.
      EXPECT_EQ(result, row.expected) << row.name << ", " << piece << " bytes at a time";
    }
}

TEST(Multipart, SelfOverlappingBoundaryIsFound) {
  const std::string_view body =
      "--aab\r\nContent-Disposition: form-data; name=f\r\n\r\nx\r\n--a\r\n--aa\r\n--aab--";
  for (std::size_t piece = 1; piece <= body.size(); ++piece)
    EXPECT_EQ(parse(body, piece, "aab"), "[f:x\r\n--a\r\n--aa]") << piece;
}

TEST(Multipart, HasLimits) {
  EXPECT_EQ(parse(std::string(MultipartParser::preamble_bytes_max + 100, 'x'), 1'000), "refused");
  EXPECT_EQ(parse("--b\r\nX: " + std::string(MultipartParser::head_bytes_max, 'x'), 1'000),
            "refused");
  std::string many;
  for (std::size_t i = 0; i <= MultipartParser::parts_max; ++i)
    many += "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n1\r\n";
  EXPECT_EQ(parse(many, 1'000), "refused");
}

TEST(Multipart, BoundaryIsReadFromTheContentType) {
  EXPECT_EQ(*multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*multipart_boundary("Multipart/Form-Data; charset=x; boundary=\"a b\""), "a b");
  EXPECT_EQ(*multipart_boundary("image/jpeg"), std::nullopt);
  EXPECT_EQ(*multipart_boundary(""), std::nullopt);
  EXPECT_FALSE(multipart_boundary("multipart/form-data"));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary="));
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')));
}

TEST(ContentDisposition, GivesACleanFileName) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"attachment; filename=\"a b.jpg\"", "a b.jpg"},
      {"attachment; filename=a.jpg", "a.jpg"},
      {"form-data; name=f; filename=\"../../etc/passwd\"", "passwd"},
      {"attachment; filename=\"C:\\\\dir\\\\a.jpg\"", "a.jpg"},
      {"attachment; filename=\"a\\\"b.jpg\"", "a\"b.jpg"},
      {"attachment; filename=x; filename*=UTF-8''%e2%82%ac.jpg", "€.jpg"},
      {"attachment; filename=x; filename*=broken", "x"},
      {"form-data; name=f; filename=\"a%22b%0D%0Ac%20d%2.jpg\"", "a\"bc%20d%2.jpg"},
      {"attachment; filename=\"\xff.jpg\"", "�.jpg"},
      {"inline", ""},
  };
  for (const auto& [field, name] : rows) {
    const auto parsed = parse_field_parameters(field);
    ASSERT_TRUE(parsed) << field;
    EXPECT_EQ(file_name_in(*parsed), name) << field;
  }
  EXPECT_FALSE(parse_field_parameters("inline; filename=\"open"));
  EXPECT_FALSE(parse_field_parameters("inline; a=1; a=2"));
  EXPECT_FALSE(parse_field_parameters("inline; a"));
  EXPECT_EQ(clean_file_name(std::string(300, 'x')).size(), 255);
  EXPECT_EQ(clean_relative_name("2026/summer/a b.jpg"), "2026/summer/a b.jpg");
  EXPECT_EQ(clean_relative_name("a.jpg"), "a.jpg");
  for (const char* other : {"/etc/a.jpg", "../a.jpg", "x/../a.jpg", "x//a.jpg", "x\\y/a.jpg"})
    EXPECT_EQ(clean_relative_name(other), "a.jpg") << other;
  EXPECT_EQ(clean_relative_name(std::string(600, 'd') + "/" + std::string(200, 'e') + "/" +
                                std::string(250, 'f') + "/" + std::string(250, 'g') + "/" +
                                std::string(250, 'h') + "/a.jpg"),
            "a.jpg");
  EXPECT_EQ(content_disposition("inline", "x/y.jpg"),
            "inline; filename=\"y.jpg\"; filename*=UTF-8''y.jpg");
}

TEST(ContentDisposition, IsWrittenSoThatNoNameBreaksOut) {
  EXPECT_EQ(content_disposition("inline", ""), "inline");
  EXPECT_EQ(content_disposition("inline", "a\"\r\nb.jpg"),
            "inline; filename=\"a___b.jpg\"; filename*=UTF-8''a%22%0D%0Ab.jpg");
}

TEST(DigestFields, AreReadStrictly) {
  const std::string sha256 = to_base64(Sha256::of(as_bytes("x")).bytes);
  const auto claimed = parse_digest_field("md5=:AAAA:, sha-256=:" + sha256 + ":;p=1");
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->sha256, Sha256::of(as_bytes("x")));
  EXPECT_FALSE(claimed->sha512);
  EXPECT_TRUE(parse_digest_field(""));
  for (const std::string& row :
       {std::string("sha-256"), std::string("sha-256=abc"), std::string("sha-256=:abc"),
        std::string("sha-256=:AAAA:"), std::string("sha-512=:") + sha256 + ":",
        std::string("SHA-256=:") + sha256 + ":", "sha-256=:" + sha256 + ": sha-512=::"})
    if (row.find(": sha") == std::string::npos) {
      const auto parsed = parse_digest_field(row);
      ASSERT_FALSE(parsed) << row;
      EXPECT_EQ(parsed.error().code, ErrorCode::bad_digest_header);
    }
  EXPECT_FALSE(parse_digest_fields("sha-256=:" + sha256 + ":",
                                   "sha-256=:" + to_base64(Sha256::of(as_bytes("y")).bytes) + ":"));
  EXPECT_TRUE(parse_digest_fields("sha-256=:" + sha256 + ":", "sha-256=:" + sha256 + ":"));
}

}  // namespace
}  // namespace calotype
