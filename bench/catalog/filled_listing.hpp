// SPDX-License-Identifier: Apache-2.0
// What the assets of a filled catalog are listed by, in SQL that both engines read: of every
// property a value that each fifth has, whatever their number, and one that two hundred have.
#pragma once

#include <algorithm>
#include <format>
#include <string>

namespace calotype {

inline std::string listing_of_filled(std::size_t assets) {
  return std::format(
      "UPDATE asset SET bytes = 1000 + asset_no * 7919 % 1000, "
      "state = CASE WHEN asset_no % 5 = 1 THEN 'METADATA_FAILED' ELSE state END;"
      "INSERT INTO listing (asset_no, created_at, taken_at, bytes, width, height, name) "
      "SELECT asset_no, created_at, asset_no * 7919 % 1000, bytes, 1 + asset_no * 31 % 1000, "
      "1 + asset_no * 37 % 1000, 'photo ' || (asset_no * 7919 % 1000) FROM asset;"
      "INSERT INTO label (kind, value, created_at, asset_no) "
      "SELECT 'tag', 'fifth' || (asset_no % 5), created_at, asset_no FROM asset UNION ALL "
      "SELECT 'collection', 'fifth' || (asset_no % 5), created_at, asset_no FROM asset UNION ALL "
      "SELECT 'camera', 'fifth' || (asset_no % 5), created_at, asset_no FROM asset UNION ALL "
      "SELECT 'type', 'fifth' || (asset_no % 5), created_at, asset_no FROM asset UNION ALL "
      "SELECT 'word', 'fifth' || (asset_no % 5), created_at, asset_no FROM asset UNION ALL "
      "SELECT 'word', 'photo', created_at, asset_no FROM asset;"
      "INSERT INTO label (kind, value, created_at, asset_no) "
      "SELECT 'tag', 'rare', created_at, asset_no FROM asset WHERE asset_no % {0} = 0 UNION ALL "
      "SELECT 'word', 'rare', created_at, asset_no FROM asset WHERE asset_no % {0} = 0;"
      "UPDATE listing SET width = 5000, bytes = 5000, taken_at = 5000 WHERE asset_no % {0} = 0;",
      std::max<std::size_t>(1, assets / 200));
}

}  // namespace calotype
