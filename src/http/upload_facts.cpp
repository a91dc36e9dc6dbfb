// SPDX-License-Identifier: Apache-2.0
#include "http/upload_facts.hpp"

#include <algorithm>
#include <cmath>
#include <format>

#include "catalog/library_catalog.hpp"
#include "http/content_disposition.hpp"
#include "http/query.hpp"
#include "http/request_head.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::size_t word_bytes_max = 200;  // of a tag, and of a collection's name
constexpr std::size_t fields_bytes_max = 16 << 10;

/// In UTF-8 and without control characters, by which nothing is found.
std::string plain_text(std::string_view text) {
  std::string plain = to_utf8(text);
  std::erase_if(plain, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
  return plain;
}

Result<void> add_tags(std::vector<std::string>& tags, std::string_view list) {
  for (std::string& tag : split_list(plain_text(list))) {
    if (tag.size() > word_bytes_max || tags.size() == tags_max)
      return fail(ErrorCode::bad_request, std::format("An upload has at most {} tags of {} bytes.",
                                                      tags_max, word_bytes_max));
    tags.push_back(std::move(tag));
  }
  return {};
}

/// JSON has no infinity, and what stands for one ends many a client's reading of a whole listing.
bool has_infinity(const json::value& value) {
  if (value.is_double()) return !std::isfinite(value.get_double());
  if (value.is_array()) return std::ranges::any_of(value.get_array(), has_infinity);
  return value.is_object() && std::ranges::any_of(value.get_object(), [](const auto& member) {
           return has_infinity(member.value());
         });
}

Result<void> set_fields(UploadFacts& facts, const json::value& fields) {
  if (!fields.is_object()) return fail(ErrorCode::bad_request, "fields is a JSON object.");
  if (has_infinity(fields))
    return fail(ErrorCode::bad_request, "fields has a number that is too large.");
  facts.fields_json = json::serialize(fields);
  if (facts.fields_json.size() > fields_bytes_max)
    return fail(ErrorCode::bad_request,
                std::format("fields has at most {} bytes.", fields_bytes_max));
  return {};
}

}  // namespace

Result<std::string> clean_collection(std::string_view text) {
  const std::string clean = plain_text(text);
  std::string name(trim(clean));
  if (name.size() > word_bytes_max)
    return fail(ErrorCode::bad_request,
                std::format("A collection's name has at most {} bytes.", word_bytes_max));
  return name;
}

Result<void> take_fact(UploadFacts& facts, std::string_view name, std::string_view text) {
  if (name == "tags") {
    TRY_VOID(add_tags(facts.tags, text));
  } else if (name == "collection") {
    TRY(facts.collection, clean_collection(text));
  } else if (name == "fields" && !text.empty()) {
    TRY(const json::value fields, parse_json(text));
    TRY_VOID(set_fields(facts, fields));
  }
  return {};
}

Result<std::string> text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::string{};
  if (!value->is_string()) return fail(ErrorCode::bad_request, std::format("{} is a text.", name));
  return std::string(value->as_string());
}

Result<std::vector<std::string>> tags_member(const json::object& object, std::string_view name) {
  std::vector<std::string> tags;
  const json::value* list = object.if_contains(name);
  if (list == nullptr) return tags;
  const auto refusal = [&] {
    return fail(ErrorCode::bad_request, std::format("{} is a list of texts.", name));
  };
  if (!list->is_array()) return refusal();
  for (const json::value& tag : list->as_array()) {
    if (!tag.is_string()) return refusal();
    TRY_VOID(add_tags(tags, std::string_view(tag.as_string())));
  }
  return tags;
}

Result<void> take_facts(UploadFacts& facts, const json::object& object) {
  TRY(const std::string name, text_member(object, "file_name"));
  if (!name.empty()) facts.file_name = clean_relative_name(name);
  TRY(const auto tags, tags_member(object, "tags"));
  for (const std::string& tag : tags) TRY_VOID(add_tags(facts.tags, tag));
  TRY(const std::string collection, text_member(object, "collection"));
  if (!collection.empty()) TRY_VOID(take_fact(facts, "collection", collection));
  const json::value* fields = object.if_contains("fields");
  return fields == nullptr ? Result<void>{} : set_fields(facts, *fields);
}

Result<UploadFacts> facts_of(const Exchange& exchange) {
  UploadFacts facts{.uploader = exchange.principal.name};
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"file_name", "tags", "collection", "fields"}));
  if (const auto disposition =
          parse_field_parameters(exchange.head.first(FieldName::content_disposition)))
    facts.file_name = file_name_in(*disposition);
  if (const std::string* name = query.find("file_name"))
    facts.file_name = clean_relative_name(*name);
  for (const std::string_view name : {"tags", "collection", "fields"})
    for (const std::string& text : query.all(name)) TRY_VOID(take_fact(facts, name, text));
  return facts;
}

}  // namespace calotype
