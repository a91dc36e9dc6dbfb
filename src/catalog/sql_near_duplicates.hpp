// SPDX-License-Identifier: Apache-2.0
// Steps that touch what near_duplicate_catalog.hpp keeps, for the other roles' transactions.
#pragma once

#include "catalog/sql_steps.hpp"

namespace calotype {

/// The asset's fingerprint, and what was found to look like it.
Result<void> forget_likeness(Transaction& tx, std::int64_t asset_no);
/// The asset is there again: it is not what it was merged into.
Result<void> forget_merge(Transaction& tx, std::int64_t asset_no);

}  // namespace calotype
