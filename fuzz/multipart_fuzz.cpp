// SPDX-License-Identifier: Apache-2.0
// The first byte says into pieces of which size the rest is cut: the pieces must not change what is
// received. The next line is the Content-Type.
#include "http/multipart.hpp"
#include "target.hpp"

using namespace calotype;

namespace {

/// Writes down what comes, in one text.
class Record final : public MultipartParser::Receiver {
 public:
  Result<void> part_begins(PartHead head) override {
    require(!inside_, "a part begins after the one before has ended");
    inside_ = true;
    text += "[" + head.name + "|" + head.file_name.value_or("(none)") + "]";
    return {};
  }
  Result<void> part_content(std::string_view bytes) override {
    require(inside_, "content belongs to a part");
    text += bytes;
    return {};
  }
  Result<void> part_ends() override {
    require(inside_, "a part ends after it has begun");
    inside_ = false;
    text += "[end]";
    return {};
  }
  std::string text;

 private:
  bool inside_ = false;
};

/// What was received when all was well; "refused" otherwise.
std::string received(const std::string& boundary, std::string_view body, std::size_t piece) {
  MultipartParser parser(boundary);
  Record record;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
    if (!parser.feed(body.substr(0, piece), record)) return "refused";
  return parser.complete() ? record.text : "incomplete";
}

}  // namespace

FUZZ_TARGET(multipart) {
  if (bytes.empty()) return;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(bytes.front())) + 1;
  bytes.remove_prefix(1);
  const auto line_end = bytes.find('\n');
  const auto boundary = multipart_boundary(bytes.substr(0, line_end));
  if (!boundary || !*boundary || line_end == std::string_view::npos) return;
  require(!(*boundary)->empty() && (*boundary)->size() <= 70, "a boundary has 1 to 70 characters");
  const auto body = bytes.substr(line_end + 1);
  require(received(**boundary, body, piece) == received(**boundary, body, body.size() + 1),
          "pieces do not change what is received");
}
