// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checked_streams.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace calotype {
namespace {

constexpr std::uint64_t chunk_bytes = BlobCheck::chunk_bytes;

/// What a store says of its stream; that the bytes are damaged is reported.
Result<std::size_t> passed_on(Result<std::size_t> got, const DamageReport& report) {
  if (got || got.error().kind() != ErrorKind::corrupt) return got;
  report();
  return quarantined_blob();
}

class FileStream final : public BlobStream {
 public:
  FileStream(Blob blob, std::uint64_t offset, std::uint64_t bytes)
      : blob_(std::move(blob)), at_(offset), end_(offset + bytes) {}

  Result<std::size_t> read_some(std::span<char> out) override {
    const std::size_t wanted = std::min<std::uint64_t>(out.size(), end_ - at_);
    if (wanted == 0) return std::size_t{0};
    const std::uint64_t chunk = at_ / chunk_bytes;
    if (loaded_ != chunk || buffer_.empty()) TRY_VOID(load(chunk));
    const std::size_t from = at_ - chunk * chunk_bytes;
    if (from >= buffer_.size()) return quarantined_blob();
    const std::size_t some = std::min(wanted, buffer_.size() - from);
    std::memcpy(out.data(), buffer_.data() + from, some);
    at_ += some;
    return some;
  }
  void when_ready(std::move_only_function<void()> ready) override { ready(); }

 private:
  Result<void> load(std::uint64_t chunk) {
    const std::uint64_t begin = chunk * chunk_bytes;
    buffer_.resize(std::min(chunk_bytes, blob_.bytes - std::min(begin, blob_.bytes)));
    std::size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t got = ::pread(blob_.file->get(), buffer_.data() + done, buffer_.size() - done,
                                  static_cast<off_t>(begin + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    buffer_.resize(done);
    loaded_ = chunk;
    if (blob_.check && !blob_.check->holds(chunk, std::as_bytes(std::span(buffer_))))
      return quarantined_blob();
    return {};
  }

  const Blob blob_;
  std::uint64_t at_;
  const std::uint64_t end_;
  std::vector<char> buffer_;
  std::uint64_t loaded_ = 0;
};

class CheckedStream final : public BlobStream {
 public:
  CheckedStream(std::unique_ptr<BlobStream> inner, std::shared_ptr<const ChunkSums> sums,
                std::uint64_t offset, std::uint64_t bytes, DamageReport report)
      : inner_(std::move(inner)),
        sums_(std::move(sums)),
        report_(std::move(report)),
        chunk_(offset / chunk_bytes),
        at_(offset),
        end_(offset + bytes) {
    buffer_.resize(size_of_chunk());
  }

  Result<std::size_t> read_some(std::span<char> out) override {
    while (at_ < end_ && !is_whole()) {
      TRY(const std::size_t got, inner_read());
      if (got == 0) return std::size_t{0};
    }
    const std::uint64_t begin = chunk_ * chunk_bytes;
    const std::size_t some =
        std::min<std::uint64_t>({out.size(), end_ - at_, begin + buffer_.size() - at_});
    if (some > 0) std::memcpy(out.data(), buffer_.data() + (at_ - begin), some);
    at_ += some;
    if (at_ == begin + buffer_.size() && at_ < end_) next_chunk();
    return some;
  }
  void when_ready(std::move_only_function<void()> ready) override {
    // What is here already has been said to be ready, and the inner one may have no more to say.
    if (is_whole() && at_ < end_) return ready();
    inner_->when_ready(std::move(ready));
  }

 private:
  std::size_t size_of_chunk() const {
    return std::min<std::uint64_t>(chunk_bytes, sums_->bytes() - chunk_ * chunk_bytes);
  }
  bool is_whole() const { return filled_ == buffer_.size(); }
  void next_chunk() {
    ++chunk_;
    buffer_.resize(size_of_chunk());
    filled_ = 0;
  }
  Result<std::size_t> inner_read() {
    auto got = passed_on(inner_->read_some(std::span(buffer_).subspan(filled_)), report_);
    if (!got) return got;
    filled_ += *got;
    if (is_whole() && !sums_->holds(chunk_, std::as_bytes(std::span(buffer_)))) {
      report_();
      return quarantined_blob();
    }
    return got;
  }

  const std::unique_ptr<BlobStream> inner_;
  const std::shared_ptr<const ChunkSums> sums_;
  const DamageReport report_;
  std::uint64_t chunk_;
  std::uint64_t at_;
  const std::uint64_t end_;
  std::vector<char> buffer_;
  std::size_t filled_ = 0;
};

class ReportingStream final : public BlobStream {
 public:
  ReportingStream(std::unique_ptr<BlobStream> inner, DamageReport report)
      : inner_(std::move(inner)), report_(std::move(report)) {}
  Result<std::size_t> read_some(std::span<char> out) override {
    return passed_on(inner_->read_some(out), report_);
  }
  void when_ready(std::move_only_function<void()> ready) override {
    inner_->when_ready(std::move(ready));
  }

 private:
  const std::unique_ptr<BlobStream> inner_;
  const DamageReport report_;
};

}  // namespace

std::unique_ptr<BlobStream> stream_of(Blob blob, std::uint64_t offset, std::uint64_t bytes) {
  return std::make_unique<FileStream>(std::move(blob), offset, bytes);
}

std::unique_ptr<BlobStream> checked_stream(std::unique_ptr<BlobStream> inner,
                                           std::shared_ptr<const ChunkSums> sums,
                                           std::uint64_t offset, std::uint64_t bytes,
                                           DamageReport report) {
  return std::make_unique<CheckedStream>(std::move(inner), std::move(sums), offset, bytes,
                                         std::move(report));
}

std::unique_ptr<BlobStream> reporting_stream(std::unique_ptr<BlobStream> inner,
                                             DamageReport report) {
  return std::make_unique<ReportingStream>(std::move(inner), std::move(report));
}

}  // namespace calotype
