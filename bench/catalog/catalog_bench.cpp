// SPDX-License-Identifier: Apache-2.0
// What the catalog costs, on either engine: lookups and durable uploads in a large catalog against
// a small one, and jobs. Rounds of the two sides alternate, so that a busy machine slows both; each
// result is a line of JSON with every round, for bench/row_catalog.py.
//
//   catalog_bench compare WHERE [ASSETS] [ROUNDS]   WHERE: a folder on the disk to be measured, or
//                                                   postgresql://USER:PASSWORD@HOST:PORT
//   catalog_bench fill WHERE NAME ASSETS            makes the catalog NAME with so many assets
//   catalog_bench group FOLDER [ROUNDS]             SQLite's group commit against the bare disk
//   catalog_bench jobs WHERE NAME COUNT WORKERS KIND  runs COUNT empty jobs; makes NAME if need be
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "catalog_places.hpp"
#include "jobs/runner.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t small_assets = 1'000;

double rate(std::size_t count, Steady::time_point began) {
  return static_cast<double>(count) / std::chrono::duration<double>(Steady::now() - began).count();
}

template <class Work>
void in_parallel(int clients, Work work) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < clients; ++i) threads.emplace_back(work, i);
}

using Side = std::function<double()>;

/// One line: {"name": …, "reference": [a second, …], "ours": […]}.
void compare(const char* name, std::size_t rounds, const Side& reference, const Side& ours) {
  std::string references, values;
  for (std::size_t i = 0; i < rounds; ++i) {
    // Whoever goes first goes second in the next round.
    double first = i % 2 == 0 ? reference() : ours();
    double second = i % 2 == 0 ? ours() : reference();
    if (i % 2 != 0) std::swap(first, second);
    references += std::format("{}{:.1f}", i == 0 ? "" : ", ", first);
    values += std::format("{}{:.1f}", i == 0 ? "" : ", ", second);
  }
  std::puts(
      std::format(R"({{"name": "{}", "reference": [{}], "ours": [{}]}})", name, references, values)
          .c_str());
  std::fflush(stdout);
}

double lookups(std::size_t count, std::size_t assets, int clients,
               const std::function<bool(const Digest&)>& found) {
  const auto began = Steady::now();
  in_parallel(clients, [&](int client) {
    std::minstd_rand random(std::random_device{}() + static_cast<unsigned>(client));
    for (std::size_t i = 0; i < count / static_cast<std::size_t>(clients); ++i)
      require(found(digest_of("filled", random() % assets)), "what was filled in is found");
  });
  return rate(count, began);
}

double uploads(Catalog& catalog, int clients, std::size_t count) {
  static std::atomic<std::size_t> used = 0;
  const std::size_t first = used.fetch_add(count);
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

void run_compare(Places places, std::size_t assets, std::size_t rounds) {
  const std::size_t lookups_a_round = places.on_server() ? 10'000 : 50'000;
  const std::size_t uploads_a_round = places.on_server() ? 4'096 : 8'192;
  auto large = places.make("bench_large", assets);
  auto small = places.make("bench_small", small_assets);
  const auto by_id = [&](Catalog& catalog, std::size_t of) {
    return lookups(lookups_a_round, of, 1, [&](const Digest& digest) {
      return must(catalog.find_asset(AssetId::of(digest))).has_value();
    });
  };
  const auto by_hash = [&](Catalog& catalog, std::size_t of) {
    return lookups(lookups_a_round, of, 1,
                   [&](const Digest& digest) { return must(catalog.presence(digest)).stored; });
  };
  // Once each for nothing: what is in the page cache is not the question.
  by_id(*large, assets);
  compare(
      "lookup by id", rounds, [&] { return by_id(*small, small_assets); },
      [&] { return by_id(*large, assets); });
  compare(
      "lookup by hash", rounds, [&] { return by_hash(*small, small_assets); },
      [&] { return by_hash(*large, assets); });
  small.reset();
  compare(
      "ingest", rounds,
      [&] {
        const auto fresh = places.make("bench_small", small_assets);
        return uploads(*fresh, 64, uploads_a_round);
      },
      [&] { return uploads(*large, 64, uploads_a_round); });
  large.reset();
  places.remove("bench_large");
  places.remove("bench_small");
}

double bare_syncs(const std::string& folder) {
  const std::string path = folder + "/bare";
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  const std::string page(4096, 'x');
  const auto began = Steady::now();
  for (int i = 0; i < 512; ++i)
    require(::write(file.get(), page.data(), page.size()) == 4096 && fdatasync(file.get()) == 0,
            "the disk takes a page");
  return rate(512, began);
}

void run_group(const std::string& folder, std::size_t rounds) {
  Places places(folder);
  const auto catalog = places.make("bench_small", small_assets);
  compare(
      "one client against the disk", rounds, [&] { return bare_syncs(folder); },
      [&] { return uploads(*catalog, 1, 512); });
  compare(
      "64 clients against one", rounds, [&] { return uploads(*catalog, 1, 512); },
      [&] { return uploads(*catalog, 64, 8'192); });
}

/// From the first job's claim to the last one's completion, by the runner that the server has.
void run_jobs(Places places, const std::string& name, std::size_t count, std::size_t workers,
              JobKind kind) {
  const SystemClock clock;
  const auto catalog = places.open(name);
  std::atomic<std::size_t> next = 0;
  in_parallel(64, [&](int) {
    for (std::size_t i = next++; i < count; i = next++)
      must(catalog->enqueue(kind, std::format("bench:{}", i), "", std::chrono::milliseconds{0}));
  });
  Metrics metrics;
  std::atomic<std::size_t> left = count;
  const auto began = Steady::now();
  {
    const JobRunner runner(*catalog, metrics, {.concurrency = {{lane_of(kind), workers}}},
                           {{kind, {.run = [&](const Job&, const std::stop_token&) -> Result<void> {
                               --left;
                               return {};
                             }}}});
    while (left > 0 || must(catalog->next_due(lane_of(kind))))
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  std::puts(std::format(R"({{"jobs_per_second": {:.1f}}})", rate(count, began)).c_str());
}

int usage() {
  std::fputs(
      "usage: catalog_bench compare WHERE [ASSETS=1000000] [ROUNDS=7]\n"
      "       catalog_bench fill WHERE NAME ASSETS\n"
      "       catalog_bench group FOLDER [ROUNDS=7]\n"
      "       catalog_bench jobs WHERE NAME COUNT WORKERS KIND\n",
      stderr);
  return 2;
}

}  // namespace
}  // namespace calotype

int main(int argc, char** argv) {
  using namespace calotype;
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t index, std::size_t otherwise) {
    return words.size() > index ? std::strtoull(words[index].c_str(), nullptr, 10) : otherwise;
  };
  if (words.size() < 2) return usage();
  if (words[0] == "compare") {
    run_compare(Places(words[1]), number(2, 1'000'000), number(3, 7));
  } else if (words[0] == "fill" && words.size() == 4) {
    Places(words[1]).make(words[2], number(3, 0));
  } else if (words[0] == "group") {
    run_group(words[1], number(2, 7));
  } else if (words[0] == "jobs" && words.size() == 6 && parse_job_kind(words[5])) {
    run_jobs(Places(words[1]), words[2], number(3, 0), number(4, 4), *parse_job_kind(words[5]));
  } else {
    return usage();
  }
  return 0;
}
