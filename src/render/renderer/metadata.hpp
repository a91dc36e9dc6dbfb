// SPDX-License-Identifier: Apache-2.0
// What a camera and an editor wrote beside the pixels, as JSON, by Exiv2:
//
//   {"exif":{"Image":{"Make":"NIKON","XResolution":300},"Photo":{"FNumber":5.6,…},"GPSInfo":{…}},
//    "gps":{"latitude":48.137,"longitude":11.575,"altitude":519},
//    "xmp":{"dc":{"creator":["…"]}},"iptc":{"Application2":{"Keywords":["…","…"]}}}
//
// Numbers are numbers, rationals too; text is valid UTF-8; maker notes and long binary values are
// left out; the whole is bounded. What is absent has no key, and the answer is always an object.
#pragma once

#include <string>

#include "render/renderer/picture.hpp"

namespace calotype {

/// Once, before threads.
void start_metadata();
/// "{}" where there is nothing, or nothing that can be read.
std::string metadata_json(Bytes bytes);

}  // namespace calotype
