// SPDX-License-Identifier: Apache-2.0
// What PostgreSQL refuses, as our errors: told apart by SQLSTATE, never by a message's words, which
// are in the server's language.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

/// What a failed statement says of the transaction that it was in. In all of them but `none`
/// nothing of that transaction has happened, unless the commit itself was lost.
enum class PgFailure : std::uint8_t {
  none,
  refused,   // the same again would fail again
  conflict,  // with another transaction: the same again may succeed
  again,     // our picture of the connection was wrong (a prepared statement is gone): at once
  lost,      // the connection broke, or the answer did not come in time
};

/// `sqlstate` is five characters, or empty where the server sent none.
PgFailure pg_failure_of(std::string_view sqlstate);
/// `server_said` goes into the detail.
std::unexpected<Error> pg_error(std::string_view sqlstate, std::string server_said);

/// Who was asked for a connection, for messages to the operator; without any password.
struct PgPeer {
  std::string host, port, user, database;
};
/// Why no connection could be made. `said` is libpq's text at verbose level, which carries the
/// server's SQLSTATE where it came from a server. bad_config where only the operator can help.
std::unexpected<Error> pg_connect_error(const PgPeer& peer, std::string_view said);
/// The SQLSTATE in such a text ("FATAL:  28P01: …"), empty where there is none.
std::string_view pg_sqlstate_in(std::string_view said);

}  // namespace calotype
