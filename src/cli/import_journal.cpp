// SPDX-License-Identifier: Apache-2.0
#include "cli/import_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/write_all.hpp"
#include "cli/session.hpp"

namespace calotype {
namespace {

constexpr std::string_view first_line = "calotype-import 1\n";
constexpr std::string_view source_word = "source ";

std::string state_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
    return state;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/tmp") + "/.local/state";
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint8_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ec == std::errc{}) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// The words of a line, as many as there are placeholders.
template <std::size_t count>
bool split(std::string_view line, std::array<std::string_view, count>& words) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto space = i + 1 < count ? line.find(' ') : line.npos;
    if (i + 1 < count && space == line.npos) return false;
    words[i] = line.substr(0, space);
    if (words[i].empty()) return false;
    if (space != line.npos) line.remove_prefix(space + 1);
  }
  return true;
}

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 65536> piece{};
  while (true) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(ErrorCode::storage_failed, "The journal cannot be read.", errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string ImportJournal::default_path(const std::string& source, const std::string& server) {
  const std::string name = Sha256::of(as_bytes(source + "\n" + server)).hex().substr(0, 32);
  return state_folder() + "/calotype/import/" + name;
}

Result<std::unique_ptr<ImportJournal>> ImportJournal::open(const std::string& path,
                                                           const std::string& source) {
  std::error_code error;
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, error);
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file)
    return fail_errno(ErrorCode::bad_config, "The journal " + path + " cannot be made.", errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::bad_config,
                "Another import of the same source is running; its journal is " + path + ".");
  TRY(const std::string text, read_all(file.get()));
  std::unique_ptr<ImportJournal> journal(new ImportJournal(std::move(file)));
  if (!text.empty() && !text.starts_with(first_line))
    return fail(ErrorCode::bad_config, path + " is no journal of an import.");
  const std::string source_line = std::string(source_word) + escape_segment(source);
  journal->take_all(text, source_line);
  // What was cut off must not be the beginning of the next line.
  std::string begin(text.empty() ? first_line : text.ends_with('\n') ? "" : "\n");
  begin += source_line + '\n';
  if (!write_all(journal->file_.get(), as_bytes(begin)))
    return fail_errno(ErrorCode::bad_config, "The journal cannot be written.", errno);
  return journal;
}

void ImportJournal::take_all(std::string_view lines, std::string_view source_line) {
  bool is_of_source = true;
  for (auto end = lines.find('\n'); end != lines.npos; end = lines.find('\n')) {
    const std::string_view line = lines.substr(0, end);
    if (line.starts_with(source_word))
      is_of_source = line == source_line;
    else if (is_of_source)
      take(line);
    lines.remove_prefix(end + 1);
  }
}

void ImportJournal::take(std::string_view line) {
  std::array<std::string_view, 4> words;
  if (!split(line, words)) return;
  Entry entry{.bytes = 0, .stamp = std::string(words[1]), .digest = {}};
  const auto [end, error] =
      std::from_chars(words[0].data(), words[0].data() + words[0].size(), entry.bytes);
  const auto digest = Digest::from_hex(words[2]);
  if (error != std::errc{} || end != words[0].data() + words[0].size() || !digest) return;
  entry.digest = *digest;
  entries_.insert_or_assign(unescaped(words[3]), std::move(entry));
}

std::optional<Digest> ImportJournal::find(const std::string& name, std::uint64_t bytes,
                                          const std::string& stamp) const {
  const auto place = entries_.find(name);
  if (place == entries_.end() || place->second.bytes != bytes || place->second.stamp != stamp)
    return std::nullopt;
  return place->second.digest;
}

Result<void> ImportJournal::add(const std::string& name, std::uint64_t bytes,
                                const std::string& stamp, const Digest& digest) {
  const std::string line =
      std::to_string(bytes) + " " + stamp + " " + digest.hex() + " " + escape_segment(name) + "\n";
  const std::lock_guard lock(mutex_);
  const bool is_written = write_all(file_.get(), as_bytes(is_cut_off_ ? "\n" + line : line));
  is_cut_off_ = !is_written;
  if (is_written) return {};
  return fail_errno(ErrorCode::storage_failed,
                    "The journal cannot be written, so that another run would begin anew.", errno);
}

}  // namespace calotype
