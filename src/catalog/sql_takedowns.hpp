// SPDX-License-Identifier: Apache-2.0
// The bar that takedowns put before content, for the transactions that record uploads. A barred
// asset is DELETED, and its row stays: so whoever holds an asset that is not DELETED, or makes its
// row, need not ask.
#pragma once

#include "catalog/sql_steps.hpp"

namespace calotype {

Result<bool> holds_bar(Connection& db, const AssetId& id);
/// The refusal: asset_barred.
std::unexpected<Error> is_kept_out();

}  // namespace calotype
