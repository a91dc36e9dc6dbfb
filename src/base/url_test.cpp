// SPDX-License-Identifier: Apache-2.0
#include "base/url.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

struct Case {
  const char* name;
  const char* url;
  const char* shown;
};

class Urls : public testing::TestWithParam<Case> {};

TEST_P(Urls, AreShownWithoutTheirPasswords) {
  EXPECT_EQ(without_password(GetParam().url), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Urls,
    testing::Values(
        Case{"Plain", "postgresql://u:secret@h:5432/db", "postgresql://u:********@h:5432/db"},
        Case{"NoPassword", "postgresql://u@h/db", "postgresql://u@h/db"},
        Case{"NoUser", "postgresql://h:5432/db", "postgresql://h:5432/db"},
        Case{"NoUserButAPassword", "redis://:secret@h:6379", "redis://:********@h:6379"},
        Case{"UnescapedAt", "postgresql://u:se@cr:et@h/db", "postgresql://u:********@h/db"},
        Case{"UnescapedSlash", "postgresql://u:se/cret@h/db", "postgresql://u:********@h/db"},
        Case{"UnescapedQuestion", "postgresql://u:se?cret@h/db", "postgresql://u:********@h/db"},
        Case{"Parameter", "postgresql://h/db?user=u&password=secret&sslmode=require",
             "postgresql://h/db?user=u&password=********&sslmode=require"},
        Case{"BothKinds", "postgresql://u:a@h/db?sslpassword=b",
             "postgresql://u:********@h/db?sslpassword=********"},
        Case{"Keys", "s3://bucket/prefix?secret_key=x&region=r",
             "s3://bucket/prefix?secret_key=********&region=r"},
        Case{"File", "sqlite:data/catalog.db", "sqlite:data/catalog.db"},
        Case{"SeveralHosts", "postgresql://u:s@a:1,b:2/db", "postgresql://u:********@a:1,b:2/db"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace calotype
