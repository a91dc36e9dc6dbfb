// SPDX-License-Identifier: Apache-2.0
// One connection, on its I/O thread for life. The way of a request:
//
//   buffer ─ read_head ─ hot? ── yes ──► prepared head and bytes, with those of the requests that
//                          │              came along in one segment: one sendmsg
//                          no
//                          ▼
//   route ─ key, signature ─ body ─ handler on a pool ─ (picture that has to be made) ─ answer
//
// Requests are answered one after another, so answers are in order however they were pipelined. The
// head's views point into the buffer, which is not touched until the request is answered.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/offload.hpp"
#include "http/chunked_body.hpp"
#include "http/io_thread.hpp"
#include "http/router.hpp"

namespace calotype {

inline constexpr std::size_t hot_batch_max = 16;  // prepared answers sent together

class Connection : public ConnectionHook {
 public:
  Connection(IoThread& thread, TcpSocket socket);
  ~Connection();

  Task<void> run();
  /// Looks at the deadlines.
  void tick(SteadyTime now, std::chrono::milliseconds elapsed);
  /// Between two requests nothing is lost by ending it.
  void end_if_idle();
  /// Everything that it waits for ends now.
  void cancel();

 private:
  static constexpr std::string_view answer_beginning = "HTTP/1.1 ";

  enum class Step : std::uint8_t { need_input, blocked, request, refused, broken };

  // connection.cpp: the loop and the fast path
  Step serve_buffered();
  const HotEntry* plain_hot_entry();
  bool send_hot(std::span<const HotEntry* const> entries, std::span<const bool> heads_only);
  Task<bool> read_more();
  bool make_room();
  void consume(std::size_t bytes);

  // connection_send.cpp
  void queue_answer(Response response, bool head_only);
  std::optional<std::size_t> send_queued();
  void count_sent(std::size_t sent);
  Task<bool> flush();
  Task<bool> send_all(std::span<const char> bytes, bool more);

  // connection_file.cpp
  Task<Result<std::size_t>> read_file(int fd, std::span<char> out, std::uint64_t offset);
  Task<Result<std::span<char>>> read_checked(const FileSlice& slice, std::span<char> buffer);
  Task<void> begin_file(Response& response);
  Task<bool> send_file(FileSlice slice);

  // connection_remote.cpp
  Task<void> begin_remote(Response& response);
  Task<Result<void>> open_stream(RemoteSlice& slice);
  Task<void> arrival(BlobStream& stream);
  Task<bool> send_remote(RemoteSlice& slice);

  // connection_events.cpp
  Task<bool> send_events(Response response);
  void end_when_client_leaves();
  Task<void> events_arrival(EventListener& events);

  Task<bool> wait_writable();
  void queue_hot(std::span<const HotEntry* const> entries, std::span<const bool> heads_only,
                 std::size_t sent);
  Task<void> linger();

  // connection_request.cpp
  Task<bool> answer_request();
  Task<Response> make_answer();
  Task<Response> run_route(const RouteMatch& match);
  Task<Result<Principal>> authorize(Scope scope);
  Task<Response> run_handler(const Route& route, Exchange& exchange);
  Task<Result<Picture>> wait_for(RenderOrder order);
  bool peer_has_finished();
  void watch_for_leaving(std::function<void()> gone);
  void stop_watching();
  void send_ahead();
  void add_upload_fields(Response& response) const;
  Task<bool> finish_request(Response response, bool head_only);

  // connection_body.cpp
  void begin_body();
  Response refuse_body(const Error& error) const;
  Task<Result<void>> fill(std::span<char> buffer, std::size_t& filled);
  bool nothing_came() const;
  Task<Result<std::size_t>> receive(std::span<char> buffer);
  Task<Result<std::string>> read_small_body();
  Task<bool> say_continue();
  Task<Response> run_upload(const Route& route, const Exchange& exchange);
  Task<Result<UploadStart>> begin_upload(const Route& route, const Exchange& exchange);
  Task<bool> say_interim(UploadSink& sink);
  std::shared_ptr<bool> stop_when_unwanted(UploadSink& sink);
  Task<Result<Response>> stream_to(std::shared_ptr<UploadSink> sink);
  Task<Result<Response>> finish_upload(std::shared_ptr<UploadSink> sink, ByteSpan last);

  IoThread& thread_;
  const ServerParts& parts_;
  TcpSocket socket_;

  std::vector<char> in_;
  std::size_t begin_ = 0;    // of what is not answered yet
  std::size_t end_ = 0;      // of what has been received
  std::size_t scanned_ = 0;  // bytes from begin_ that hold no whole head
  RequestHead head_;
  HeadRefusal refusal_;

  std::vector<BodyPiece> out_;
  std::size_t out_at_ = 0;        // the piece that is being sent
  std::uint64_t out_offset_ = 0;  // in that piece
  std::size_t sent_ahead_ = 0;    // bytes of the next answer's beginning

  // The body of the present request.
  std::size_t body_at_ = 0;  // in in_: what of it came with the head begins here
  std::uint64_t body_left_ = 0;
  std::optional<ChunkedBody> chunks_;
  bool body_done_ = true;
  bool body_broken_ = false;  // nothing can be read after it
  std::string after_body_;    // bytes of the next request that were read with this one's body

  std::string_view route_name_ = "none";
  SteadyTime deadline_ = SteadyTime::max();
  std::shared_ptr<bool> watching_;  // shared with the socket's watch, which may outlast the request
  std::function<void()> interrupt_;  // instead of cancelling the socket's operations
  bool idle_ = false;
  bool timed_out_ = false;
  bool cancelled_ = false;
  bool reading_body_ = false;
  bool body_unwanted_ = false;  // somebody else writes what it was for
  SteadyTime unwanted_until_;   // and then what has come already is no longer taken
  std::uint64_t body_bytes_ = 0;
  std::chrono::milliseconds body_waited_{0};
};

}  // namespace calotype
