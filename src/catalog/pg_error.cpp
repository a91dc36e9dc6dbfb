// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_error.hpp"

#include <algorithm>
#include <format>

namespace calotype {
namespace {

constexpr std::size_t sqlstate_size = 5;

bool is_one_of(std::string_view sqlstate, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, sqlstate) != codes.end();
}

/// With a digit, which FATAL and PANIC have not.
bool is_sqlstate(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == sqlstate_size && std::ranges::any_of(text, is_digit) &&
         std::ranges::all_of(text, [&](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
}

/// The first line, without what only a programmer of the server wants.
std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

PgFailure pg_failure_of(std::string_view sqlstate) {
  // serialization_failure, deadlock_detected
  if (is_one_of(sqlstate, {"40001", "40P01"})) return PgFailure::conflict;
  // A prepared statement is gone (a pooler gave us another server), or is there already (left by
  // somebody else there).
  if (is_one_of(sqlstate, {"26000", "42P05"})) return PgFailure::again;
  // Connection exceptions; ended by an administrator, a crash, a shutdown, a start; the time-outs
  // that end the session of a program that was stopped; a primary that has become a replica; a
  // prepared statement whose columns a migration has changed. Another connection may do better.
  if (sqlstate.starts_with("08") ||
      is_one_of(sqlstate,
                {"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "25006", "0A000"}))
    return PgFailure::lost;
  return PgFailure::refused;
}

std::unexpected<Error> pg_error(std::string_view sqlstate, std::string server_said) {
  std::string detail = std::format("SQLSTATE {}: {}", sqlstate, server_said);
  if (is_one_of(sqlstate, {"53100", "53200"}))  // disk_full, out_of_memory
    return fail(sqlstate == "53100" ? ErrorCode::insufficient_storage : ErrorCode::overloaded,
                sqlstate == "53100" ? "The catalog's disk is full."
                                    : "The catalog's server is out of memory.",
                std::move(detail));
  if (is_one_of(sqlstate, {"57014", "55P03"}))  // query_canceled, lock_not_available
    return fail(ErrorCode::timeout, "The catalog took too long.", std::move(detail));
  if (is_one_of(sqlstate, {"53300", "53400"}))  // too_many_connections
    return fail(ErrorCode::overloaded, "The catalog's server has no connection left.",
                std::move(detail));
  if (is_one_of(sqlstate, {"40001", "40P01"}))
    return fail(ErrorCode::overloaded, "Too many changes of the same thing at once.",
                std::move(detail));
  if (is_one_of(sqlstate, {"22021", "22P05"}))  // bytes that are no UTF-8, or a NUL
    return fail(ErrorCode::bad_request, "A text holds bytes that are no text (UTF-8 without NUL).",
                std::move(detail));
  if (is_one_of(sqlstate, {"25006"}))
    return fail(ErrorCode::catalog_failed, "The catalog's server cannot be written to.",
                std::move(detail));
  if (pg_failure_of(sqlstate) == PgFailure::lost)
    return fail(ErrorCode::catalog_failed, "The catalog's server ended the connection.",
                std::move(detail));
  return fail(ErrorCode::catalog_failed, "The catalog failed.", std::move(detail));
}

std::string_view pg_sqlstate_in(std::string_view said) {
  for (std::size_t at = said.find(':'); at != said.npos; at = said.find(':', at + 1)) {
    const auto begin = said.find_first_not_of(' ', at + 1);
    if (begin == said.npos || begin == at + 1) continue;
    const auto code = said.substr(begin, sqlstate_size);
    const bool closed = begin + sqlstate_size < said.size() && said[begin + sqlstate_size] == ':';
    if (closed && is_sqlstate(code)) return code;
  }
  return {};
}

std::unexpected<Error> pg_connect_error(const PgPeer& peer, std::string_view said) {
  const std::string_view state = pg_sqlstate_in(said);
  const std::string at = peer.port.empty() ? peer.host : peer.host + ":" + peer.port;
  std::string detail = first_line(said);
  if (is_one_of(state, {"28P01", "28000"}) || said.contains("no password supplied"))
    return fail(ErrorCode::bad_config,
                std::format("PostgreSQL at {} does not let the user “{}” in: {}. The password can "
                            "stand in the catalog's URL (postgresql://USER:PASSWORD@HOST/NAME), in "
                            "PGPASSWORD or in ~/.pgpass.",
                            at, peer.user,
                            state == "28P01" ? "the password is wrong"
                            : state.empty()  ? "it asks for a password, and there is none"
                                             : "its rules (pg_hba.conf) refuse this user here"),
                std::move(detail));
  if (state == "3D000")
    return fail(ErrorCode::bad_config,
                std::format("PostgreSQL at {} has no database “{}”. Make one with: createdb -h {} "
                            "-U {} {}",
                            at, peer.database, peer.host, peer.user, peer.database),
                std::move(detail));
  if (state == "53300")
    return fail(ErrorCode::overloaded,
                std::format("PostgreSQL at {} has no connection left (max_connections).", at),
                std::move(detail));
  if (state == "57P03")
    return fail(ErrorCode::catalog_failed,
                std::format("PostgreSQL at {} is starting or stopping.", at), std::move(detail));
  if (state.empty())
    return fail(ErrorCode::catalog_failed,
                std::format("No PostgreSQL can be reached at {}. Is it running there, and does it "
                            "listen on that address?",
                            at),
                std::move(detail));
  return fail(ErrorCode::catalog_failed, std::format("PostgreSQL at {} refuses connections.", at),
              std::move(detail));
}

}  // namespace calotype
