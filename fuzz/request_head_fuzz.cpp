// SPDX-License-Identifier: Apache-2.0
#include "http/conditional.hpp"
#include "http/request_head.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(request_head) {
  RequestHead head;
  HeadRefusal refusal;
  const auto status = read_head(bytes, head, refusal);
  if (status == HeadStatus::refused)
    require(refusal.status >= 400 && refusal.status < 600 && !refusal.reason.empty(),
            "a refusal has its status and its words");
  if (status != HeadStatus::complete) return;
  require(head.bytes <= bytes.size(), "a head lies within its buffer");
  require(head.target.starts_with('/') || head.target == "*", "a target is a path or *");
  require(!(head.chunked && head.content_length), "a body has one length");
  for (const Field& field : head.fields()) {
    require(!field.name.empty() && field.value.find_first_of("\r\n") == std::string_view::npos,
            "a field is one line with a name");
  }
  RequestHead again;
  require(read_head(bytes.substr(0, head.bytes), again, refusal) == HeadStatus::complete &&
              again.bytes == head.bytes,
          "what follows a head does not change it");
  const Validators current{"\"abc\"", Timestamp{}};
  static_cast<void>(evaluate_preconditions(head, current));
  static_cast<void>(range_applies(head, current));
}
