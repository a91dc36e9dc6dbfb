// SPDX-License-Identifier: Apache-2.0
// An answer without an end: events are sent as they come, and a comment now and then, so that
// whoever is between knows that the connection lives, and we know when the client does not. It ends
// when the client goes, when its key does, when it does not read for as long as any reader may
// pause, and at once when the server stops.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "http/connection.hpp"

namespace calotype {
namespace {

constexpr std::chrono::seconds heartbeat_interval{15};
constexpr std::string_view heartbeat = ":\n\n";

}  // namespace

Task<bool> Connection::send_events(Response response) {
  const std::shared_ptr<EventListener> events = response.events;
  thread_.count_answer(route_name_, response.status);
  queue_answer(std::move(response), false);
  // Nothing is lost by ending it: the client knows where to go on.
  idle_ = true;
  bool is_open = !thread_.draining() && co_await flush();
  end_when_client_leaves();
  while (is_open && !cancelled_) {
    const std::string text = events->take();
    if (text.empty()) {
      co_await events_arrival(*events);
      if (!std::exchange(timed_out_, false)) continue;
    }
    const auto principal = co_await authorize(Scope::read);
    is_open = principal && co_await send_all(text.empty() ? heartbeat : text, false);
  }
  *watching_ = false;
  idle_ = false;
  co_return false;
}

/// One that sends no more listens no more.
void Connection::end_when_client_leaves() {
  watching_ = std::make_shared<bool>(true);
  socket_.async_wait(asio::socket_base::wait_read,
                     [this, watching = watching_](const boost::system::error_code& error) {
                       if (!error && *watching && peer_has_finished()) cancel();
                     });
}

/// Until there are events, it is time for a heartbeat (timed_out_), or the connection ends.
Task<void> Connection::events_arrival(EventListener& events) {
  // Shared by this task, the feed that calls back, and whoever interrupts.
  const auto landing = std::make_shared<Landing<bool>>();
  events.when_ready([landing, guard = asio::make_work_guard(thread_.executor())] {
    asio::post(guard.get_executor(), [landing] { landing->land(true); });
  });
  interrupt_ = [this, landing] {
    asio::post(thread_.executor(), [landing] { landing->land(false); });
  };
  deadline_ = thread_.now() + heartbeat_interval;
  co_await landing->get();
  interrupt_ = nullptr;
  deadline_ = SteadyTime::max();
}

}  // namespace calotype
