// SPDX-License-Identifier: Apache-2.0
// What has changed, told to this program's listeners and, in words, to the other programs on the
// catalog. A word is "<origin> deleted <asset id>", "<origin> improved <asset id>", "<origin> keys"
// or "<origin> ready <lane>". Those of our own come back and are passed over, for our listeners
// have been told; so are those of newer programs that we do not know.
#include <array>
#include <format>
#include <mutex>

#include "base/ids.hpp"
#include "catalog/sql_catalog.hpp"

namespace calotype {
namespace {

std::string in_words(std::string_view origin, const CatalogChange& change) {
  if (change.what == CatalogChange::What::asset_deleted)
    return std::format("{} deleted {}", origin, change.asset->text());
  if (change.what == CatalogChange::What::variant_improved)
    return std::format("{} improved {}", origin, change.asset->text());
  return std::format("{} keys", origin);
}

}  // namespace

SqlCatalog::SqlCatalog(std::unique_ptr<Database> database, const Clock& clock, Sharing sharing)
    : database_(std::move(database)),
      clock_(clock),
      sharing_(sharing),
      origin_(new_id(clock.now())) {
  database_->listen([this](std::optional<std::string_view> word) { take_word(word); });
}

SqlCatalog::~SqlCatalog() {
  database_->listen(nullptr);
}

Result<void> SqlCatalog::notify(Transaction& transaction) {
  if (transaction.dialect.notify.empty()) return {};
  for (const CatalogChange& change : transaction.changes)
    TRY_VOID(transaction.db.execute(transaction.dialect.notify, {in_words(origin_, change)}));
  return {};
}

void SqlCatalog::announce(Lane lane) {
  wake(lane);
  database_->tell(std::format("{} ready {}", origin_, to_string(lane)));
}

void SqlCatalog::take_word(std::optional<std::string_view> word) {
  if (!word) {
    for (const Lane lane : every_lane) wake(lane);
    tell({.what = CatalogChange::What::missed});
    return;
  }
  if (word->starts_with(origin_)) return;
  const auto said = word->substr(std::min(word->find(' '), word->size()));
  constexpr std::string_view deleted = " deleted ";
  constexpr std::string_view improved = " improved ";
  constexpr std::string_view ready = " ready ";
  if (said.starts_with(deleted)) {
    if (const auto id = AssetId::parse(said.substr(deleted.size())))
      tell({.what = CatalogChange::What::asset_deleted, .asset = id});
  } else if (said.starts_with(improved)) {
    if (const auto id = AssetId::parse(said.substr(improved.size())))
      tell({.what = CatalogChange::What::variant_improved, .asset = id});
  } else if (said == " keys") {
    tell({.what = CatalogChange::What::keys_changed});
  } else if (said.starts_with(ready)) {
    for (const Lane lane : every_lane)
      if (said.substr(ready.size()) == to_string(lane)) wake(lane);
  }
}

void SqlCatalog::on_job_ready(std::function<void(Lane)> wake) {
  const std::unique_lock lock(listeners_mutex_);
  wake_ = std::move(wake);
}

void SqlCatalog::wake(Lane lane) {
  const std::shared_lock lock(listeners_mutex_);
  if (wake_) wake_(lane);
}

void SqlCatalog::on_change(std::function<void(const CatalogChange&)> hear) {
  const std::unique_lock lock(listeners_mutex_);
  hear_ = std::move(hear);
}

void SqlCatalog::tell(const CatalogChange& change) {
  const std::shared_lock lock(listeners_mutex_);
  if (hear_) hear_(change);
}

}  // namespace calotype
