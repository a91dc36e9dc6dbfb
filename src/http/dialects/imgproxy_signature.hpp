// SPDX-License-Identifier: Apache-2.0
// imgproxy's signatures: base64url of HMAC-SHA256(key, salt + path), of which only the first bytes
// may be in use. The path is what follows the signature, raw. Several pairs of key and salt let
// them be changed one after another.
//
//   /imgproxy/oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:400:0/g:sm/aHR0c….png
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace calotype {

struct ImgproxyKeys {
  struct Pair {
    std::vector<std::byte> key, salt;
  };
  std::vector<Pair> pairs;          // none: any signature will do
  std::size_t signature_size = 32;  // bytes, 1 to 32
};

/// Keys and salts as hexadecimal, each joined by commas, as many of the one as of the other.
/// bad_config.
Result<ImgproxyKeys> parse_imgproxy_keys(std::string_view keys, std::string_view salts,
                                         std::size_t signature_size);

std::string imgproxy_signature(const ImgproxyKeys::Pair& pair, std::size_t signature_size,
                               std::string_view path);

/// bad_signature where there are keys and it is none of theirs.
Result<void> check_imgproxy_signature(const ImgproxyKeys& keys, std::string_view signature,
                                      std::string_view path);

}  // namespace calotype
