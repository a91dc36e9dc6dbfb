// SPDX-License-Identifier: Apache-2.0
// Replays every target's corpus in the ordinary suite: what was found once stays found. Each input
// is fed whole, cut short at every byte, and with each byte changed, so that the neighbourhood of a
// known input is covered without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "target.hpp"

namespace calotype::fuzz {
namespace {

using Targets = std::map<std::string, void (*)(std::string_view), std::less<>>;
Targets& targets() {
  static Targets all;  // filled before main, by the targets' registrations
  return all;
}

const std::filesystem::path corpus = CALOTYPE_FUZZ_CORPUS;

std::set<std::string> corpus_folders() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(corpus))
    if (entry.is_directory()) names.insert(entry.path().filename());
  return names;
}

/// A copy of exactly its size, so that a read past its end is seen by AddressSanitizer.
void feed(void (*run)(std::string_view), std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  run({exact.data(), exact.size()});
}

void replay(void (*run)(std::string_view), const std::string& input) {
  constexpr std::size_t neighbours_max = 600;
  feed(run, input);
  for (std::size_t at = 0; at < std::min(input.size(), neighbours_max); ++at) {
    feed(run, std::string_view(input).substr(0, at));
    for (const char c : {'\0', '\n', '%', '=', '9', '\xff'}) {
      std::string changed = input;
      changed[at] = c;
      feed(run, changed);
    }
  }
}

TEST(FuzzCorpus, EveryTargetHasOneAndEveryOneHasATarget) {
  std::set<std::string> names;
  for (const auto& [name, run] : targets()) names.insert(name);
  EXPECT_FALSE(names.empty());
  EXPECT_EQ(names, corpus_folders());
}

TEST(FuzzCorpus, EveryInputHoldsWhatItsTargetRequires) {
  for (const auto& [name, run] : targets()) {
    SCOPED_TRACE(name);
    int inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(corpus / name)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string input{std::istreambuf_iterator<char>(file), {}};
      ASSERT_TRUE(file.good() || file.eof()) << entry.path();
      replay(run, input);
      ++inputs;
    }
    EXPECT_GT(inputs, 0);
  }
}

}  // namespace

Registration::Registration(std::string_view name, void (*run)(std::string_view bytes)) {
  targets().emplace(name, run);
}

}  // namespace calotype::fuzz
