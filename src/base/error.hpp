// SPDX-License-Identifier: Apache-2.0
// Errors are values. Every refusal carries a stable code (the contract that clients program
// against), a public message, and a private detail that only logs show. The kind is derived from
// the code in one table, so a code can never travel with a kind that contradicts it.
#pragma once

#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>

namespace calotype {

/// What went wrong, free of any protocol. http/ maps it to a status in one switch.
enum class ErrorKind : std::uint8_t {
  invalid_input,  // the request can never succeed as it stands
  unauthorized,   // no key, or a wrong one
  forbidden,      // a valid key without the scope, or a bad signature
  not_found,      // no such thing
  not_allowed,    // the method does not apply to this resource
  conflict,       // the thing is in another state than the request needs
  precondition,   // the client named a version of the thing that is not the present one
  too_large,      // more bytes than are accepted
  bad_range,      // a Range that the representation cannot satisfy
  unprocessable,  // understood, but the content does not allow it
  pending,        // not yet: work that was accepted earlier is still running
  overloaded,     // try again later; nothing was done
  timeout,        // a deadline passed
  cancelled,      // the caller went away, or the program is stopping
  no_space,       // the store is full
  upstream,       // a part that we depend on failed
  remote,         // a server that the client named failed
  unsupported,    // a body of a type that the resource does not take
  checksum,       // a part of the body differs from the checksum sent with it
  locked,         // somebody else is writing it now
  gone,           // was here, and will not come back
  barred,         // taken down: these bytes are not accepted again
  corrupt,        // stored bytes differ from their hash
  internal,       // a defect of ours
};

/// Stable codes; to_string gives the spelling that clients see ("MISSING_UPLOAD").
/// Adding one is a compatible change, renaming one is not.
enum class ErrorCode : std::uint8_t {
  missing_upload,
  bad_request,
  bad_recipe,
  bad_digest_header,
  digest_mismatch,
  body_incomplete,
  too_large,
  insufficient_storage,
  not_renderable,
  limit_exceeded,
  asset_not_found,
  upload_not_found,
  variant_not_found,
  job_not_found,
  key_not_found,
  route_not_found,
  blob_not_found,
  method_not_allowed,
  unauthorized,
  forbidden,
  bad_signature,
  asset_processing,
  variant_generation_failed,
  illegal_transition,
  job_not_retryable,
  lease_lost,
  precondition_failed,
  range_not_satisfiable,
  overloaded,
  timeout,
  cancelled,
  unsupported_media_type,
  offset_mismatch,    // a resumable upload is at another offset than the request says
  checksum_mismatch,  // of a part of a resumable upload
  upload_locked,      // another request writes the same resumable upload
  upload_gone,        // a resumable upload that expired or was ended
  asset_barred,       // taken down, and kept out
  cluster_not_found,
  url_not_allowed,  // a URL to fetch from outside the allow-list, or a private address
  fetch_failed,     // what a URL to fetch from answered
  blob_corrupt,
  blob_quarantined,  // found corrupt, and put aside
  catalog_failed,
  storage_failed,
  renderer_failed,  // ended, or sent nonsense, over the picture in its hands
  renderer_lost,    // ended by something else than its picture
  sandbox_unavailable,
  bad_config,
  server_unreachable,
  internal,
};

/// "MISSING_UPLOAD", … The inverse is parse_error_code.
std::string_view to_string(ErrorCode code);
/// The code of that spelling, or internal where there is none (an answer from a newer server).
ErrorCode parse_error_code(std::string_view text);
ErrorKind kind_of(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // for the client: no paths, no SQL, no addresses
  std::string detail;   // for the log: what the library or the kernel said
  std::source_location where;

  ErrorKind kind() const { return kind_of(code); }
};

template <class T>
using Result = std::expected<T, Error>;

/// The way to make one: `return fail(ErrorCode::asset_not_found, "No asset has the id …")`.
std::unexpected<Error> fail(ErrorCode code, std::string message, std::string detail = {},
                            std::source_location where = std::source_location::current());

/// As fail, with the text of errno (a value of it, not the global) in the detail. ENOSPC and EDQUOT
/// become insufficient_storage whatever the given code.
std::unexpected<Error> fail_errno(ErrorCode code, std::string message, int error_number,
                                  std::source_location where = std::source_location::current());

/// One line for logs: "ASSET_NOT_FOUND: message (detail) at file:line".
std::string describe(const Error& error);

/// A broken invariant: prints and stops the program, in release too.
[[noreturn]] void panic(std::string_view what,
                        std::source_location where = std::source_location::current());
inline void require(bool holds, std::string_view what,
                    std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    panic(what, where);
}

}  // namespace calotype

#define CALOTYPE_CONCAT_INNER(a, b) a##b
#define CALOTYPE_CONCAT(a, b) CALOTYPE_CONCAT_INNER(a, b)
#define CALOTYPE_TRY_INNER(result, declaration, ...)              \
  auto result = (__VA_ARGS__);                                    \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)
/// `TRY(auto blob, blobs.open(key));` declares blob, or returns the error to the caller.
#define TRY(declaration, ...) \
  CALOTYPE_TRY_INNER(CALOTYPE_CONCAT(try_result_, __COUNTER__), declaration, __VA_ARGS__)
/// `TRY_VOID(file.sync());` for Result<void>, or where the value is not wanted.
#define TRY_VOID(...)                                      \
  do {                                                     \
    if (auto try_void = (__VA_ARGS__); !try_void)          \
      return std::unexpected(std::move(try_void).error()); \
  } while (false)
