// SPDX-License-Identifier: Apache-2.0
// What the catalog costs, each figure beside its reference in the same run: durable uploads from
// many clients against one client and against the disk's bare fsync, and lookups and uploads in a
// large catalog against a small one. Rounds of the two sides alternate, medians are reported, so
// that a busy machine slows both.
//
//   catalog_bench FOLDER [ASSETS] [ROUNDS]      (FOLDER on the disk to be measured)
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <random>
#include <thread>
#include <vector>

#include "base/ids.hpp"
#include "base/unique_fd.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/sqlite_connection.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t uploads_a_round = 8'192;
constexpr std::size_t lookups_a_round = 50'000;

template <class T>
T must(Result<T> result) {
  if (!result) panic(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

Digest digest_of(std::string_view space, std::size_t number) {
  return Sha256::of(as_bytes(std::format("{} {}", space, number)));
}

double rate(std::size_t count, Steady::time_point began) {
  return static_cast<double>(count) / std::chrono::duration<double>(Steady::now() - began).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Assets that were inspected long ago, so without jobs, written as the catalog writes them.
void fill(const std::string& path, std::size_t assets) {
  const auto db = must(SqliteConnection::open(path, {.cache_kib = 512 * 1024}));
  must(db->script("PRAGMA synchronous = OFF; BEGIN"));
  const Timestamp now = SystemClock().now();
  for (std::size_t i = 0; i < assets; ++i) {
    const Digest digest = digest_of("filled", i);
    const auto id = AssetId::of(digest);
    must(
        db->execute("INSERT INTO asset (asset_no, id, digest, bytes, state, purge_epoch, purging, "
                    "events, created_at, updated_at) VALUES ($1, $2, $3, 65536, "
                    "'METADATA_READY', 0, 0, 3, $4, $5)",
                    {i + 1, id.text(), ByteSpan(digest.bytes), now, now}));
    must(
        db->execute("INSERT INTO media (asset_no, media_type, renderable, width, height, "
                    "orientation, bits_per_channel, channels, has_alpha, pages, color_space, "
                    "icc_profile, placeholder, metadata_json) VALUES ($1, 'image/jpeg', 1, 4000, "
                    "3000, 1, 8, 3, 0, 1, 'srgb', 'sRGB', '3OcRJYB4d3h/iIeHeEh3eIhw+j3A', $2)",
                    {i + 1, std::format(R"({{"exif":{{"Model":"{:200}"}}}})", "camera")}));
    must(db->execute("INSERT INTO upload VALUES ($1, $2, 'photo.jpg', 'ci', '[]', $3)",
                     {i + 1, new_id(now), now}));
    for (int seq = 1; seq <= 3; ++seq)
      must(
          db->execute("INSERT INTO event VALUES ($1, $2, 'DEDUP_CHECK', 'METADATA_READY', "
                      "'inspection succeeded', $3)",
                      {i + 1, seq, now}));
  }
  must(db->script("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"));
}

class Bench {
 public:
  Bench(std::filesystem::path folder, std::size_t assets, std::size_t rounds)
      : folder_(std::move(folder)), assets_(assets), rounds_(rounds) {}

  void run() {
    auto large = open("large.db", assets_);
    auto small = open("small.db", 1'000);
    std::puts("what                                               median/s   of reference");
    compare(
        "lookup by id, 1 client, of 1,000 assets", [&] { return lookups(*small, 1'000, 1); },
        "lookup by id, 1 client, of the large catalog",
        [&] { return lookups(*large, assets_, 1); });
    compare(
        "lookup by id, 4 clients, of 1,000 assets", [&] { return lookups(*small, 1'000, 4); },
        "lookup by id, 4 clients, of the large catalog",
        [&] { return lookups(*large, assets_, 4); });
    compare(
        "bare 4 KiB append and fdatasync", [&] { return bare_syncs(); },
        "record_published, 1 client", [&] { return uploads(*small, 1, 512); });
    compare(
        "record_published, 1 client", [&] { return uploads(*small, 1, 512); },
        "record_published, 64 clients", [&] { return uploads(*small, 64, uploads_a_round); });
    small.reset();
    compare(
        "record_published, 64 clients, from 1,000 assets",
        [&] {
          const auto fresh = open("fresh.db", 1'000);
          return uploads(*fresh, 64, uploads_a_round);
        },
        "record_published, 64 clients, in the large catalog",
        [&] { return uploads(*large, 64, uploads_a_round); });
  }

 private:
  std::unique_ptr<Catalog> open(const std::string& name, std::size_t assets) {
    const std::string path = (folder_ / name).string();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    must(open_catalog({.url = "sqlite:" + path}, clock_));
    fill(path, assets);
    return must(open_catalog({.url = "sqlite:" + path}, clock_));
  }

  template <class Reference, class Measured>
  void compare(const char* reference_name, Reference reference, const char* name,
               Measured measured) {
    std::vector<double> references, values, ratios;
    for (std::size_t i = 0; i < rounds_; ++i) {
      references.push_back(reference());
      values.push_back(measured());
      ratios.push_back(values.back() / references.back());
    }
    std::printf("%-50s %9.0f\n", reference_name, median(references));
    std::printf("%-50s %9.0f   %.2f\n", name, median(values), median(ratios));
    std::fflush(stdout);
  }

  double lookups(Catalog& catalog, std::size_t assets, int clients) {
    const auto began = Steady::now();
    in_parallel(clients, [&](int client) {
      std::minstd_rand random(static_cast<unsigned>(client) + 1);
      for (std::size_t i = 0; i < lookups_a_round / static_cast<std::size_t>(clients); ++i)
        require(must(catalog.find_asset(AssetId::of(digest_of("filled", random() % assets))))
                    .has_value(),
                "what was filled in is found");
    });
    return rate(lookups_a_round, began);
  }

  double uploads(Catalog& catalog, int clients, std::size_t count) {
    const std::size_t first = next_.fetch_add(count);
    std::atomic<std::size_t> next = first;
    const auto began = Steady::now();
    in_parallel(clients, [&](int) {
      for (std::size_t i = next++; i < first + count; i = next++) {
        const NewUpload upload{.digest = digest_of("new", i),
                               .bytes = 65'536,
                               .file_name = "photo.jpg",
                               .uploader = "ci",
                               .tags = {}};
        require(must(catalog.record_published(upload, 0))->created, "new content is new");
      }
    });
    return rate(count, began);
  }

  double bare_syncs() {
    const std::string path = (folder_ / "bare").string();
    const UniqueFd file(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
    const std::string page(4096, 'x');
    const auto began = Steady::now();
    for (int i = 0; i < 512; ++i)
      require(::write(file.get(), page.data(), page.size()) == 4096 && fdatasync(file.get()) == 0,
              "the disk takes a page");
    return rate(512, began);
  }

  template <class Work>
  static void in_parallel(int clients, Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) threads.emplace_back(work, i);
  }

  const std::filesystem::path folder_;
  const std::size_t assets_;
  const std::size_t rounds_;
  const SystemClock clock_;
  std::atomic<std::size_t> next_ = 0;
};

}  // namespace
}  // namespace calotype

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: catalog_bench FOLDER [ASSETS=1000000] [ROUNDS=7]\n", stderr);
    return 2;
  }
  const auto number = [&](int index, std::size_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  std::filesystem::create_directories(argv[1]);
  calotype::Bench(argv[1], number(2, 1'000'000), number(3, 7)).run();
}
