// SPDX-License-Identifier: Apache-2.0
// Steps that touch what integrity_catalog.hpp keeps, for the other roles' transactions.
#pragma once

#include <string>

#include "catalog/sql_steps.hpp"

namespace calotype {

/// "raw/aa/bb/<hash>": an original is named by its asset's hash, and not by a column.
std::string original_key(const Digest& digest);
/// The asset of an original's key; nothing for the other kinds of blobs.
std::optional<AssetId> asset_of_original(std::string_view blob_key);

Result<bool> holds_quarantined(Connection& db, std::string_view blob_key);
/// Its original has gone.
Result<void> forget_integrity_of(Transaction& tx, const AssetId& id);

}  // namespace calotype
