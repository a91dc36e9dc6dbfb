// SPDX-License-Identifier: Apache-2.0
// The schema, as numbered steps that only go forward. A step that has been released is never
// changed; a change is a new step.
#pragma once

#include "catalog/database.hpp"

namespace calotype {

/// How many steps this program knows.
int schema_version();

/// Brings the schema to this program's version, or to an older one for tests of the way from there,
/// each step in a transaction of its own. catalog_failed, naming both versions, where the catalog
/// is of a newer program.
Result<void> migrate(Database& database, Timestamp now, int version = schema_version());

}  // namespace calotype
