// SPDX-License-Identifier: Apache-2.0
#include "http/resumable_sink.hpp"

#include <utility>

#include "base/log.hpp"

namespace calotype {
namespace {

/// All bytes are here, and what they are is refused: the client is told not to go on.
bool is_verdict(const Error& error) {
  return error.kind() == ErrorKind::unprocessable || error.kind() == ErrorKind::barred;
}

}  // namespace

void HandOver::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  if (stop_) std::exchange(stop_, nullptr)();
}

void HandOver::listen(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  if (asked_)
    stop();
  else
    stop_ = std::move(stop);
}

Result<WritableUpload> open_for_writing(const Site& site, std::string_view id) {
  auto hand_over = std::make_shared<HandOver>();
  TRY(auto writer, site.services.resumable.resume(id, [hand_over] { hand_over->ask(); }));
  return WritableUpload{std::move(writer), std::move(hand_over)};
}

ResumableSink::ResumableSink(WritableUpload upload, BodyEnd end,
                             std::optional<ClaimedChecksum> checksum, Answer answer,
                             Interim interim)
    : writer_(std::move(upload.writer)),
      hand_over_(std::move(upload.hand_over)),
      end_(end),
      checksum_(std::move(checksum)),
      answer_(std::move(answer)),
      interim_(std::move(interim)) {
  if (checksum_) writer_->hold_back();
}

Result<void> ResumableSink::write(ByteSpan chunk) {
  if (checksum_) checksum_->algorithm.update(chunk);
  return writer_->write(chunk);
}

ResumableSink::~ResumableSink() {
  if (writer_ && ends_with_failure_) (void)writer_->abandon();  // or it expires
}

/// Lets go of the upload here, where a thread may wait, and before the client is answered: its next
/// request finds it free.
Result<Response> ResumableSink::finish() {
  auto response = close();
  if (!response && ends_with_failure_) (void)writer_->abandon();
  writer_.reset();
  return response;
}

Result<Response> ResumableSink::close() {
  if (checksum_ && checksum_->algorithm.finish() != checksum_->sum)
    return fail(checksum_->mismatch,
                "The bytes received do not have the checksum that the request claims.");
  if (end_ == BodyEnd::incomplete) {
    TRY_VOID(writer_->keep());
    return answer_(writer_->upload(), std::nullopt);
  }
  if (end_ == BodyEnd::by_length) {
    TRY(const auto recorded, writer_->finish());
    return answer_(writer_->upload(), recorded);
  }
  TRY_VOID(writer_->set_total(writer_->bytes()));
  const auto recorded = writer_->finish();
  if (recorded) return answer_(writer_->upload(), *recorded);
  if (!is_verdict(recorded.error())) return std::unexpected(recorded.error());
  Response refusal = problem_response(recorded.error());
  refusal.add("Upload-Complete", "?1");
  return refusal;
}

std::string ResumableSink::interim() {
  const ResumableUpload& upload = writer_->upload();
  if (!interim_ || said_offset_ == upload.received) return {};
  said_offset_ = upload.received;
  return interim_(upload);
}

/// Of a body whose checksum cannot be verified nothing is kept.
void ResumableSink::break_off(ByteSpan last) {
  if (checksum_ || ends_with_failure_) return;
  auto kept = writer_->write(last);
  if (kept) kept = writer_->keep();
  if (!kept)
    log::warn("what came of an upload is lost",
              {{"upload", writer_->upload().id}, {"error", kept.error()}});
}

void ResumableSink::on_unwanted(std::function<void()> stop) {
  hand_over_->listen(std::move(stop));
}

}  // namespace calotype
