// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_xml.hpp"

#include <expat.h>

#include <charconv>
#include <memory>

namespace calotype {
namespace {

constexpr std::size_t document_bytes_max = std::size_t{8} << 20;
constexpr std::size_t depth_max = 16;
constexpr std::size_t elements_max = 20'000;

/// The tree while it grows: `open` is the way from the root to the element that is being read.
struct Growth {
  XML_Parser parser = nullptr;
  std::vector<XmlElement> open{};
  std::optional<XmlElement> root{};
  std::size_t elements = 0;
};

void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char**) {
  auto& growth = *static_cast<Growth*>(user);
  if (growth.open.size() >= depth_max || ++growth.elements > elements_max) {
    XML_StopParser(growth.parser, XML_FALSE);
    return;
  }
  growth.open.push_back({.name = name});
}

void XMLCALL on_end(void* user, const XML_Char*) {
  auto& growth = *static_cast<Growth*>(user);
  XmlElement done = std::move(growth.open.back());
  growth.open.pop_back();
  if (growth.open.empty())
    growth.root = std::move(done);
  else
    growth.open.back().children.push_back(std::move(done));
}

void XMLCALL on_text(void* user, const XML_Char* text, int size) {
  auto& growth = *static_cast<Growth*>(user);
  if (!growth.open.empty()) growth.open.back().text.append(text, static_cast<std::size_t>(size));
}

void XMLCALL on_document_type(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  XML_StopParser(static_cast<Growth*>(user)->parser, XML_FALSE);
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
}

void append(std::string& out, const XmlElement& element) {
  out.append("<").append(element.name).append(">");
  append_escaped(out, element.text);
  for (const XmlElement& child : element.children) append(out, child);
  out.append("</").append(element.name).append(">");
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// As S3's encoding-type=url writes it: %XX, and a plus for a space.
std::string url_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<XmlElement> document_of(std::string_view text, std::string_view root) {
  auto tree = parse_xml(text);
  if (!tree || tree->name != root) return std::nullopt;
  return tree;
}

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  for (const XmlElement& element : children)
    if (element.name == child) return &element;
  return nullptr;
}

std::string_view XmlElement::text_of(std::string_view child) const {
  const XmlElement* const element = find(child);
  return element == nullptr ? std::string_view{} : std::string_view(element->text);
}

std::optional<XmlElement> parse_xml(std::string_view document) {
  if (document.empty() || document.size() > document_bytes_max) return std::nullopt;
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                       XML_ParserFree);
  if (!parser) return std::nullopt;
  Growth growth{.parser = parser.get()};
  XML_SetUserData(parser.get(), &growth);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
  const auto status =
      XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE);
  if (status != XML_STATUS_OK) return std::nullopt;
  return std::move(growth.root);
}

std::string to_xml(const XmlElement& element) {
  std::string out;
  append(out, element);
  return out;
}

std::optional<Timestamp> parse_s3_time(std::string_view text) {
  // 2026-11-25T00:54:45[.872]Z
  const auto part = [&](std::size_t at, std::size_t size) {
    const auto value = text.size() < at + size ? std::nullopt : number(text.substr(at, size));
    return value ? static_cast<int>(*value) : -1;
  };
  if (text.size() < 20 || !text.ends_with('Z') || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const int hours = part(11, 2);
  const int minutes = part(14, 2);
  const int seconds = part(17, 2);
  const int month = part(5, 2);
  const int day = part(8, 2);
  const int year = part(0, 4);
  int milliseconds = 0;
  if (text.size() > 20) milliseconds = text[19] == '.' && text.size() >= 24 ? part(20, 3) : -1;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60 ||
      milliseconds < 0 || month < 1 || day < 1 || year < 1)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Timestamp{std::chrono::sys_days(date)} + std::chrono::hours(hours) +
         std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
         std::chrono::milliseconds(milliseconds);
}

std::optional<S3ListPage> parse_list_page(std::string_view document) {
  const auto tree = document_of(document, "ListBucketResult");
  if (!tree) return std::nullopt;
  const bool encoded = tree->text_of("EncodingType") == "url";
  S3ListPage page;
  for (const XmlElement& element : tree->children) {
    if (element.name != "Contents") continue;
    const auto bytes = number(element.text_of("Size"));
    const auto modified = parse_s3_time(element.text_of("LastModified"));
    if (!bytes || !modified) return std::nullopt;
    const auto key = element.text_of("Key");
    page.objects.push_back({encoded ? url_decoded(key) : std::string(key), *bytes, *modified,
                            std::string(element.text_of("ETag"))});
  }
  if (tree->text_of("IsTruncated") == "true") {
    page.continuation = tree->text_of("NextContinuationToken");
    if (page.continuation.empty()) return std::nullopt;
  }
  return page;
}

std::optional<S3UploadPage> parse_upload_page(std::string_view document) {
  const auto tree = document_of(document, "ListMultipartUploadsResult");
  if (!tree) return std::nullopt;
  const bool encoded = tree->text_of("EncodingType") == "url";
  const auto decoded = [encoded](std::string_view text) {
    return encoded ? url_decoded(text) : std::string(text);
  };
  S3UploadPage page;
  for (const XmlElement& element : tree->children) {
    if (element.name != "Upload") continue;
    const auto initiated = parse_s3_time(element.text_of("Initiated"));
    if (!initiated) continue;
    page.uploads.push_back(
        {decoded(element.text_of("Key")), std::string(element.text_of("UploadId")), *initiated});
  }
  if (tree->text_of("IsTruncated") == "true") {
    page.key_marker = decoded(tree->text_of("NextKeyMarker"));
    page.upload_marker = tree->text_of("NextUploadIdMarker");
  }
  return page;
}

std::optional<S3ErrorDocument> parse_s3_error(std::string_view document) {
  const auto tree = document_of(document, "Error");
  if (!tree || is_blank(tree->text_of("Code"))) return std::nullopt;
  return S3ErrorDocument{std::string(tree->text_of("Code")), std::string(tree->text_of("Message")),
                         std::string(tree->text_of("Region"))};
}

std::optional<std::string> parse_upload_id(std::string_view document) {
  const auto tree = document_of(document, "InitiateMultipartUploadResult");
  if (!tree || tree->text_of("UploadId").empty()) return std::nullopt;
  return std::string(tree->text_of("UploadId"));
}

}  // namespace calotype
