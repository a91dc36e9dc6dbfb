// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "blobs/blob_store.hpp"

namespace calotype {
namespace {

const std::string hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST(BlobKey, SpellsTheThreeForms) {
  const Digest digest = Sha256::of(as_bytes("test"));
  EXPECT_EQ(BlobKey::original(digest).text(), "raw/9f/86/" + hex);
  EXPECT_EQ(BlobKey::proof(digest, "k7d2").text(), "proofs/9f/86/" + hex + "-k7d2");
  EXPECT_EQ(BlobKey::variant(digest, "m3xq").text(), "variants/9f/86/" + hex + "-m3xq");
  EXPECT_TRUE(BlobKey::original(digest).is_original());
  EXPECT_FALSE(BlobKey::proof(digest, "a").is_original());
}

TEST(BlobKey, ParsesWhatItSpells) {
  const Digest digest = Sha256::of(as_bytes("test"));
  for (const auto& key : {BlobKey::original(digest), BlobKey::proof(digest, "k7d2"),
                          BlobKey::variant(digest, std::string(64, 'z'))}) {
    const auto parsed = BlobKey::parse(key.text());
    ASSERT_TRUE(parsed.has_value()) << key.text();
    EXPECT_EQ(*parsed, key);
    EXPECT_EQ(parsed->digest(), digest);
  }
}

TEST(BlobKey, ParsesNothingElse) {
  struct Row {
    const char* what;
    std::string text;
  };
  const std::vector<Row> rows = {
      {"nothing", ""},
      {"a kind", "raw"},
      {"a kind with a slash", "raw/"},
      {"another kind", "spool/9f/86/" + hex},
      {"a path upwards", "raw/../86/" + hex},
      {"an absolute path", "/raw/9f/86/" + hex},
      {"another first folder", "raw/9e/86/" + hex},
      {"another second folder", "raw/9f/87/" + hex},
      {"one character less", "raw/9f/86/" + hex.substr(1)},
      {"one character more", "raw/9f/86/" + hex + "0"},
      {"capitals", "raw/9F/86/9F" + hex.substr(2)},
      {"no hex", "raw/zz/86/zz" + hex.substr(2)},
      {"an original with a token", "raw/9f/86/" + hex + "-a"},
      {"a proof without a token", "proofs/9f/86/" + hex},
      {"an empty token", "proofs/9f/86/" + hex + "-"},
      {"a token with a slash", "variants/9f/86/" + hex + "-a/b"},
      {"a token with dots", "variants/9f/86/" + hex + "-.."},
      {"a token in capitals", "variants/9f/86/" + hex + "-A"},
      {"a token that is too long", "variants/9f/86/" + hex + "-" + std::string(65, 'a')},
      {"a line's end", "raw/9f/86/" + hex + "\n"},
      {"a zero", "raw/9f/86/" + hex + std::string(1, '\0')},
  };
  for (const auto& row : rows) EXPECT_FALSE(BlobKey::parse(row.text)) << row.what;
}

}  // namespace
}  // namespace calotype
