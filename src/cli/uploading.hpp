// SPDX-License-Identifier: Apache-2.0
// One file brought in, for the commands that do it: hashed first, so that content which the server
// has is recorded without being sent, and so that what arrives is held against what was read. Where
// keys are in force the server wants a proof that we have the bytes, and not only their hash: the
// hash of a range that it picks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"
#include "cli/http_client.hpp"

namespace calotype {

struct OpenFile {
  UniqueFd fd;
  std::uint64_t bytes = 0;
  std::string name;  // as the upload is recorded
};

struct UploadWords {
  std::vector<std::string> tags;
  std::string collection;
  json::object fields;
};

/// Feeds a range of the file to the hash. bad_request where it cannot be read, or has become
/// shorter.
Result<void> hash_range(const OpenFile& file, std::uint64_t offset, std::uint64_t length,
                        Sha256& hash);

/// Whether the server has it and would record it without its bytes. overloaded where it cannot say.
Result<bool> has_content(HttpClient& http, const Digest& digest);
/// What the server has answered, or would have, to an upload of that content by that name and with
/// these words; nothing where it has recorded no such one.
Result<std::optional<json::value>> find_recorded(HttpClient& http, const UploadWords& words,
                                                 const std::string& file_name,
                                                 const Digest& digest);
/// Another upload of what the server has: its answer; nothing where it has not.
Result<std::optional<json::value>> record_known(HttpClient& http, const UploadWords& words,
                                                const OpenFile& file, const Digest& digest);
/// With its bytes. `progress` may be empty.
Result<json::value> send_bytes(HttpClient& http, const UploadWords& words, const OpenFile& file,
                               const Digest& digest, std::function<void(std::uint64_t)> progress);

}  // namespace calotype
