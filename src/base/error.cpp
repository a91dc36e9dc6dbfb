// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <system_error>
#include <utility>

namespace calotype {
namespace {

struct CodeFacts {
  ErrorCode code;
  std::string_view text;
  ErrorKind kind;
};

constexpr CodeFacts code_facts[] = {
    {ErrorCode::missing_upload, "MISSING_UPLOAD", ErrorKind::invalid_input},
    {ErrorCode::bad_request, "BAD_REQUEST", ErrorKind::invalid_input},
    {ErrorCode::bad_recipe, "BAD_RECIPE", ErrorKind::invalid_input},
    {ErrorCode::bad_digest_header, "BAD_DIGEST_HEADER", ErrorKind::invalid_input},
    {ErrorCode::digest_mismatch, "DIGEST_MISMATCH", ErrorKind::unprocessable},
    {ErrorCode::body_incomplete, "BODY_INCOMPLETE", ErrorKind::invalid_input},
    {ErrorCode::too_large, "TOO_LARGE", ErrorKind::too_large},
    {ErrorCode::insufficient_storage, "INSUFFICIENT_STORAGE", ErrorKind::no_space},
    {ErrorCode::not_renderable, "NOT_RENDERABLE", ErrorKind::unprocessable},
    {ErrorCode::limit_exceeded, "LIMIT_EXCEEDED", ErrorKind::unprocessable},
    {ErrorCode::asset_not_found, "ASSET_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::upload_not_found, "UPLOAD_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::variant_not_found, "VARIANT_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::job_not_found, "JOB_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::key_not_found, "KEY_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::route_not_found, "ROUTE_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::blob_not_found, "BLOB_NOT_FOUND", ErrorKind::corrupt},
    {ErrorCode::method_not_allowed, "METHOD_NOT_ALLOWED", ErrorKind::not_allowed},
    {ErrorCode::unauthorized, "UNAUTHORIZED", ErrorKind::unauthorized},
    {ErrorCode::forbidden, "FORBIDDEN", ErrorKind::forbidden},
    {ErrorCode::bad_signature, "BAD_SIGNATURE", ErrorKind::forbidden},
    {ErrorCode::asset_processing, "ASSET_PROCESSING", ErrorKind::pending},
    {ErrorCode::variant_generation_failed, "VARIANT_GENERATION_FAILED", ErrorKind::internal},
    {ErrorCode::illegal_transition, "ILLEGAL_TRANSITION", ErrorKind::conflict},
    {ErrorCode::job_not_retryable, "JOB_NOT_RETRYABLE", ErrorKind::conflict},
    {ErrorCode::lease_lost, "LEASE_LOST", ErrorKind::conflict},
    {ErrorCode::precondition_failed, "PRECONDITION_FAILED", ErrorKind::precondition},
    {ErrorCode::range_not_satisfiable, "RANGE_NOT_SATISFIABLE", ErrorKind::bad_range},
    {ErrorCode::overloaded, "OVERLOADED", ErrorKind::overloaded},
    {ErrorCode::timeout, "TIMEOUT", ErrorKind::timeout},
    {ErrorCode::cancelled, "CANCELLED", ErrorKind::cancelled},
    {ErrorCode::unsupported_media_type, "UNSUPPORTED_MEDIA_TYPE", ErrorKind::unsupported},
    {ErrorCode::offset_mismatch, "OFFSET_MISMATCH", ErrorKind::conflict},
    {ErrorCode::checksum_mismatch, "CHECKSUM_MISMATCH", ErrorKind::checksum},
    {ErrorCode::upload_locked, "UPLOAD_LOCKED", ErrorKind::locked},
    {ErrorCode::upload_gone, "UPLOAD_GONE", ErrorKind::gone},
    {ErrorCode::asset_barred, "ASSET_BARRED", ErrorKind::barred},
    {ErrorCode::cluster_not_found, "CLUSTER_NOT_FOUND", ErrorKind::not_found},
    {ErrorCode::url_not_allowed, "URL_NOT_ALLOWED", ErrorKind::forbidden},
    {ErrorCode::fetch_failed, "FETCH_FAILED", ErrorKind::remote},
    {ErrorCode::blob_corrupt, "BLOB_CORRUPT", ErrorKind::corrupt},
    {ErrorCode::blob_quarantined, "BLOB_QUARANTINED", ErrorKind::corrupt},
    {ErrorCode::catalog_failed, "CATALOG_FAILED", ErrorKind::upstream},
    {ErrorCode::storage_failed, "STORAGE_FAILED", ErrorKind::upstream},
    {ErrorCode::renderer_failed, "RENDERER_FAILED", ErrorKind::upstream},
    {ErrorCode::renderer_lost, "RENDERER_LOST", ErrorKind::upstream},
    {ErrorCode::sandbox_unavailable, "SANDBOX_UNAVAILABLE", ErrorKind::upstream},
    {ErrorCode::bad_config, "BAD_CONFIG", ErrorKind::invalid_input},
    {ErrorCode::server_unreachable, "SERVER_UNREACHABLE", ErrorKind::upstream},
    {ErrorCode::internal, "INTERNAL", ErrorKind::internal},
};

constexpr bool in_enum_order() {
  std::size_t index = 0;
  for (const auto& facts : code_facts)
    if (std::to_underlying(facts.code) != index++) return false;
  return index == std::to_underlying(ErrorCode::internal) + 1U;
}
static_assert(in_enum_order(), "code_facts has one row a code, in the order of the enum");

const CodeFacts& facts_of(ErrorCode code) {
  return code_facts[std::to_underlying(code)];
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  return facts_of(code).text;
}

ErrorKind kind_of(ErrorCode code) {
  return facts_of(code).kind;
}

ErrorCode parse_error_code(std::string_view text) {
  for (const auto& facts : code_facts)
    if (facts.text == text) return facts.code;
  return ErrorCode::internal;
}

std::unexpected<Error> fail(ErrorCode code, std::string message, std::string detail,
                            std::source_location where) {
  return std::unexpected(Error{code, std::move(message), std::move(detail), where});
}

std::unexpected<Error> fail_errno(ErrorCode code, std::string message, int error_number,
                                  std::source_location where) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return fail(full ? ErrorCode::insufficient_storage : code,
              full ? "The store has no space left." : std::move(message),
              std::system_category().message(error_number), where);
}

std::string describe(const Error& error) {
  std::string_view file = error.where.file_name();
  if (const auto src = file.rfind("src/"); src != std::string_view::npos) file.remove_prefix(src);
  return std::format("{}: {}{}{}{} at {}:{}", to_string(error.code), error.message,
                     error.detail.empty() ? "" : " (", error.detail,
                     error.detail.empty() ? "" : ")", file, error.where.line());
}

void panic(std::string_view what, std::source_location where) {
  std::fprintf(stderr, "calotype: broken invariant: %.*s at %s:%u\n", static_cast<int>(what.size()),
               what.data(), where.file_name(), where.line());
  std::abort();
}

}  // namespace calotype
