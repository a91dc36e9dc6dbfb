// SPDX-License-Identifier: Apache-2.0
// The stores that the conformance suite runs against, each with a back door through which a test
// does what no store does: spoil a blob, make it old, see what is left. Only the tests use it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/ids.hpp"
#include "base/metrics.hpp"
#include "blobs/folder_store.hpp"
#include "blobs/s3_client.hpp"
#include "blobs/s3_store.hpp"
#include "blobs/test_faults.hpp"
#include "blobs/test_folder.hpp"

namespace calotype::test {

/// Where one store keeps its bytes.
class Backing {
 public:
  virtual ~Backing() = default;
  virtual Result<std::unique_ptr<BlobStore>> open() = 0;
  /// Other bytes under the key, past the store.
  virtual void spoil(const BlobKey& key, const std::string& text) = 0;
  virtual void make_old(const BlobKey& key) = 0;
  /// Local files that are no blobs of a store or its cache.
  virtual std::vector<std::string> strays() const = 0;
};

class FolderBacking final : public Backing {
 public:
  FolderBacking(std::optional<FolderFlush> flush, FileOps& ops) : ops_(ops) {
    settings_.folder = (folder_.path() / "store").string();
    settings_.flush = flush;
  }
  Result<std::unique_ptr<BlobStore>> open() override { return open_folder_store(settings_, ops_); }
  void spoil(const BlobKey& key, const std::string& text) override {
    const auto path = folder_.path() / "store" / key.text();
    require(::truncate(path.c_str(), 0) == 0, "a stored blob is a file");
    const UniqueFd file(::open(path.c_str(), O_WRONLY));
    require(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
            "a file can be written to");
  }
  void make_old(const BlobKey& key) override {
    const timespec long_ago[2] = {{.tv_sec = 1'000'000, .tv_nsec = 0},
                                  {.tv_sec = 1'000'000, .tv_nsec = 0}};
    const auto path = folder_.path() / "store" / key.text();
    require(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0) == 0, "a stored blob is a file");
  }
  std::vector<std::string> strays() const override {
    auto found = folder_.files();
    std::erase_if(found, [](const std::string& file) {
      return BlobKey::parse(std::string_view(file).substr(6)).has_value();  // "store/"
    });
    return found;
  }

 private:
  TestFolder folder_;
  FolderSettings settings_;
  FileOps& ops_;
};

inline std::string environment(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

/// A prefix of its own in the bucket of CALOTYPE_TEST_S3; nothing where there is none.
inline std::optional<S3Settings> s3_settings_for_test(const std::string& folder) {
  const std::string url = environment("CALOTYPE_TEST_S3");
  if (url.empty()) return std::nullopt;
  S3Settings settings;
  settings.place = parse_s3_url(url).value();
  settings.place.prefix += new_id(SystemClock().now()) + "/";
  settings.access_key = environment("AWS_ACCESS_KEY_ID");
  settings.secret_key = environment("AWS_SECRET_ACCESS_KEY");
  settings.folder = folder;
  return settings;
}

class S3Backing final : public Backing {
 public:
  explicit S3Backing(const std::function<void(S3Settings&)>& adjust)
      : settings_(s3_settings_for_test(folder_.path().string()).value()) {
    adjust(settings_);
  }
  Result<std::unique_ptr<BlobStore>> open() override {
    return open_s3_store(settings_, clock_, metrics_);
  }
  void spoil(const BlobKey& key, const std::string& text) override {
    S3Client client(settings_, metrics_);
    const auto put = client.send({.operation = S3Operation::put,
                                  .method = "PUT",
                                  .key = settings_.place.prefix + key.text(),
                                  .body = S3Body::of(as_bytes(text)),
                                  .payload_sha256 = Sha256::of(as_bytes(text)).hex()});
    require(put && put->ok(), "the test's S3 takes an object");
    forget();
  }
  void make_old(const BlobKey&) override {
    std::this_thread::sleep_for(std::chrono::milliseconds{1'100});  // S3's times are in seconds
  }
  std::vector<std::string> strays() const override {
    auto found = folder_.files();
    std::erase_if(found, [](const std::string& file) {
      return file == "lock" || file.starts_with("cache/");
    });
    return found;
  }
  /// Nothing is near any more.
  void forget() const {
    for (const auto& file : folder_.files())
      if (file.starts_with("cache/")) std::filesystem::remove(folder_.path() / file);
  }
  const S3Settings& settings() const { return settings_; }
  const TestFolder& folder() const { return folder_; }
  Metrics& metrics() { return metrics_; }

 private:
  TestFolder folder_;
  SystemClock clock_;
  Metrics metrics_;
  S3Settings settings_;
};

struct Flavour {
  std::string name;
  std::function<std::unique_ptr<Backing>()> make;  // nullptr: its server is not there
};

/// The ways in which the folder store works, by what its file system can do, and S3 with and
/// without its cache, and with every larger blob in parts.
inline std::vector<Flavour> flavours() {
  const auto folder = [](FolderFlush flush) {
    return [=] { return std::make_unique<FolderBacking>(flush, kernel_file_ops()); };
  };
  const auto s3 = [](std::function<void(S3Settings&)> adjust) {
    return [adjust]() -> std::unique_ptr<Backing> {
      if (environment("CALOTYPE_TEST_S3").empty()) return nullptr;
      return std::make_unique<S3Backing>(adjust);
    };
  };
  return {
      {"FolderFlushedByJournal", folder(FolderFlush::journal)},
      {"FolderFlushedEach", folder(FolderFlush::each)},
      {"FolderWithNamedSpool",
       [] {
         static FaultyFileOps without_unnamed_files({.no_unnamed_files = true});
         return std::make_unique<FolderBacking>(std::nullopt, without_unnamed_files);
       }},
      {"S3", s3([](S3Settings&) {})},
      {"S3WithoutCache", s3([](S3Settings& settings) { settings.cache_bytes_max = 0; })},
      {"S3InParts", s3([](S3Settings& settings) {
         settings.multipart_min = settings.part_bytes = std::uint64_t{5} << 20;
         settings.cache_bytes_max = 0;
         settings.renew_age = std::chrono::milliseconds{0};
       })},
  };
}

}  // namespace calotype::test
