// SPDX-License-Identifier: Apache-2.0
// The tables `listing` and `label`: an asset's properties as they are listed by, beside its own
// rows, so that what is rewritten at every change of state carries no indexes. Both are derived. An
// asset has its row in `listing` if and only if it is not DELETED, and every transaction that
// changes what they are made of keeps them true by one of these steps.
#pragma once

#include "catalog/sql_steps.hpp"

namespace calotype {

/// Stands for a date that is not known: older than every date.
inline constexpr std::int64_t undated = -999'999'999'999'999;

/// Of an asset that is new, or back: called so, until inspection says more.
Result<void> begin_listing(Connection& db, std::int64_t asset_no, std::string_view file_name);
/// What one more upload says.
Result<void> list_upload(Connection& db, std::int64_t asset_no, const NewUpload& upload);
/// What inspection says, instead of what it said before.
Result<void> list_media(Connection& db, std::int64_t asset_no, const MediaInfo& media);
/// Everything anew, of the asset's other rows.
Result<void> list_anew(Connection& db, std::int64_t asset_no);
Result<void> end_listing(Connection& db, std::int64_t asset_no);

/// Lists what a catalog of an older schema holds: some hundred assets a transaction, and where it
/// was interrupted it goes on. Nothing to do afterwards.
Result<void> list_what_is_there(Database& database);

}  // namespace calotype
