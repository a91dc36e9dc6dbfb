// SPDX-License-Identifier: Apache-2.0
// The bucket that the bytes are in: whether it can do what the server needs of it, and its
// lifecycle.
#include <ostream>

#include "app.hpp"
#include "base/metrics.hpp"
#include "cli/app_settings.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {

Result<void> run(const StorageCheckCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  TRY(const BlobSettings blobs, blob_settings(settings));
  Metrics metrics;
  TRY(const auto upkeep, open_storage_upkeep(blobs, metrics));
  std::size_t failures = 0;
  json::array steps;
  for (const auto& [name, outcome] : upkeep->check()) {
    std::string said = "ok";
    if (!outcome) {
      ++failures;
      said = outcome.error().message;
      if (!outcome.error().detail.empty()) said += " (" + outcome.error().detail + ")";
    }
    if (session.json)
      steps.push_back(json::object{{"step", name}, {"ok", outcome.has_value()}, {"said", said}});
    else
      session.out << (outcome ? "ok      " : "FAILED  ") << name
                  << (outcome ? std::string{} : ": " + shown_text(said)) << '\n';
  }
  if (session.json) print_json(session, json::object{{"steps", std::move(steps)}});
  if (failures == 0) return {};
  return fail(ErrorCode::storage_failed, "The bucket cannot do all that is needed of it.");
}

Result<void> run(const StorageLifecycleCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  TRY(const BlobSettings blobs, blob_settings(settings));
  Metrics metrics;
  TRY(const auto upkeep, open_storage_upkeep(blobs, metrics));
  TRY(const auto rules,
      upkeep->apply_lifecycle({.infrequent_after_days = static_cast<int>(command.days),
                               .infrequent_class = command.infrequent_class,
                               .abort_after_days = 2}));
  if (session.json) {
    json::array ids;
    for (const std::string& id : rules) ids.emplace_back(id);
    print_json(session, json::object{{"rules", std::move(ids)}});
    return {};
  }
  session.out << "In force: variants go to " << command.infrequent_class << " after "
              << command.days
              << " days, uploads in parts that never ended are aborted after 2 days.\n";
  for (const std::string& id : rules) session.out << "  " << id << '\n';
  return {};
}

}  // namespace calotype
