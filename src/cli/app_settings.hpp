// SPDX-License-Identifier: Apache-2.0
// From the table of settings to the rooms' own structs.
#pragma once

#include "app.hpp"
#include "cli/settings.hpp"

namespace calotype {

/// bad_config, naming the setting.
Result<AppSettings> app_settings(const Settings& settings);

}  // namespace calotype
