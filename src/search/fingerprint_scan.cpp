// SPDX-License-Identifier: Apache-2.0
// Three ways to the same hits: AVX-512 counts the bits of eight words by one instruction, AVX2
// counts those of each half byte by a table in a register, and others count word by word.
#include "search/fingerprint_scan.hpp"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace calotype {
namespace {

using Blocks = std::span<const FingerprintBlock>;
using Bits = Fingerprint::Bits;

void scan_anywhere(Blocks blocks, const Bits& wanted, unsigned distance_max,
                   std::vector<ScanHit>& hits) {
  std::size_t place = 0;
  for (const FingerprintBlock& block : blocks)
    for (std::size_t lane = 0; lane < FingerprintBlock::lanes; ++lane, ++place) {
      unsigned bits = 0;
      for (std::size_t word = 0; word < wanted.size(); ++word)
        bits += static_cast<unsigned>(std::popcount(block.words[word][lane] ^ wanted[word]));
      if (bits <= distance_max) hits.push_back({place, bits});
    }
}

#if defined(__x86_64__)
/// Rare, and so no part of the loops.
[[gnu::noinline, gnu::cold]]
void take_hits(std::size_t first, unsigned mask, const std::uint64_t* distances,
               std::vector<ScanHit>& hits) {
  for (; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(mask));
    hits.push_back({first + lane, static_cast<unsigned>(distances[lane])});
  }
}

[[gnu::target("avx2")]]
inline __m256i bytes_bits(__m256i bytes) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i low = _mm256_and_si256(bytes, half);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
}

[[gnu::target("avx2")]]
void scan_avx2(Blocks blocks, const Bits& wanted, unsigned distance_max,
               std::vector<ScanHit>& hits) {
  constexpr std::size_t half = FingerprintBlock::lanes / 2;
  __m256i words[4];
  for (std::size_t i = 0; i < 4; ++i)
    words[i] = _mm256_set1_epi64x(static_cast<long long>(wanted[i]));
  const __m256i limit = _mm256_set1_epi64x(static_cast<long long>(distance_max) + 1);
  const __m256i zero = _mm256_setzero_si256();
  std::size_t place = 0;
  for (const FingerprintBlock& block : blocks)
    for (std::size_t first = 0; first < FingerprintBlock::lanes; first += half, place += half) {
      __m256i bits = zero;
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i) {
        const auto* from = reinterpret_cast<const __m256i*>(block.words[i] + first);
        const __m256i differing = _mm256_xor_si256(_mm256_load_si256(from), words[i]);
        // A byte has 8 bits of each of four words, so 32 at most.
        bits = _mm256_add_epi8(bits, bytes_bits(differing));
      }
      const __m256i sums = _mm256_sad_epu8(bits, zero);
      const int mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, sums)));
      if (mask == 0) [[likely]]
        continue;
      alignas(32) std::uint64_t distances[half];
      _mm256_store_si256(reinterpret_cast<__m256i*>(distances), sums);
      take_hits(place, static_cast<unsigned>(mask), distances, hits);
    }
}

[[gnu::target("avx512f,avx512vpopcntdq")]]
void scan_avx512(Blocks blocks, const Bits& wanted, unsigned distance_max,
                 std::vector<ScanHit>& hits) {
  __m512i words[4];
  for (std::size_t i = 0; i < 4; ++i)
    words[i] = _mm512_set1_epi64(static_cast<long long>(wanted[i]));
  const __m512i limit = _mm512_set1_epi64(static_cast<long long>(distance_max));
  std::size_t place = 0;
  for (const FingerprintBlock& block : blocks) {
    __m512i sums = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      const __m512i differing = _mm512_xor_si512(_mm512_load_si512(block.words[i]), words[i]);
      sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(differing));
    }
    const __mmask8 mask = _mm512_cmple_epu64_mask(sums, limit);
    if (mask != 0) [[unlikely]] {
      alignas(64) std::uint64_t distances[FingerprintBlock::lanes];
      _mm512_store_si512(distances, sums);
      take_hits(place, mask, distances, hits);
    }
    place += FingerprintBlock::lanes;
  }
}
#endif

std::vector<ScanPath> find_paths() {
  std::vector<ScanPath> paths;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq"))
    paths.push_back({"avx512", scan_avx512});
  if (__builtin_cpu_supports("avx2")) paths.push_back({"avx2", scan_avx2});
#endif
  paths.push_back({"anywhere", scan_anywhere});
  return paths;
}

}  // namespace

std::span<const ScanPath> scan_paths() {
  static const std::vector<ScanPath> paths = find_paths();
  return paths;
}

}  // namespace calotype
