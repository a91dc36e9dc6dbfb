// SPDX-License-Identifier: Apache-2.0
// Brings files in: hashed first, and sent only where the server has not got them (uploading.hpp).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "cli/uploading.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t progress_bytes_min = 16 << 20;

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

json::object fields_of(const PutCommand& command) {
  json::object fields;
  for (const std::string& pair : command.fields) {
    const auto equals = pair.find('=');
    fields[to_utf8(pair.substr(0, equals))] = to_utf8(pair.substr(equals + 1));
  }
  return fields;
}

Result<json::value> put_one(Session& session, const PutCommand& command, const std::string& path) {
  TRY(const OpenFile file, open_file(path, command.name));
  if (file.bytes == 0) return fail(ErrorCode::missing_upload, path + " is empty.");
  Sha256 hash;
  TRY_VOID(hash_range(file, 0, file.bytes, hash));
  const Digest digest = hash.finish();
  const UploadWords words{command.tags, command.collection, fields_of(command)};
  TRY(const bool is_there, has_content(session.http, digest));
  if (is_there) {
    TRY(auto known, record_known(session.http, words, file, digest));
    if (known) return *std::move(known);
  }
  Progress progress(session, file);
  return send_bytes(session.http, words, file, digest,
                    [&](std::uint64_t sent) { progress.update(sent); });
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
