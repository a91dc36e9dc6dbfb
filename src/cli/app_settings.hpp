// SPDX-License-Identifier: Apache-2.0
// From the settings' texts to the structs of the rooms.
#pragma once

#include "app.hpp"
#include "cli/settings.hpp"

namespace calotype {

/// Where the bytes are kept. bad_config, naming the setting.
Result<BlobSettings> blob_settings(const Settings& settings);

/// For `calotype serve`. bad_config, naming the setting.
Result<AppSettings> app_settings(const Settings& settings);
/// For `calotype worker`. As above.
Result<AppSettings> worker_settings(const Settings& settings);
/// What app_settings says of the catalog.
CatalogSettings catalog_settings(const Settings& settings);

}  // namespace calotype
