// SPDX-License-Identifier: Apache-2.0
// How a connection is made: by the URL, within a deadline, to a server that is new enough and
// stores UTF-8. Its password is in no message: libpq's own do not repeat it, and its complaints
// about a URL, which do, are not passed on.
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <format>

#include "catalog/pg_connection.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
using OptionsPtr = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

constexpr int server_version_min = 150'000;

/// What the URL says nothing about: a peer that is gone is noticed within half a minute even where
/// nobody asks it anything.
constexpr std::array defaults = {
    std::pair{"fallback_application_name", "calotype"},
    std::pair{"client_encoding", "UTF8"},
    std::pair{"keepalives_idle", "10"},
    std::pair{"keepalives_interval", "5"},
    std::pair{"keepalives_count", "3"},
    std::pair{"tcp_user_timeout", "20000"},
};

Result<OptionsPtr> parse_url(const std::string& url) {
  OptionsPtr parsed(PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
  if (!parsed)
    return fail(ErrorCode::bad_config,
                "The catalog's URL cannot be read; it has to be like "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE. Characters of a password that have "
                "a meaning in URLs are written as %XX.");
  return parsed;
}

std::string text_or_empty(const char* text) {
  return text == nullptr ? "" : text;
}

/// The first that is wanted: reading or writing.
Result<void> wait_for(int fd, bool reading, PgDeadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()).count();
    if (left <= 0) return fail(ErrorCode::timeout, "No connection was made in time.");
    pollfd ready{.fd = fd, .events = static_cast<short>(reading ? POLLIN : POLLOUT), .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 1'000))) > 0) return {};
  }
}

}  // namespace

Result<void> check_pg_url(const std::string& url) {
  TRY_VOID(parse_url(url));
  return {};
}

Result<std::unique_ptr<PgConnection>> PgConnection::open(const std::string& url,
                                                         PgDeadline deadline) {
  TRY(const auto parsed, parse_url(url));
  std::vector<const char*> keywords, values;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    keywords.push_back(option->keyword);
    values.push_back(option->val);
  }
  for (const auto& [keyword, value] : defaults) {
    const bool said = std::ranges::any_of(
        keywords, [&](const char* word) { return std::string_view(word) == keyword; });
    if (said) continue;
    keywords.push_back(keyword);
    values.push_back(value);
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* const handle = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (handle == nullptr) return fail(ErrorCode::overloaded, "There is no memory for a connection.");
  std::unique_ptr<PgConnection> connection(new PgConnection(handle));
  connection->deadline_ = deadline;
  TRY_VOID(connection->finish_opening(deadline));
  TRY_VOID(connection->check_server());
  return connection;
}

Result<void> PgConnection::finish_opening(PgDeadline deadline) {
  PQsetErrorVerbosity(handle_, PQERRORS_VERBOSE);  // with the SQLSTATE
  PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
  const auto peer = [this] {
    return PgPeer{.host = text_or_empty(PQhost(handle_)),
                  .port = text_or_empty(PQport(handle_)),
                  .user = text_or_empty(PQuser(handle_)),
                  .database = text_or_empty(PQdb(handle_))};
  };
  auto state = PQstatus(handle_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return pg_connect_error(peer(), PQerrorMessage(handle_));
    if (const auto ready = wait_for(PQsocket(handle_), state == PGRES_POLLING_READING, deadline);
        !ready)
      return pg_connect_error(peer(), ready.error().message);
    state = PQconnectPoll(handle_);
  }
  PQsetErrorVerbosity(handle_, PQERRORS_DEFAULT);
  peer_ = peer();
  if (PQsetnonblocking(handle_, 1) != 0 || PQenterPipelineMode(handle_) != 1)
    return lost(PQerrorMessage(handle_));
  return {};
}

Result<void> PgConnection::check_server() {
  if (const int version = PQserverVersion(handle_); version < server_version_min)
    return fail(ErrorCode::bad_config,
                std::format("PostgreSQL at {} is version {}; the catalog needs {} or newer.",
                            peer_.host, version / 10'000, server_version_min / 10'000));
  // No statement here runs long enough for compiling it to pay.
  TRY(const auto encoding,
      query_one(*this, "SELECT current_setting('server_encoding'), set_config('jit', 'off', false)",
                {}, read_text));
  if (encoding != "UTF8")
    return fail(ErrorCode::bad_config,
                std::format("The database “{}” at {} stores text as {}; the catalog needs UTF8. "
                            "Make one with: createdb -T template0 -E UTF8 {}",
                            peer_.database, peer_.host, encoding.value_or("?"), peer_.database));
  const auto asked = Steady::now();
  TRY(const auto time,
      query_one(*this, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", {},
                read_integer));
  note_time(asked, time.value_or(0));
  return {};
}

}  // namespace calotype
