// SPDX-License-Identifier: Apache-2.0
// From a head to an answer.
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <format>

#include "base/log.hpp"
#include "http/connection.hpp"
#include "http/cors.hpp"
#include "http/merged_targets.hpp"
#include "http/partial_upload_routes.hpp"
#include "http/representation.hpp"
#include "http/signature.hpp"
#include "http/tus_routes.hpp"

namespace calotype {
namespace {

/// The connection is over: nothing that is sent arrives.
bool peer_has_gone(int fd) {
  pollfd gone{fd, 0, 0};
  return poll(&gone, 1, 0) > 0 && (gone.revents & (POLLHUP | POLLERR)) != 0;
}

Error foreign_page() {
  return {
      ErrorCode::forbidden,
      "A page of another origin may not do this where there are no API keys: make a key, or name "
      "the origin in http.cors_origins.",
      {},
      std::source_location::current()};
}

Response response_of(Answer answer) {
  return std::get<Response>(std::move(answer));
}

/// What is not found may have been merged into what is.
Answer handled(const Site& site, const Route& route, const Exchange& exchange) {
  Answer answer = route.handle(site, exchange);
  const auto* const response = std::get_if<Response>(&answer);
  const Method method = exchange.head.method;
  const bool is_lost = response != nullptr && response->status == 404 &&
                       (method == Method::get || method == Method::head);
  if (!is_lost) return answer;
  const bool is_picture = route.access == Access::signature;
  if (auto moved = follow_merges(site, exchange.head.target, is_picture)) return *std::move(moved);
  return answer;
}

void log_failure(const Error& error, std::string_view target) {
  switch (error.kind()) {
    case ErrorKind::upstream:
    case ErrorKind::corrupt:
    case ErrorKind::internal:
    case ErrorKind::no_space:
      log::error("request failed", {{"target", target}, {"error", error}});
      break;
    default:
      log::debug("request refused", {{"target", target}, {"error", error}});
  }
}

}  // namespace

Task<bool> Connection::answer_request() {
  deadline_ = SteadyTime::max();
  begin_body();
  // As the client has sent it, whatever it is taken for: that decides where the answer ends.
  const bool head_only = head_.method == Method::head;
  Response response = co_await make_answer();
  if (response.events) co_return co_await send_events(std::move(response));
  add_upload_fields(response);
  co_await begin_file(response);
  co_await begin_remote(response);
  co_return co_await finish_request(std::move(response), head_only);
}

/// What the protocols of resumable uploads want in every answer, or in some.
void Connection::add_upload_fields(Response& response) const {
  if (is_tus_path(head_.path())) add_tus_fields(parts_.site, head_.method, response);
  add_partial_upload_fields(parts_.site, head_, response);
}

/// Sends it, and brings the connection to where the next request begins, or to its end.
Task<bool> Connection::finish_request(Response response, bool head_only) {
  // A body that nobody wanted is not read: it may be endless.
  if (!body_done_) response.close = true;
  const bool close = response.close || !head_.keep_alive || thread_.draining();
  thread_.count_answer(route_name_, response.status);
  queue_answer(std::move(response), head_only);
  if (!co_await flush()) co_return false;
  if (close || cancelled_) {
    co_await linger();
    co_return false;
  }
  // What was read with the body and belongs to the next request.
  consume(body_at_ - begin_);
  if (!after_body_.empty()) {
    if (in_.size() < end_ + after_body_.size()) in_.resize(end_ + after_body_.size());
    std::ranges::copy(after_body_, in_.begin() + static_cast<std::ptrdiff_t>(end_));
    end_ += after_body_.size();
    after_body_.clear();
  }
  co_return true;
}

Task<Response> Connection::make_answer() {
  const Site& site = parts_.site;
  route_name_ = "variant";
  head_.method = tus_method(head_);
  if (!head_.has_body() && (head_.method == Method::get || head_.method == Method::head)) {
    const HotEntry* entry = thread_.hot().find(head_.target, head_.joined(FieldName::accept));
    if (entry != nullptr) {
      ThreadCounts::add(thread_.counts().hot_answers, 1);
      co_return respond_with(entry->representation, head_);
    }
  }
  const RouteMatch match = find_route(head_.method, head_.path(), site.settings.operations_only);
  route_name_ = match.route == nullptr ? "none" : match.route->name;
  if (head_.method == Method::options && (head_.target == "*" || !match.allow.empty()))
    co_return options_response(
        site.settings.cors_origins, head_.first(FieldName::origin),
        match.allow.empty() ? "GET, HEAD, POST, DELETE, OPTIONS" : std::string_view(match.allow));
  if (match.route == nullptr) {
    if (!match.allow.empty()) co_return not_allowed_response(match.allow);
    co_return response_of(refuse(Error{ErrorCode::route_not_found,
                                       "There is nothing at this path; see /openapi.json.",
                                       {},
                                       std::source_location::current()}));
  }
  co_return co_await run_route(match);
}

Task<Response> Connection::run_route(const RouteMatch& match) {
  const Site& site = parts_.site;
  const Route& route = *match.route;
  Exchange exchange{.head = head_, .arguments = match.arguments, .principal = {}, .body = {}};
  if (route.access == Access::signature) {
    const auto checked = check_signed_target(site.settings, head_.target);
    if (!checked) co_return problem_response(checked.error());
  }
  if (const auto scope = needed_scope(route, match.arguments[0])) {
    auto principal = co_await authorize(*scope);
    if (!principal) co_return problem_response(principal.error());
    exchange.principal = *std::move(principal);
    const bool is_guarded =
        route.method == Method::remove || route.deletes || route.access == Access::admin;
    if (is_guarded && !exchange.principal.keys_in_force &&
        !is_trusted_origin(site.settings.cors_origins, head_.first(FieldName::origin)))
      co_return problem_response(foreign_page());
  }
  if (route.begin_upload != nullptr) co_return co_await run_upload(route, exchange);
  if (head_.has_body()) {
    auto body = co_await read_small_body();
    if (!body) co_return refuse_body(body.error());
    exchange.body = *std::move(body);
  }
  co_return co_await run_handler(route, exchange);
}

Task<Result<Principal>> Connection::authorize(Scope scope) {
  const std::string_view authorization = head_.first(FieldName::authorization);
  KeyRing& keys = parts_.site.keys;
  if (auto known = keys.recall(authorization, scope)) co_return *std::move(known);
  co_return co_await offload(thread_.executor(), parts_.lookups, [&keys, authorization, scope] {
    return keys.authorize(authorization, scope);
  });
}

Task<Response> Connection::run_handler(const Route& route, Exchange& exchange) {
  const Site& site = parts_.site;
  if (!route.blocks) co_return response_of(route.handle(site, exchange));
  auto answered = co_await offload(
      thread_.executor(), parts_.lookups,
      [&site, &route, &exchange]() -> Result<Answer> { return handled(site, route, exchange); });
  if (!answered) co_return problem_response(answered.error());
  auto* order = std::get_if<PictureOrder>(&*answered);
  if (order == nullptr) {
    Response response = std::get<Response>(*std::move(answered));
    if (route.access == Access::signature)
      thread_.count_picture(response.status >= 400 ? "error" : "hit");
    co_return response;
  }
  const auto picture = co_await wait_for(std::move(order->order));
  thread_.count_picture(picture ? "miss" : "error");
  if (!picture) log_failure(picture.error(), head_.target);
  co_return order->finish(picture);
}

/// Until the picture is there, the client has gone, or it has taken too long.
Task<Result<Picture>> Connection::wait_for(RenderOrder order) {
  struct Wait {
    Landing<Result<Picture>> landing;
    std::optional<Deliver::Ticket> ticket;
  };
  Deliver& deliver = parts_.site.services.deliver;
  // Shared by this task, the flight that calls back, and the socket's watch.
  const auto wait = std::make_shared<Wait>();
  wait->ticket = deliver.fetch(
      std::move(order),
      [wait, guard = asio::make_work_guard(thread_.executor())](const Result<Picture>& picture) {
        asio::post(guard.get_executor(), [wait, picture] { wait->landing.land(picture); });
      });
  const auto give_up = [wait, &deliver](ErrorCode code, std::string message) {
    if (deliver.leave(*wait->ticket))
      wait->landing.land(std::unexpected(fail(code, std::move(message)).error()));
  };
  // Posted, because whoever interrupts is walking through the connections, and this one may end.
  interrupt_ = [this, give_up] {
    asio::post(thread_.executor(), [give_up, late = timed_out_] {
      give_up(late ? ErrorCode::timeout : ErrorCode::cancelled,
              late ? "The picture is taking too long. Ask again." : "The server is stopping.");
    });
  };
  deadline_ = thread_.now() + parts_.site.settings.wait_max;
  watch_for_leaving([this, wait, give_up] {
    if (wait->landing.landed()) return;
    cancelled_ = true;
    give_up(ErrorCode::cancelled, "The client has gone.");
  });
  auto picture = co_await wait->landing.get();
  interrupt_ = nullptr;
  deadline_ = SteadyTime::max();
  timed_out_ = false;
  stop_watching();
  co_return picture;
}

/// The client has said that it sends no more.
bool Connection::peer_has_finished() {
  char byte = 0;
  return recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/// Calls `gone` when the client has closed its connection, until stop_watching.
void Connection::watch_for_leaving(std::function<void()> gone) {
  watching_ = std::make_shared<bool>(true);
  const auto look = [this, watching = watching_, gone](const boost::system::error_code& error) {
    if (!error && *watching && peer_has_gone(socket_.native_handle())) gone();
  };
  socket_.async_wait(asio::socket_base::wait_read,
                     [this, watching = watching_, look](const boost::system::error_code& error) {
                       if (error || !*watching) return;
                       if (peer_has_finished()) send_ahead();
                       socket_.async_wait(asio::socket_base::wait_error, look);
                     });
}

void Connection::stop_watching() {
  *watching_ = false;
  socket_.cancel();
}

/// Whoever sends no more has either closed its end and wants no answer, or has only shut down what
/// it sends with, and does. Which of the two, TCP does not say until it is sent something: a closed
/// end then resets the connection. So what every answer begins with goes out before the rest.
void Connection::send_ahead() {
  const ssize_t sent = send(socket_.native_handle(), answer_beginning.data(),
                            answer_beginning.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) sent_ahead_ = static_cast<std::size_t>(sent);
}

}  // namespace calotype
