// SPDX-License-Identifier: Apache-2.0
// Everything that a library loads late is loaded here early: modules, plugins, tables. After it the
// process can be sealed.
#pragma once

#include <string>

namespace calotype {

/// Starts the libraries and exercises them. Empty, or what is wrong.
std::string start_libraries();
/// Makes, reads and inspects a small picture in every format. Empty, or what is wrong.
std::string exercise();
/// Of our own pixels and of every library that makes them.
std::string renderer_version();

}  // namespace calotype
