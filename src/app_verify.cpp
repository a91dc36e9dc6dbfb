// SPDX-License-Identifier: Apache-2.0
// The composition of `calotype verify`: catalog and blobs, beside whatever server runs on them.
#include <unistd.h>

#include <thread>

#include "app.hpp"
#include "base/metrics.hpp"
#include "base/stop_on_signal.hpp"

namespace calotype {
namespace {

/// What S3 keeps near belongs to the server; this reads past it, with a folder of its own that goes
/// with the command.
class NearFolder {
 public:
  explicit NearFolder(AppSettings& settings) {
    auto* const s3 = std::get_if<S3Settings>(&settings.blobs);
    if (s3 == nullptr) return;
    path_ = settings.data / ("s3-verify-" + std::to_string(getpid()));
    s3->folder = path_.string();
    s3->cache_bytes_max = 0;
  }
  ~NearFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  NearFolder(const NearFolder&) = delete;
  NearFolder& operator=(const NearFolder&) = delete;

 private:
  std::filesystem::path path_;
};

Result<void> check_is_there(const AppSettings& settings) {
  constexpr std::string_view scheme = "sqlite:";
  if (!settings.catalog.url.starts_with(scheme)) {
    std::error_code error;
    std::filesystem::create_directories(settings.data, error);
    return {};
  }
  const auto path = settings.catalog.url.substr(scheme.size());
  if (std::filesystem::exists(path)) return {};
  return fail(ErrorCode::bad_config, "There is nothing to verify: " + path + " does not exist.");
}

}  // namespace

Result<VerifyReport> verify(const AppSettings& given, const VerifyOptions& options,
                            const Verify::Tell& tell) {
  AppSettings settings = given;
  TRY_VOID(check_is_there(settings));
  const StopOnSignal signals;
  const SystemClock clock;
  Metrics metrics;
  const NearFolder near(settings);
  TRY(const auto catalog, open_catalog(settings.catalog, clock, &metrics));
  TRY(const auto blobs, open_blobs(settings.blobs, clock, metrics));
  VerifySettings how = settings.verify;
  const bool is_remote = std::holds_alternative<S3Settings>(settings.blobs);
  how.threads = is_remote ? 16 : std::max(1U, std::thread::hardware_concurrency());
  Verify verifier(*catalog, *blobs, clock, metrics, how);
  return verifier.run(options, signals.token(), tell);
}

}  // namespace calotype
