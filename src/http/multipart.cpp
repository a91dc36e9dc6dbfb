// SPDX-License-Identifier: Apache-2.0
#include "http/multipart.hpp"

#include <algorithm>

#include "http/content_disposition.hpp"
#include "http/request_head.hpp"

namespace calotype {
namespace {

constexpr std::size_t boundary_bytes_max = 70;
constexpr std::size_t delimiter_padding_max = 100;

std::unexpected<Error> broken(std::string_view what) {
  return fail(ErrorCode::bad_request, "The multipart body is broken: " + std::string(what));
}

/// How much of the text's end could be the beginning of the delimiter.
std::size_t partial_match(std::string_view text, std::string_view delimiter) {
  std::size_t length = std::min(text.size(), delimiter.size() - 1);
  while (length > 0 && !delimiter.starts_with(text.substr(text.size() - length))) --length;
  return length;
}

Result<PartHead> parse_part_head(std::string_view text) {
  PartHead head;
  bool named = false;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 2);
    const auto colon = line.find(':');
    if (colon == line.npos || line.contains('\n')) return broken("a part's head is malformed.");
    if (!equal_ignoring_case(trim(line.substr(0, colon)), "content-disposition")) continue;
    const auto disposition = parse_field_parameters(line.substr(colon + 1));
    if (!disposition || disposition->value != "form-data" || named)
      return broken("a part's Content-Disposition is malformed.");
    named = true;
    if (const std::string* name = disposition->find("name")) head.name = *name;
    if (disposition->find("filename") != nullptr || disposition->find("filename*") != nullptr)
      head.file_name = file_name_in(*disposition);
  }
  if (!named) return broken("a part has no Content-Disposition.");
  return head;
}

}  // namespace

Result<std::optional<std::string>> multipart_boundary(std::string_view content_type) {
  const auto parsed = parse_field_parameters(content_type);
  if (!parsed || parsed->value != "multipart/form-data") {
    if (!parsed && equal_ignoring_case(content_type.substr(0, 19), "multipart/form-data"))
      return fail(ErrorCode::bad_request, "The Content-Type is malformed.");
    return std::nullopt;
  }
  const std::string* boundary = parsed->find("boundary");
  if (boundary == nullptr || boundary->empty() || boundary->size() > boundary_bytes_max ||
      boundary->ends_with(' ') ||
      std::ranges::any_of(*boundary, [](char c) { return c < 0x20 || c == 0x7f; }))
    return fail(ErrorCode::bad_request,
                "multipart/form-data needs a boundary of 1 to 70 characters.");
  return *boundary;
}

MultipartParser::MultipartParser(std::string_view boundary)
    : delimiter_("\r\n--" + std::string(boundary)),
      held_("\r\n") {}  // the first delimiter may stand at the very start

Result<void> MultipartParser::feed(std::string_view chunk, Receiver& receiver) {
  while (!chunk.empty()) {
    switch (state_) {
      case State::preamble:
      case State::content:
        TRY_VOID(find_delimiter(chunk, receiver));
        break;
      case State::delimiter_end:
        TRY_VOID(delimiter_end(chunk));
        break;
      case State::head:
        TRY_VOID(head(chunk, receiver));
        break;
      case State::epilogue:
        return {};
    }
  }
  return {};
}

Result<void> MultipartParser::emit(std::string_view bytes, Receiver& receiver) {
  if (bytes.empty()) return {};
  if (state_ == State::content) return receiver.part_content(bytes);
  preamble_bytes_ += bytes.size();
  if (preamble_bytes_ > preamble_bytes_max) return broken("no part begins.");
  return {};
}

/// Passes on what is certainly content, and holds back what may be the start of the delimiter.
Result<void> MultipartParser::find_delimiter(std::string_view& chunk, Receiver& receiver) {
  if (!held_.empty()) {
    // The held bytes are a proper prefix of the delimiter; does the chunk carry on with it?
    const std::size_t needed = delimiter_.size() - held_.size();
    const std::size_t taken = std::min(needed, chunk.size());
    const std::string_view rest = std::string_view(delimiter_).substr(held_.size());
    if (rest.starts_with(chunk.substr(0, taken))) {
      held_.append(chunk.substr(0, taken));
      chunk.remove_prefix(taken);
    } else {
      const std::string window = held_ + std::string(chunk.substr(0, taken));
      // A later start inside what is held may still be the delimiter's.
      std::size_t start = 1;
      while (!delimiter_.starts_with(std::string_view(window).substr(start))) ++start;
      TRY_VOID(emit(std::string_view(window).substr(0, start), receiver));
      held_ = window.substr(start);
      chunk.remove_prefix(taken);
      return {};
    }
    if (held_.size() < delimiter_.size()) return {};
  } else {
    const auto found = chunk.find(delimiter_);
    if (found == chunk.npos) {
      const std::size_t kept = partial_match(chunk, delimiter_);
      TRY_VOID(emit(chunk.substr(0, chunk.size() - kept), receiver));
      held_ = chunk.substr(chunk.size() - kept);
      chunk = {};
      return {};
    }
    TRY_VOID(emit(chunk.substr(0, found), receiver));
    chunk.remove_prefix(found + delimiter_.size());
  }
  held_.clear();
  if (state_ == State::content) TRY_VOID(receiver.part_ends());
  state_ = State::delimiter_end;
  return {};
}

Result<void> MultipartParser::delimiter_end(std::string_view& chunk) {
  const char c = chunk.front();
  chunk.remove_prefix(1);
  held_.push_back(c);
  if (held_ == "--") {
    held_.clear();
    state_ = State::epilogue;
    return {};
  }
  if (held_.ends_with("\r\n")) {
    const std::string_view padding = std::string_view(held_).substr(0, held_.size() - 2);
    if (!trim(padding).empty()) return broken("a delimiter's line goes on.");
    if (++parts_ > parts_max) return broken("too many parts.");
    held_.clear();
    state_ = State::head;
    return {};
  }
  if (held_.size() > delimiter_padding_max) return broken("a delimiter's line goes on.");
  return {};
}

Result<void> MultipartParser::head(std::string_view& chunk, Receiver& receiver) {
  constexpr std::string_view end = "\r\n\r\n";
  const std::size_t before = held_.size();
  const std::size_t taken = std::min(chunk.size(), head_bytes_max + end.size() - before);
  held_.append(chunk.substr(0, taken));
  const auto found = held_.find(end, before < 3 ? 0 : before - 3);
  if (found == held_.npos) {
    if (held_.size() >= head_bytes_max) return broken("a part's head is too long.");
    chunk.remove_prefix(taken);
    return {};
  }
  chunk.remove_prefix(found + end.size() - before);
  TRY(auto part, parse_part_head(std::string_view(held_).substr(0, found)));
  held_.clear();
  state_ = State::content;
  return receiver.part_begins(std::move(part));
}

}  // namespace calotype
