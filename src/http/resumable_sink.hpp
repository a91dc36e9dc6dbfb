// SPDX-License-Identifier: Apache-2.0
// One request's body on its way into a resumable upload, whatever protocol it speaks. What came is
// kept when the body breaks off, and when another request asks for the upload meanwhile.
#pragma once

#include <mutex>

#include "http/site.hpp"
#include "http/tus_fields.hpp"
#include "pipeline/resumable_uploads.hpp"

namespace calotype {

/// From whoever wants an upload to the connection whose request writes it. Any thread.
class HandOver {
 public:
  void ask();
  /// Calls `stop` once it is asked for, or at once where it was.
  void listen(std::function<void()> stop);

 private:
  std::mutex mutex_;
  bool asked_ = false;
  std::function<void()> stop_;
};

struct WritableUpload {
  std::unique_ptr<ResumableWriter> writer;
  // Shared by the sink and by the lease that may be asked for.
  std::shared_ptr<HandOver> hand_over;
};
/// As ResumableUploads::resume.
Result<WritableUpload> open_for_writing(const Site& site, std::string_view id);

/// What the end of a body means to its upload.
enum class BodyEnd : std::uint8_t {
  by_length,   // it is complete when it is as long as was said
  complete,    // this was all of it
  incomplete,  // more is to come
};

class ResumableSink final : public UploadSink {
 public:
  using Answer =
      std::move_only_function<Response(const ResumableUpload&, const std::optional<Recorded>&)>;
  /// What to say of an upload that has come to another offset, the first time included.
  using Interim = std::move_only_function<std::string(const ResumableUpload&)>;
  ResumableSink(WritableUpload upload, BodyEnd end, std::optional<ClaimedChecksum> checksum,
                Answer answer, Interim interim = nullptr);
  ~ResumableSink() override;

  /// Where the request fails its upload ends: nobody else knows of it.
  void end_with_failure() { ends_with_failure_ = true; }

  Result<void> write(ByteSpan chunk) override;
  /// As the checksum says where it differs: nothing of the body is kept then.
  Result<Response> finish() override;
  std::string interim() override;
  void break_off(ByteSpan last) override;
  void on_unwanted(std::function<void()> stop) override;

 private:
  Result<Response> close();

  std::unique_ptr<ResumableWriter> writer_;  // until it has finished
  bool ends_with_failure_ = false;
  const std::shared_ptr<HandOver> hand_over_;
  const BodyEnd end_;
  std::optional<ClaimedChecksum> checksum_;
  Answer answer_;
  Interim interim_;
  std::optional<std::uint64_t> said_offset_;
};

}  // namespace calotype
