// SPDX-License-Identifier: Apache-2.0
// Moves a whole library in: a folder or a bucket, several files at once, each hashed here and sent
// only where the server has not got it. What the server has acknowledged stands in a journal, so
// that another run, after Ctrl-C or next month, reads only what is new. Asking the server first
// costs a new file something and saves a known one its bytes, so small files are asked for only
// while that pays: as long as the server knew some of the last ones.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <format>
#include <mutex>
#include <ostream>
#include <thread>
#include <unordered_set>

#include "base/stop_on_signal.hpp"
#include "cli/commands.hpp"
#include "cli/duplicates.hpp"
#include "cli/import_journal.hpp"
#include "cli/import_source.hpp"
#include "cli/text_table.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t always_asked_bytes_min = std::uint64_t{1} << 20;
constexpr int attempts_max = 6;
constexpr std::chrono::milliseconds first_pause{250};

struct Counts {
  std::uint64_t created = 0;     // new content
  std::uint64_t duplicates = 0;  // content that was here, recorded once more
  std::uint64_t unchanged = 0;   // brought in by an earlier run
  std::uint64_t failed = 0;
  std::uint64_t created_bytes = 0;
  std::uint64_t duplicate_bytes = 0;
  std::uint64_t unchanged_bytes = 0;
  std::uint64_t sent_bytes = 0;
};

/// Among what was new.
struct NearDuplicateCount {
  std::uint64_t assets = 0;   // that look like another
  std::uint64_t pending = 0;  // inspections that have not ended: there may be more
};

class Import {
 public:
  Import(const ImportCommand& command, Session& session, ImportSource& source,
         ImportJournal& journal, ImportListing listing)
      : command_(command),
        session_(session),
        source_(source),
        journal_(journal),
        items_(std::move(listing.items)),
        skipped_(listing.skipped),
        failures_(std::move(listing.failures)) {
    for (const ImportItem& item : items_) total_bytes_ += item.bytes;
    counts_.failed = failures_.size();
    is_moving_ = !session.json && isatty(STDERR_FILENO) == 1;
  }

  Result<void> run(const std::stop_token& stop);

 private:
  void work(const std::stop_token& stop);
  Result<void> bring_in(HttpClient& http, const ImportItem& item, bool may_be_recorded,
                        const std::stop_token& stop);
  Result<void> bring_in_patiently(HttpClient& http, const ImportItem& item,
                                  const std::stop_token& stop);
  Result<bool> was_brought_in(HttpClient& http, const ImportItem& item);
  Result<json::value> send(HttpClient& http, const OpenFile& file, const Digest& digest,
                           bool may_be_recorded, bool& is_sent);
  bool is_worth_asking(const Digest& digest, std::uint64_t bytes);
  void note(const ImportItem& item, const Digest& digest, const json::value& answer, bool is_sent);
  void keep_in_journal(const ImportItem& item, const Digest& digest);
  void fail_item(const ImportItem& item, const Error& error);
  void tell(bool is_last);
  void count_near_duplicates();
  json::object summary() const;
  void print_summary() const;

  const ImportCommand& command_;
  const UploadWords words_{command_.tags, command_.collection, {}};
  Session& session_;
  ImportSource& source_;
  ImportJournal& journal_;
  const std::vector<ImportItem> items_;
  const std::uint64_t skipped_;
  std::uint64_t total_bytes_ = 0;
  bool is_moving_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_{};
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> looked_at_ = 0;

  mutable std::mutex mutex_;  // of what follows
  Counts counts_;
  std::vector<ImportFailure> failures_;
  std::unordered_set<std::string> here_;     // hashes that the server has, by this run
  std::unordered_set<std::string> created_;  // ids
  std::optional<NearDuplicateCount> near_duplicates_;
  double known_share_ = 0.5;  // of the files that were asked for lately
  std::uint64_t asked_every_ = 0;
  std::optional<Error> gave_up_;
};

/// What another attempt may bring in: the server is busy, or a moment away.
bool is_passing(const Error& error) {
  return error.code == ErrorCode::overloaded || error.code == ErrorCode::server_unreachable ||
         error.code == ErrorCode::catalog_failed || error.code == ErrorCode::storage_failed ||
         error.code == ErrorCode::cancelled || error.code == ErrorCode::timeout;
}

/// Nothing else would come in either.
bool ends_all(const Error& error) {
  return error.code == ErrorCode::server_unreachable || error.code == ErrorCode::unauthorized ||
         error.code == ErrorCode::forbidden || error.code == ErrorCode::insufficient_storage;
}

Result<void> Import::run(const std::stop_token& stop) {
  {
    std::vector<std::jthread> threads;
    const std::size_t count =
        std::min<std::size_t>(command_.jobs, std::max<std::size_t>(1, items_.size()));
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&] { work(stop); });
  }
  tell(true);
  std::ranges::sort(failures_, {}, &ImportFailure::name);
  if (!gave_up_ && !stop.stop_requested()) count_near_duplicates();
  if (session_.json)
    print_json(session_, summary());
  else
    print_summary();
  if (gave_up_) return std::unexpected(*gave_up_);
  if (looked_at_ < items_.size() && stop.stop_requested())
    return fail(ErrorCode::cancelled,
                std::format("Stopped after {} of {} files. Run it again and it goes on.",
                            looked_at_.load(), items_.size()));
  if (!failures_.empty())
    return fail(failures_.front().error.code,
                std::format("{} of the files could not be brought in.", failures_.size()));
  return {};
}

void Import::work(const std::stop_token& stop) {
  const auto http = session_.http.another();
  while (!stop.stop_requested()) {
    const std::size_t at = next_++;
    if (at >= items_.size()) return;
    {
      const std::lock_guard lock(mutex_);
      if (gave_up_) return;
    }
    const ImportItem& item = items_[at];
    const auto done = bring_in_patiently(*http, item, stop);
    if (!done && done.error().code == ErrorCode::cancelled && stop.stop_requested()) return;
    if (!done) fail_item(item, done.error());
    ++looked_at_;
    tell(false);
  }
}

Result<void> Import::bring_in_patiently(HttpClient& http, const ImportItem& item,
                                        const std::stop_token& stop) {
  auto pause = first_pause;
  for (int attempt = 1;; ++attempt) {
    // The answer to the last attempt may be what got lost; so may an earlier run's journal be a
    // little behind what the server had acknowledged.
    auto done = bring_in(http, item, attempt > 1 || journal_.is_resumed(), stop);
    if (done || !is_passing(done.error()) || attempt == attempts_max) return done;
    for (auto waited = std::chrono::milliseconds{0}; waited < pause;
         waited += std::chrono::milliseconds{50}) {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "Stopped.");
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    pause *= 2;
  }
}

/// By an earlier run, and the server has it still: its bytes need not be read.
Result<bool> Import::was_brought_in(HttpClient& http, const ImportItem& item) {
  const auto digest = journal_.find(item.name, item.bytes, item.stamp);
  if (!digest) return false;
  return has_content(http, *digest);
}

Result<void> Import::bring_in(HttpClient& http, const ImportItem& item, bool may_be_recorded,
                              const std::stop_token& stop) {
  TRY(const bool is_unchanged, was_brought_in(http, item));
  if (is_unchanged) {
    const std::lock_guard lock(mutex_);
    ++counts_.unchanged;
    counts_.unchanged_bytes += item.bytes;
    return {};
  }
  TRY(const auto read, source_.read(item, stop));
  bool is_sent = false;
  TRY(const json::value answer, send(http, read.file, read.digest, may_be_recorded, is_sent));
  note(item, read.digest, answer, is_sent);
  keep_in_journal(item, read.digest);
  return {};
}

/// The server has it, whatever becomes of the journal; but without one nothing more is begun, for
/// another run would record it all once more.
void Import::keep_in_journal(const ImportItem& item, const Digest& digest) {
  const auto kept = journal_.add(item.name, item.bytes, item.stamp, digest);
  if (kept) return;
  const std::lock_guard lock(mutex_);
  if (!gave_up_) gave_up_ = kept.error();
}

bool Import::is_worth_asking(const Digest& digest, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (here_.contains(digest.hex()) || bytes >= always_asked_bytes_min) return true;
  return known_share_ > 0.1 || ++asked_every_ % 16 == 0;
}

Result<json::value> Import::send(HttpClient& http, const OpenFile& file, const Digest& digest,
                                 bool may_be_recorded, bool& is_sent) {
  if (may_be_recorded || is_worth_asking(digest, file.bytes)) {
    TRY(const bool is_there, has_content(http, digest));
    {
      const std::lock_guard lock(mutex_);
      known_share_ += ((is_there ? 1.0 : 0.0) - known_share_) / 16;
    }
    if (is_there && may_be_recorded) {
      TRY(auto recorded, find_recorded(http, words_, file.name, digest));
      if (recorded) return *std::move(recorded);
    }
    if (is_there) {
      TRY(auto known, record_known(http, words_, file, digest));
      if (known) return *std::move(known);
    }
  }
  is_sent = true;
  return send_bytes(http, words_, file, digest, {});
}

void Import::note(const ImportItem& item, const Digest& digest, const json::value& answer,
                  bool is_sent) {
  const std::lock_guard lock(mutex_);
  here_.insert(digest.hex());
  if (is_sent) counts_.sent_bytes += item.bytes;
  if (text_field(answer, "status") == "PENDING") {
    ++counts_.created;
    counts_.created_bytes += item.bytes;
    created_.insert(text_field(answer, "id"));
  } else {
    ++counts_.duplicates;
    counts_.duplicate_bytes += item.bytes;
  }
}

void Import::fail_item(const ImportItem& item, const Error& error) {
  const std::lock_guard lock(mutex_);
  ++counts_.failed;
  failures_.push_back({item.name, error});
  if (ends_all(error) && !gave_up_) gave_up_ = error;
}

/// On a terminal a line that is written over; elsewhere a line every ten seconds.
void Import::tell(bool is_last) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (is_last && is_moving_) {
    session_.err << "\r\x1b[K" << std::flush;
    return;
  }
  const auto interval = is_moving_ ? std::chrono::milliseconds{100} : std::chrono::seconds{10};
  if (told_ == std::chrono::steady_clock::time_point{}) told_ = is_moving_ ? told_ : now;
  if (is_last || session_.json || now - told_ < interval) return;
  told_ = now;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const std::uint64_t bytes =
      counts_.created_bytes + counts_.duplicate_bytes + counts_.unchanged_bytes;
  const double share =
      items_.empty() ? 1.0 : static_cast<double>(looked_at_) / static_cast<double>(items_.size());
  std::string bar;
  if (is_moving_) {
    constexpr int width = 24;
    const int full = static_cast<int>(std::min(share, 1.0) * width);
    bar = "\r\x1b[K[" + std::string(static_cast<std::size_t>(full), '#') +
          std::string(static_cast<std::size_t>(width - full), '.') + "] ";
  }
  session_.err << bar
               << std::format("{} of {} files, {} of {}, {:.0f} files/s, {} new, {} duplicates{}",
                              looked_at_.load(), items_.size(), readable_bytes(bytes),
                              readable_bytes(total_bytes_),
                              static_cast<double>(looked_at_) / std::max(seconds, 0.001),
                              counts_.created, counts_.duplicates,
                              counts_.failed > 0 ? std::format(", {} failed", counts_.failed) : "")
               << (is_moving_ ? "" : "\n") << std::flush;
}

/// As many as have been found by now: whoever wants them all asks again, by `calotype duplicates`.
void Import::count_near_duplicates() {
  if (created_.empty()) return;
  const auto found = list_duplicates(session_);
  if (!found) return;  // a summary without them is a summary still
  near_duplicates_ = NearDuplicateCount{.assets = 0, .pending = found->pending};
  for (const json::value& cluster : found->clusters)
    for (const json::value& member : array_field(cluster, "members"))
      if (created_.contains(text_field(member, "id"))) ++near_duplicates_->assets;
}

json::object Import::summary() const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  json::array failures;
  for (const ImportFailure& failure : failures_)
    failures.push_back(json::object{{"file", to_utf8(failure.name)},
                                    {"code", to_string(failure.error.code)},
                                    {"message", failure.error.message}});
  return {{"files", items_.size()},
          {"bytes", total_bytes_},
          {"new", counts_.created},
          {"new_bytes", counts_.created_bytes},
          {"duplicates", counts_.duplicates},
          {"near_duplicates", near_duplicates_ ? near_duplicates_->assets : 0},
          {"pending", near_duplicates_ ? near_duplicates_->pending : 0},
          {"unchanged", counts_.unchanged},
          {"skipped", skipped_},
          {"failed", failures_.size()},
          {"saved_bytes", counts_.duplicate_bytes},
          {"sent_bytes", counts_.sent_bytes},
          {"seconds", seconds},
          {"failures", std::move(failures)}};
}

void Import::print_summary() const {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  for (const ImportFailure& failure : failures_)
    session_.out << "failed: " << shown_text(failure.name) << ": " << to_string(failure.error.code)
                 << ": " << shown_text(failure.error.message) << '\n';
  const auto line = [&](std::string_view what, std::uint64_t count, const std::string& more = {}) {
    session_.out << std::format("{:<16}{:>6}", what, count) << (more.empty() ? "" : "  ") << more
                 << '\n';
  };
  line("files", items_.size(), readable_bytes(total_bytes_));
  line("new", counts_.created, readable_bytes(counts_.created_bytes));
  line("duplicates", counts_.duplicates,
       readable_bytes(counts_.duplicate_bytes) + " saved: stored already");
  if (near_duplicates_) {
    const std::uint64_t pending = near_duplicates_->pending;
    line("near-duplicates", near_duplicates_->assets,
         pending > 0 ? std::format("so far: {} files are being looked at", pending)
                     : "look like another: calotype duplicates");
  }
  if (counts_.unchanged > 0)
    line("unchanged", counts_.unchanged, "brought in by an earlier run, and not read again");
  if (skipped_ > 0)
    line("skipped", skipped_, "hidden, or no media by their names; --all takes them");
  if (!failures_.empty()) line("failed", failures_.size());
  session_.out << std::format("in {:.1f} s, {} sent\n", seconds,
                              readable_bytes(counts_.sent_bytes));
  session_.out.flush();
}

Result<std::unique_ptr<ImportSource>> open_source(const ImportCommand& command) {
  if (command.source.starts_with("s3://")) return bucket_source(command.source);
  return folder_source(command.source);
}

}  // namespace

Result<void> run(const ImportCommand& command, Session& session) {
  const StopOnSignal interrupt;
  TRY(const auto source, open_source(command));
  const std::string path = command.journal.empty()
                               ? ImportJournal::default_path(source->id(), session.http.server())
                               : command.journal;
  TRY(const auto journal, ImportJournal::open(path, source->id()));
  // Whether there is a server at all is known before a million files are looked at.
  TRY_VOID(ask(session, {.target = "/v1/assets?limit=1"}));
  TRY(auto listing, source->list(command.all, interrupt.token()));
  Import import(command, session, *source, *journal, std::move(listing));
  return import.run(interrupt.token());
}

}  // namespace calotype
