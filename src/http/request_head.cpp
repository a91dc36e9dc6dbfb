// SPDX-License-Identifier: Apache-2.0
#include "http/request_head.hpp"

#include <algorithm>
#include <cstring>

namespace calotype {
namespace {

constexpr std::string_view token_extra = "!#$%&'*+-.^_`|~";

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c < 128 && token_extra.contains(static_cast<char>(c)));
  return table;
}
constexpr std::array<bool, 256> is_token = make_token_table();

bool is_token_text(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_token[static_cast<unsigned char>(c)]; });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

struct NamedField {
  std::string_view name;
  FieldName known;
};

constexpr NamedField named_fields[] = {
    {"accept", FieldName::accept},
    {"accept-encoding", FieldName::accept_encoding},
    {"access-control-request-method", FieldName::access_control_request_method},
    {"authorization", FieldName::authorization},
    {"connection", FieldName::connection},
    {"content-digest", FieldName::content_digest},
    {"content-disposition", FieldName::content_disposition},
    {"content-length", FieldName::content_length},
    {"content-type", FieldName::content_type},
    {"expect", FieldName::expect},
    {"host", FieldName::host},
    {"if-match", FieldName::if_match},
    {"if-modified-since", FieldName::if_modified_since},
    {"if-none-match", FieldName::if_none_match},
    {"if-range", FieldName::if_range},
    {"if-unmodified-since", FieldName::if_unmodified_since},
    {"last-event-id", FieldName::last_event_id},
    {"origin", FieldName::origin},
    {"range", FieldName::range},
    {"repr-digest", FieldName::repr_digest},
    {"transfer-encoding", FieldName::transfer_encoding},
};

FieldName field_name(std::string_view name) {
  for (const NamedField& row : named_fields)
    if (row.name.size() == name.size() && row.name[0] == lower(name[0]) &&
        equal_ignoring_case(row.name, name))
      return row.known;
  return FieldName::unknown;
}

Method method_of(std::string_view text) {
  for (const Method method : {Method::get, Method::head, Method::post, Method::put, Method::patch,
                              Method::remove, Method::options})
    if (text == to_string(method)) return method;
  return Method::other;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::remove:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      return "";
  }
  return "";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view RequestHead::query() const {
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

std::string_view RequestHead::first(FieldName name) const {
  if (!has(name)) return {};
  for (const Field& field : fields())
    if (field.known == name) return field.value;
  return {};
}

std::string RequestHead::joined(FieldName name) const {
  std::string all;
  if (!has(name)) return all;
  for (const Field& field : fields()) {
    if (field.known != name) continue;
    if (!all.empty()) all += ", ";
    all += field.value;
  }
  return all;
}

/// One pass over the buffer; `at_` is the next unread byte.
class HeadReader {
 public:
  HeadReader(std::string_view buffer, RequestHead& head, HeadRefusal& refusal)
      : buffer_(buffer), head_(head), refusal_(refusal) {}

  HeadStatus read() {
    reset();
    while (buffer_.substr(at_).starts_with("\r\n")) at_ += 2;
    std::string_view line;
    if (const auto status = next_line(line); status != HeadStatus::complete) return status;
    if (!request_line(line)) return HeadStatus::refused;
    while (true) {
      if (const auto status = next_line(line); status != HeadStatus::complete) return status;
      if (line.empty()) break;
      if (!field_line(line)) return HeadStatus::refused;
    }
    head_.bytes = at_;
    return check_whole() ? HeadStatus::complete : HeadStatus::refused;
  }

 private:
  bool refuse(int status, std::string_view reason) {
    refusal_ = {status, reason};
    return false;
  }

  void reset() {
    head_.count_ = 0;
    head_.present = head_.repeated = 0;
    head_.keep_alive = true;
    head_.chunked = head_.expects_continue = head_.http_1_0 = false;
    head_.content_length.reset();
  }

  HeadStatus next_line(std::string_view& line) {
    const char* begin = buffer_.data() + at_;
    const std::size_t rest = buffer_.size() - at_;
    const void* found = rest == 0 ? nullptr : std::memchr(begin, '\n', rest);
    if (found == nullptr) return HeadStatus::incomplete;
    const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
    if (length == 0 || begin[length - 1] != '\r') {
      refuse(400, "A line ends with LF alone.");
      return HeadStatus::refused;
    }
    line = {begin, length - 1};
    at_ += length + 1;
    return HeadStatus::complete;
  }

  bool request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto second = first == line.npos ? line.npos : line.find(' ', first + 1);
    if (second == line.npos) return refuse(400, "The request line is malformed.");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (!is_token_text(method)) return refuse(400, "The method is malformed.");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
      const bool other = version.size() == 8 && version.starts_with("HTTP/");
      return other ? refuse(505, "This server speaks HTTP/1.1.")
                   : refuse(400, "The request line is malformed.");
    }
    head_.http_1_0 = version.back() == '0';
    head_.keep_alive = !head_.http_1_0;
    head_.method = method_of(method);
    return request_target(target);
  }

  bool request_target(std::string_view target) {
    for (const char c : target)
      if (c <= 0x20 || c == 0x7f) return refuse(400, "The request target has a forbidden byte.");
    if (target.starts_with('/') || target == "*") {
      head_.target = target;
      return true;
    }
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (target.size() <= scheme.size() ||
          !equal_ignoring_case(target.substr(0, scheme.size()), scheme))
        continue;
      const auto end = target.find_first_of("/?#", scheme.size());
      if (end == target.npos) {
        head_.target = "/";  // as an empty path is written (RFC 9110 §4.2.3)
        return true;
      }
      if (target[end] != '/' || end == scheme.size())
        return refuse(400, "The request target has no path.");
      head_.target = target.substr(end);
      return true;
    }
    return refuse(400, "The request target is malformed.");
  }

  bool field_line(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t')
      return refuse(400, "A header field is folded.");
    std::size_t colon = 0;
    while (colon < line.size() && is_token[static_cast<unsigned char>(line[colon])]) ++colon;
    if (colon == 0 || colon == line.size() || line[colon] != ':')
      return refuse(400, "A header field's name is malformed.");
    const std::string_view value = trim(line.substr(colon + 1));
    for (const char c : value)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f)
        return refuse(400, "A header field's value has a forbidden byte.");
    if (head_.count_ == RequestHead::fields_max) return refuse(431, "Too many header fields.");
    Field& field = head_.fields_[head_.count_++];
    field = {line.substr(0, colon), value, field_name(line.substr(0, colon))};
    return known_field(field);
  }

  bool known_field(const Field& field) {
    const bool again = field.known != FieldName::unknown && head_.has(field.known);
    if (field.known == FieldName::content_length) {
      if (again) return refuse(400, "Content-Length is given twice.");
      if (!content_length(field.value)) return refuse(400, "Content-Length is malformed.");
    } else if (field.known == FieldName::transfer_encoding) {
      if (again) return refuse(400, "Transfer-Encoding is given twice.");
      if (!equal_ignoring_case(field.value, "chunked"))
        return refuse(501, "The only transfer coding is chunked.");
      head_.chunked = true;
    } else if (field.known == FieldName::host) {
      if (again) return refuse(400, "Host is given twice.");
      if (field.value.find_first_of(" \t,/@?#\\\"<>") != std::string_view::npos)
        return refuse(400, "Host is malformed.");
    } else if (field.known == FieldName::expect) {
      if (!equal_ignoring_case(field.value, "100-continue"))
        return refuse(417, "The only expectation is 100-continue.");
      head_.expects_continue = true;
    } else if (field.known == FieldName::connection) {
      connection(field.value);
    }
    if (field.known != FieldName::unknown) head_.present |= bit(field.known);
    if (again) head_.repeated |= bit(field.known);
    return true;
  }

  bool content_length(std::string_view text) {
    if (text.empty() || text.size() > 18) return false;
    std::uint64_t value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    head_.content_length = value;
    return true;
  }

  void connection(std::string_view value) {
    while (!value.empty()) {
      const auto comma = value.find(',');
      const std::string_view option = trim(value.substr(0, comma));
      if (equal_ignoring_case(option, "close")) close_ = true;
      if (equal_ignoring_case(option, "keep-alive") && head_.http_1_0) head_.keep_alive = true;
      value = comma == value.npos ? std::string_view{} : value.substr(comma + 1);
    }
    if (close_) head_.keep_alive = false;
  }

  bool check_whole() {
    if (head_.chunked && head_.content_length)
      return refuse(400, "Content-Length and Transfer-Encoding stand together.");
    if (head_.chunked && head_.http_1_0) return refuse(400, "HTTP/1.0 has no transfer codings.");
    if (!head_.http_1_0 && !head_.has(FieldName::host)) return refuse(400, "Host is missing.");
    if (head_.http_1_0) head_.expects_continue = false;
    return true;
  }

  const std::string_view buffer_;
  RequestHead& head_;
  HeadRefusal& refusal_;
  std::size_t at_ = 0;
  bool close_ = false;
};

HeadStatus read_head(std::string_view buffer, RequestHead& head, HeadRefusal& refusal) {
  return HeadReader(buffer, head, refusal).read();
}

}  // namespace calotype
