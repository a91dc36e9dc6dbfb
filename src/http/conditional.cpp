// SPDX-License-Identifier: Apache-2.0
#include "http/conditional.hpp"

namespace calotype {
namespace {

/// HTTP dates have whole seconds.
bool modified_after(const std::optional<Timestamp>& modified, std::string_view date) {
  const auto since = parse_http_date(date);
  if (!since || !modified) return true;
  return std::chrono::floor<std::chrono::seconds>(*modified) > *since;
}

}  // namespace

bool etag_list_has(std::string_view list, std::string_view etag, bool weak_comparison) {
  list = trim(list);
  if (list == "*") return true;
  while (list.starts_with(',')) list = trim(list.substr(1));
  while (!list.empty()) {
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const auto close = list.find('"', 1);
    if (close == list.npos) return false;
    if (list.substr(0, close + 1) == etag && (weak_comparison || !weak)) return true;
    list = trim(list.substr(close + 1));
    if (!list.starts_with(',')) return false;
    while (list.starts_with(',')) list = trim(list.substr(1));
  }
  return false;
}

Precondition evaluate_preconditions(const RequestHead& head, const Validators& current) {
  if (head.has(FieldName::if_match)) {
    if (!etag_list_has(head.joined(FieldName::if_match), current.etag, false))
      return Precondition::failed;
  } else if (head.has(FieldName::if_unmodified_since)) {
    const auto date = head.first(FieldName::if_unmodified_since);
    if (parse_http_date(date) && current.last_modified &&
        modified_after(current.last_modified, date))
      return Precondition::failed;
  }
  if (head.has(FieldName::if_none_match))
    return etag_list_has(head.joined(FieldName::if_none_match), current.etag, true)
               ? Precondition::not_modified
               : Precondition::proceed;
  if (head.has(FieldName::if_modified_since) &&
      !modified_after(current.last_modified, head.first(FieldName::if_modified_since)))
    return Precondition::not_modified;
  return Precondition::proceed;
}

bool range_applies(const RequestHead& head, const Validators& current) {
  if (!head.has(FieldName::if_range)) return true;
  const std::string_view condition = head.first(FieldName::if_range);
  if (condition.starts_with('"')) return condition == current.etag;
  if (condition.starts_with("W/")) return false;
  const auto date = parse_http_date(condition);
  return date && current.last_modified &&
         std::chrono::floor<std::chrono::seconds>(*current.last_modified) == *date;
}

}  // namespace calotype
