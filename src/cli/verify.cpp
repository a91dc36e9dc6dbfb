// SPDX-License-Identifier: Apache-2.0
// Says whether what is kept is what was stored, and what is not, by name.
#include <unistd.h>

#include <charconv>
#include <format>
#include <ostream>

#include "base/log.hpp"
#include "cli/app_settings.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

/// "3/30": counted from 1.
Result<VerifyOptions> options_of(const VerifyCommand& command) {
  VerifyOptions options{.repair = command.repair};
  if (command.share.empty()) return options;
  const char* const end = command.share.data() + command.share.size();
  std::uint32_t number = 0;
  std::uint32_t of = 0;
  const auto first = std::from_chars(command.share.data(), end, number);
  if (first.ec == std::errc{} && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, of);
    if (second.ec == std::errc{} && second.ptr == end && number >= 1 && number <= of &&
        of <= 65'536) {
      options.share = number - 1;
      options.shares = of;
      return options;
    }
  }
  return fail(
      ErrorCode::bad_request,
      "--share is NUMBER/OF such as 3/30, from 1/1 to 65536/65536, not “" + command.share + "”.");
}

json::value report_json(const VerifyReport& report, std::size_t wrong, double seconds) {
  json::array findings;
  for (const VerifyFinding& found : report.findings)
    findings.push_back(json::object{
        {"blob", found.blob_key},
        {"fault", to_string(found.fault)},
        {"role", to_string(found.role)},
        {"asset", found.asset_id.empty() ? json::value(nullptr) : json::value(found.asset_id)},
        {"detail", found.detail},
        {"action", found.action.empty() ? json::value(nullptr) : json::value(found.action)},
        {"mended", found.mended}});
  json::array quarantined;
  for (const QuarantineRow& row : report.quarantined)
    quarantined.push_back(json::object{{"blob", row.blob_key},
                                       {"asset", row.asset_id},
                                       {"reason", row.reason},
                                       {"found_at", to_rfc3339(row.found_at)}});
  return json::object{{"right", wrong == 0},
                      {"blobs", report.blobs},
                      {"bytes", report.bytes},
                      {"rows", report.rows},
                      {"healed", report.healed},
                      {"seconds", seconds},
                      {"findings", std::move(findings)},
                      {"quarantined", std::move(quarantined)}};
}

void print_report(Session& session, const VerifyReport& report, double seconds) {
  for (const VerifyFinding& found : report.findings) {
    session.out << to_string(found.role) << ' ' << to_string(found.fault) << ": "
                << shown_text(found.blob_key);
    if (!found.asset_id.empty()) session.out << ", asset " << shown_text(found.asset_id);
    session.out << " (" << shown_text(found.detail) << ")";
    if (!found.action.empty()) session.out << ": " << found.action;
    session.out << '\n';
  }
  for (const QuarantineRow& row : report.quarantined)
    session.out << "quarantined: " << shown_text(row.blob_key) << ", asset "
                << shown_text(row.asset_id) << ", since " << to_rfc3339(row.found_at) << '\n';
  const double rate = seconds > 0 ? static_cast<double>(report.bytes) / 1e6 / seconds : 0;
  session.out << std::format(
      "Hashed {} blobs, {} in {:.1f} s ({:.0f} MB/s), and looked for those of {} rows.\n",
      report.blobs, readable_bytes(report.bytes), seconds, rate, report.rows);
  if (report.healed > 0)
    session.out << std::format("{} left quarantine: their bytes are right again.\n", report.healed);
}

}  // namespace

Result<void> run(const VerifyCommand& command, Session& session) {
  TRY(const VerifyOptions options, options_of(command));
  TRY(const Settings settings, load_settings(command.config));
  log::configure(log::Format::text, log::Level::off);
  TRY(const AppSettings app, app_settings(settings));
  const bool is_moving = !session.json && ::isatty(STDERR_FILENO) == 1;
  const auto began = std::chrono::steady_clock::now();
  TRY(const VerifyReport report, verify(app, options, [&](const Verify::Progress& progress) {
        if (is_moving)
          session.err << "\r\x1b[K" << std::format("{} blobs, ", progress.blobs)
                      << readable_bytes(progress.bytes) << std::flush;
      }));
  if (is_moving) session.err << "\r\x1b[K" << std::flush;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  // What is quarantined is wrong too, though an earlier run has found it.
  const auto unmended = static_cast<std::size_t>(std::ranges::count_if(
      report.findings, [](const VerifyFinding& found) { return !found.mended; }));
  const std::size_t wrong = std::max(unmended, report.quarantined.size());
  if (session.json)
    print_json(session, report_json(report, wrong, seconds));
  else
    print_report(session, report, seconds);
  if (wrong == 0) {
    if (!session.json) session.out << "All is right.\n";
    return {};
  }
  return fail(ErrorCode::blob_corrupt, std::format("{} of what is kept {} not what it has to be.",
                                                   wrong, wrong == 1 ? "is" : "are"));
}

}  // namespace calotype
