// SPDX-License-Identifier: Apache-2.0
// Fetches a picture or the original. The file appears whole under its name or not at all: bytes go
// to a neighbour that is renamed at the end.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <ostream>
#include <thread>

#include "base/unique_fd.hpp"
#include "base/write_all.hpp"
#include "cli/commands.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

Result<void> write_to(int fd, ByteSpan bytes) {
  if (write_all(fd, bytes)) return {};
  return fail_errno(ErrorCode::storage_failed, "The file cannot be written.", errno);
}

class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)) {}
  ~Output() {
    if (!part_.empty()) unlink(part_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Result<void> write(ByteSpan bytes) {
    bytes_ += bytes.size();
    if (path_ == "-") return write_to(STDOUT_FILENO, bytes);
    TRY_VOID(open());
    return write_to(fd_.get(), bytes);
  }
  Result<void> finish() {
    if (path_ == "-") return {};
    TRY_VOID(open());
    fd_.reset();
    if (rename(part_.c_str(), path_.c_str()) != 0) return cannot_write();
    part_.clear();
    return {};
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<void> open() {
    if (fd_) return {};
    part_ = path_ + ".part-" + std::to_string(getpid());
    fd_ = UniqueFd(::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (fd_) return {};
    part_.clear();
    return cannot_write();
  }
  std::unexpected<Error> cannot_write() const {
    const auto why = std::error_code(errno, std::generic_category()).message();
    return fail(ErrorCode::storage_failed, path_ + ": " + why);
  }

  std::string path_;
  std::string part_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
};

/// Sends until the answer is another than 202 (the inspection pends), as long as one may wait.
Result<HttpAnswer> send_patiently(Session& session, const HttpRequest& request,
                                  std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    TRY(HttpAnswer answer, session.http.send(request));
    if (answer.ok() && answer.status != 202) return answer;
    if (answer.status != 202) return std::unexpected(problem_of(answer));
    const std::string after = answer.header("retry-after");
    int seconds = 1;
    std::from_chars(after.data(), after.data() + after.size(), seconds);
    const auto wait = std::chrono::seconds(std::clamp(seconds, 1, 30));
    if (std::chrono::steady_clock::now() + wait > deadline)
      return std::unexpected(problem_of(answer));
    std::this_thread::sleep_for(wait);
  }
}

/// The path of the bytes. The server signs what it hands out; what we ask by ourselves is signed
/// here, where the key is known.
Result<std::string> resolve(Session& session, const GetCommand& command,
                            std::chrono::steady_clock::time_point deadline) {
  const std::string asset = escape_segment(command.id);
  if (command.recipe == "original") return "/v1/assets/" + asset + "/original";
  std::string target = "/asset/" + asset + "/variant/" + escape_segment(command.recipe);
  if (const auto settings = load_settings({}); settings)
    if (const auto& key = settings->text("delivery.signing_key"); !key.empty())
      target = sign_target(key, target);
  TRY(const HttpAnswer answer, send_patiently(session, {.target = target}, deadline));
  TRY(const json::value found, parse_json(answer.body));
  return text_field(found, "url");
}

}  // namespace

Result<void> run(const GetCommand& command, Session& session) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(command.wait_s);
  TRY(const std::string target, resolve(session, command, deadline));
  Output output(command.output);
  const HttpRequest request{.target = target,
                            .sink = [&](ByteSpan bytes) { return output.write(bytes); }};
  TRY(const HttpAnswer answer, session.http.send(request));
  if (answer.status != 200) return std::unexpected(problem_of(answer));
  TRY_VOID(output.finish());
  if (session.json && command.output != "-")
    print_json(session, json::object{{"file", command.output},
                                     {"bytes", output.bytes()},
                                     {"media_type", answer.header("content-type")},
                                     {"url", target}});
  return {};
}

}  // namespace calotype
