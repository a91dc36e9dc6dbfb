// SPDX-License-Identifier: Apache-2.0
// What a client says of an upload beside its bytes, in whatever form it says it: parameters of a
// query, fields of a form, members of a JSON object. The names are the same everywhere: file_name,
// tags, collection, fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "http/site.hpp"

namespace calotype {

/// tags ("a, b"; adds to those there are), collection, or fields (a JSON object as text); any other
/// name is passed over. bad_request where it is too much, or no JSON object.
Result<void> take_fact(UploadFacts& facts, std::string_view name, std::string_view text);

/// The same from members of a JSON object, where tags are a list and fields an object; file_name
/// too.
Result<void> take_facts(UploadFacts& facts, const json::object& object);

/// Of the request's query and Content-Disposition; the uploader is who asks.
Result<UploadFacts> facts_of(const Exchange& exchange);

/// A member that is a text; empty where it is missing. bad_request where it is something else.
Result<std::string> text_member(const json::object& object, std::string_view name);
/// A member that is a list of tags, split at commas.
Result<std::vector<std::string>> tags_member(const json::object& object, std::string_view name);
/// A collection's name, cleaned. bad_request where it is too long.
Result<std::string> clean_collection(std::string_view text);

}  // namespace calotype
