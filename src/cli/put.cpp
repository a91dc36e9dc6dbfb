// SPDX-License-Identifier: Apache-2.0
// Brings files in. The file is hashed first and the server is asked for the hash: content that it
// has is recorded as another upload without being sent. Where keys are in force the server wants a
// proof that we have the bytes, and not only their hash: the hash of a range that it picks.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "base/hash.hpp"
#include "base/unique_fd.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t progress_bytes_min = 16 << 20;

struct OpenFile {
  UniqueFd fd;
  std::uint64_t bytes = 0;
  std::string name;  // as the upload is recorded
};

Result<OpenFile> open_file(const std::string& path, const std::string& name) {
  OpenFile file{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), 0,
                name.empty() ? std::filesystem::path(path).filename().string() : name};
  struct stat status{};
  if (!file.fd || fstat(file.fd.get(), &status) != 0)
    return fail(ErrorCode::bad_request,
                path + ": " + std::error_code(errno, std::generic_category()).message());
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::bad_request, path + " is not a file.");
  file.bytes = static_cast<std::uint64_t>(status.st_size);
  return file;
}

/// Feeds a range of the file to the hash.
Result<void> hash_range(const OpenFile& file, std::uint64_t offset, std::uint64_t length,
                        Sha256& hash) {
  std::vector<std::byte> buffer(1 << 20);
  while (length > 0) {
    const ssize_t got =
        pread(file.fd.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), length),
              static_cast<off_t>(offset));
    if (got < 0) return fail_errno(ErrorCode::bad_request, "The file cannot be read.", errno);
    if (got == 0) return fail(ErrorCode::bad_request, "The file became shorter while it was read.");
    hash.update(ByteSpan(buffer).first(static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  return {};
}

/// On a terminal, for files that take a while: one line that is written over.
class Progress {
 public:
  Progress(Session& session, const OpenFile& file) : session_(session), file_(file) {
    shown_ = file.bytes >= progress_bytes_min && isatty(STDERR_FILENO) == 1;
  }
  ~Progress() {
    if (percent_ >= 0) session_.err << "\r\x1b[K" << std::flush;
  }
  void update(std::uint64_t sent) {
    const int percent = static_cast<int>(sent * 100 / file_.bytes);
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    session_.err << "\r\x1b[K" << shown_text(file_.name) << "  " << percent << " % of "
                 << readable_bytes(file_.bytes) << std::flush;
  }

 private:
  Session& session_;
  const OpenFile& file_;
  bool shown_ = false;
  int percent_ = -1;
};

json::array tags_json(const PutCommand& command) {
  json::array tags;
  for (const auto& tag : command.tags) tags.emplace_back(tag);
  return tags;
}

/// The server's 428: {"offset","length","nonce"}. The nonce counts as the characters it was sent
/// as.
Result<json::object> prove(const OpenFile& file, const json::value& challenge) {
  const std::string nonce = text_field(challenge, "nonce");
  const auto offset = number_field(challenge, "offset");
  const auto length = number_field(challenge, "length");
  if (offset > file.bytes || length > file.bytes - offset)
    return fail(ErrorCode::bad_request, "The server asks for a range that the file does not have.");
  Sha256 hash;
  hash.update(as_bytes(nonce));
  TRY_VOID(hash_range(file, offset, length, hash));
  return json::object{{"nonce", nonce}, {"sha256", hash.finish().hex()}};
}

/// Another upload of what the server has; nothing where it does not have it.
Result<std::optional<json::value>> record_known(Session& session, const PutCommand& command,
                                                const OpenFile& file, const Digest& digest) {
  const std::string target = "/v1/assets/sha256:" + digest.hex();
  TRY(const HttpAnswer known, session.http.send({.method = "HEAD", .target = target}));
  // A HEAD's answer has no body to say why it refuses; the upload's, which is refused before its
  // bytes are sent, has.
  if (!known.ok()) return std::nullopt;
  json::object body{{"file_name", file.name}, {"tags", tags_json(command)}};
  const auto record = [&] {
    return session.http.send({.method = "POST",
                              .target = target + "/uploads",
                              .headers = {"Content-Type: application/json"},
                              .body = json::serialize(body)});
  };
  TRY(HttpAnswer answer, record());
  if (answer.status == 428) {
    TRY(const json::value challenge, parse_json(answer.body));
    TRY(json::object proof, prove(file, challenge));
    body["proof"] = std::move(proof);
    TRY(answer, record());
  }
  if (answer.status == 404) return std::nullopt;  // deleted meanwhile
  if (!answer.ok()) return std::unexpected(problem_of(answer));
  TRY(json::value recorded, parse_json(answer.body));
  return recorded;
}

Result<json::value> send_bytes(Session& session, const PutCommand& command, const OpenFile& file,
                               const Digest& digest) {
  std::string target = "/v1/assets?file_name=" + escape_segment(file.name);
  for (const auto& tag : command.tags) target += "&tags=" + escape_segment(tag);
  Progress progress(session, file);
  return ask(session, {.method = "POST",
                       .target = target,
                       .headers = {"Content-Type: application/octet-stream",
                                   "Repr-Digest: sha-256=:" + to_base64(digest.bytes) + ":"},
                       .file = FileBody{file.fd.get(), file.bytes,
                                        [&](std::uint64_t sent) { progress.update(sent); }}});
}

Result<json::value> put_one(Session& session, const PutCommand& command, const std::string& path) {
  TRY(const OpenFile file, open_file(path, command.name));
  if (file.bytes == 0) return fail(ErrorCode::missing_upload, path + " is empty.");
  Sha256 hash;
  TRY_VOID(hash_range(file, 0, file.bytes, hash));
  const Digest digest = hash.finish();
  TRY(auto known, record_known(session, command, file, digest));
  if (known) return *std::move(known);
  return send_bytes(session, command, file, digest);
}

}  // namespace

Result<void> run(const PutCommand& command, Session& session) {
  std::optional<Error> last;
  for (const auto& path : command.files) {
    auto answer = put_one(session, command, path);
    if (!answer) {
      if (last) print_error(session, "put", *last);
      last = answer.error();
      if (command.files.size() > 1 && !last->message.contains(path))
        last->message = path + ": " + last->message;
      continue;
    }
    if (session.json) {
      answer->as_object()["file"] = path;
      print_json(session, *answer);
    } else {
      session.out << text_field(*answer, "id") << "  " << text_field(*answer, "status") << "  "
                  << shown_text(path) << '\n';
    }
    session.out.flush();
  }
  if (last) return std::unexpected(*last);
  return {};
}

}  // namespace calotype
