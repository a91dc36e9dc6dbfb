// SPDX-License-Identifier: Apache-2.0
// Fonts for the text of SVG and PDF, behind walls that no file can be opened through. The fonts
// that this machine would choose are opened before the sealing; afterwards whoever opens one of
// them by its path gets a duplicate of that descriptor, and Fontconfig knows of no others.
#pragma once

namespace calotype {

/// Before the sandbox, once. False where there is no font at all: text will be missing.
bool open_fonts();

}  // namespace calotype
