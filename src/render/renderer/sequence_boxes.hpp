// SPDX-License-Identifier: Apache-2.0
// How many frames a HEIF sequence has, and how long each is shown, read from its boxes (ISO
// 14496-12): libheif tells it only by walking through all repetitions, which may be endless.
//
//   moov › trak › mdia › hdlr "pict", mdhd {timescale}, minf › stbl › stts {count, duration}…
#pragma once

#include <cstdint>
#include <vector>

#include "render/renderer/picture.hpp"

namespace calotype {

/// Of the first track of pictures, milliseconds a frame; empty where there is none. No more than
/// `frames_max` are told.
std::vector<int> delays_of_sequence(Bytes heif, std::size_t frames_max);

}  // namespace calotype
