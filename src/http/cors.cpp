// SPDX-License-Identifier: Apache-2.0
#include "http/cors.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>

namespace calotype {
namespace {

constexpr std::string_view exposed_of_pictures =
    "Accept-Ranges, Cache-Tag, Content-Disposition, Content-Range, ETag, Link, Retry-After, "
    "X-Cache";
constexpr std::string_view all_exposed =
    "Accept-Ranges, Calotype-Asset, Calotype-Status, Content-Disposition, Content-Length, "
    "Content-Range, ETag, Last-Modified, Link, Location, Retry-After, Tus-Checksum-Algorithm, "
    "Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Complete, Upload-Concat, "
    "Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Limit, Upload-Metadata, "
    "Upload-Offset, X-Cache";
constexpr std::string_view request_fields =
    "Authorization, Content-Digest, Content-Disposition, Content-Type, If-Match, "
    "If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Last-Event-ID, Range, "
    "Repr-Digest, Tus-Resumable, Upload-Checksum, Upload-Complete, Upload-Concat, "
    "Upload-Defer-Length, Upload-Draft-Interop-Version, Upload-Length, Upload-Metadata, "
    "Upload-Offset, X-HTTP-Method-Override, X-Request-ID, X-Requested-With";

/// "http://[::1]:3000" → "[::1]".
std::string_view host_of(std::string_view origin) {
  const auto scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  origin.remove_prefix(scheme + 3);
  const auto port = origin.find(':', origin.starts_with('[') ? origin.find(']') : 0);
  return origin.substr(0, port);
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "[::1]") return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address_v4(host, error);
  return !error && address.is_loopback();
}

}  // namespace

bool cors_varies(const std::vector<std::string>& origins) {
  return !origins.empty() && !std::ranges::contains(origins, "*");
}

std::string cors_fields(const std::vector<std::string>& origins, std::string_view origin,
                        Exposed exposed) {
  Response fields;
  const bool varies = cors_varies(origins);
  if (varies) fields.add("Vary", "Origin");
  const bool allowed = !origins.empty() && (!varies || std::ranges::contains(origins, origin));
  if (allowed) {
    fields.add("Access-Control-Allow-Origin", varies ? origin : "*");
    fields.add("Access-Control-Expose-Headers",
               exposed == Exposed::all ? all_exposed : exposed_of_pictures);
  }
  return std::move(fields.fields);
}

bool is_trusted_origin(const std::vector<std::string>& origins, std::string_view origin) {
  return origin.empty() || is_loopback(host_of(origin)) ||
         (origin != "*" && std::ranges::contains(origins, origin));
}

Response options_response(const std::vector<std::string>& origins, std::string_view origin,
                          std::string_view allow) {
  Response response{.status = 204, .fields = {}, .body = {}};
  response.add("Allow", allow);
  const bool allowed =
      !origins.empty() && (!cors_varies(origins) || std::ranges::contains(origins, origin));
  if (!origin.empty() && allowed) {
    response.add("Access-Control-Allow-Methods", allow);
    response.add("Access-Control-Allow-Headers", request_fields);
    response.add("Access-Control-Max-Age", "86400");
  }
  return response;
}

}  // namespace calotype
