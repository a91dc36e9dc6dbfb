// SPDX-License-Identifier: Apache-2.0
// The schema, as numbered steps that only go forward. A step that has been released is never
// changed; a change is a new step.
#pragma once

#include "catalog/database.hpp"

namespace calotype {

/// Brings the schema to this program's version, each step in a transaction of its own.
/// catalog_failed, naming both versions, where the catalog is of a newer program.
Result<void> migrate(Database& database, Timestamp now);

/// How many steps this program knows.
int schema_version();

}  // namespace calotype
