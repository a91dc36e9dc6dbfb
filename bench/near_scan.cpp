// SPDX-License-Identifier: Apache-2.0
// How fast fingerprints are compared, beside reading the same bytes once: memcmp of the one half of
// them with the other, which is equal, so that it reads all.
//
//   near_scan COUNT ROUNDS
//
// One line of JSON: gigabytes a second of each round, ours by every path that the processor has.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <format>
#include <iostream>
#include <random>

#include "search/fingerprint_scan.hpp"

namespace {

using namespace calotype;

/// As pipeline/near_duplicates.cpp asks.
constexpr unsigned distance_max = 92;

std::vector<FingerprintBlock> equal_halves(std::size_t count) {
  std::mt19937_64 random(20261128);
  const std::size_t half = std::max<std::size_t>(1, count / FingerprintBlock::lanes / 2);
  std::vector<FingerprintBlock> blocks(half * 2);
  for (std::size_t i = 0; i < half; ++i)
    for (auto& words : blocks[i].words)
      for (std::uint64_t& word : words) word = random();
  std::memcpy(static_cast<void*>(blocks.data() + half), blocks.data(), half * sizeof(blocks[0]));
  return blocks;
}

template <class Work>
double seconds_of(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

std::string json_list(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += std::format("{}{:.3f}", text.empty() ? "" : ",", value);
  return "[" + text + "]";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "near_scan COUNT ROUNDS\n";
    return 2;
  }
  const auto blocks = equal_halves(std::strtoull(argv[1], nullptr, 10));
  const int rounds = std::atoi(argv[2]);
  const std::size_t half = blocks.size() / 2;
  const double gigabytes = static_cast<double>(blocks.size() * sizeof(blocks[0])) / 1e9;
  const Fingerprint::Bits wanted{0x0123456789abcdef, 0xfedcba9876543210, 0x5555aaaa5555aaaa,
                                 0x0f0ff0f00f0ff0f0};
  std::vector<double> reference;
  std::vector<std::vector<double>> ours(scan_paths().size());
  std::size_t hits_found = 0;
  int difference = 0;
  for (int round = 0; round < rounds; ++round) {
    reference.push_back(gigabytes / seconds_of([&] {
                          difference |= std::memcmp(blocks.data(), blocks.data() + half,
                                                    half * sizeof(blocks[0]));
                        }));
    for (std::size_t path = 0; path < ours.size(); ++path) {
      std::vector<ScanHit> hits;
      ours[path].push_back(gigabytes / seconds_of([&] {
                             scan_paths()[path].scan(blocks, wanted, distance_max, hits);
                           }));
      hits_found = hits.size();
    }
  }
  std::cout << std::format(R"({{"fingerprints":{},"hits":{},"difference":{},"memcmp":{})",
                           blocks.size() * FingerprintBlock::lanes, hits_found, difference,
                           json_list(reference));
  for (std::size_t path = 0; path < ours.size(); ++path)
    std::cout << std::format(R"(,"{}":{})", scan_paths()[path].name, json_list(ours[path]));
  std::cout << std::format(R"(,"fastest":"{}"}})", scan_paths().front().name) << std::endl;
}
