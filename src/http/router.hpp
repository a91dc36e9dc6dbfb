// SPDX-License-Identifier: Apache-2.0
// The table of routes: method, path, who may, and the function that answers. openapi.json describes
// the same table, and a test walks the two against each other.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "http/site.hpp"

namespace calotype {

enum class Access : std::uint8_t {
  open,
  signature,  // a signed URL, where those are required
  read,
  write,
  admin,
  /// Whether some content is here: read by id, write by hash (a reader must not be able to test
  /// for content that it only suspects).
  existence,
};

struct Route {
  Method method;             // GET answers HEAD too, unless that has a row of its own
  std::string_view pattern;  // "/v1/assets/{id}"; a last {rest} takes all that is left
  Access access;
  std::string_view name;  // the metrics' label
  Handler handle = nullptr;
  /// Instead: the body is streamed. Runs where uploads do, so that what waits for one holds up no
  /// other request.
  UploadHandler begin_upload = nullptr;
  bool blocks = true;    // false: answered, or begun, on the I/O thread
  bool deletes = false;  // as DELETE does: not for pages of another origin where there are no keys
  bool operations = false;  // there too where nothing else is (a worker)
};

std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;  // nullptr: none for this path, or none for this method
  RouteArguments arguments;
  std::string allow;  // the methods that the path has; empty where there is no such path
};

RouteMatch find_route(Method method, std::string_view path, bool operations_only = false);

/// The scope that a key needs; nothing where none is needed.
std::optional<Scope> needed_scope(const Route& route, std::string_view first_argument);

// asset_routes.cpp
Answer head_asset(const Site& site, const Exchange& exchange);
Answer list_assets(const Site& site, const Exchange& exchange);
Answer show_asset(const Site& site, const Exchange& exchange);
Answer list_events(const Site& site, const Exchange& exchange);
Answer list_variants(const Site& site, const Exchange& exchange);
Answer get_original(const Site& site, const Exchange& exchange);
Answer delete_asset(const Site& site, const Exchange& exchange);
Answer delete_upload(const Site& site, const Exchange& exchange);
Answer retry_asset(const Site& site, const Exchange& exchange);
// library_routes.cpp
Answer show_library(const Site& site, const Exchange& exchange);
Answer change_many(const Site& site, const Exchange& exchange);
// sign_routes.cpp
Answer sign_url(const Site& site, const Exchange& exchange);
// takedown_routes.cpp
Answer take_down(const Site& site, const Exchange& exchange);
Answer list_takedowns(const Site& site, const Exchange& exchange);
Answer show_takedown(const Site& site, const Exchange& exchange);
Answer lift_takedown(const Site& site, const Exchange& exchange);
// focal_point_routes.cpp
Answer set_focal_point(const Site& site, const Exchange& exchange);
Answer forget_focal_point(const Site& site, const Exchange& exchange);
// upload_routes.cpp
Result<UploadStart> begin_upload(const Site& site, const Exchange& exchange);
Answer record_known(const Site& site, const Exchange& exchange);
// tus_routes.cpp
Result<UploadStart> create_tus_upload(const Site& site, const Exchange& exchange);
Result<UploadStart> append_to_tus_upload(const Site& site, const Exchange& exchange);
Result<UploadStart> show_tus_upload(const Site& site, const Exchange& exchange);
Result<UploadStart> terminate_tus_upload(const Site& site, const Exchange& exchange);
// partial_upload_routes.cpp
Result<UploadStart> append_to_partial_upload(const Site& site, const Exchange& exchange);
Result<UploadStart> show_partial_upload(const Site& site, const Exchange& exchange);
Result<UploadStart> cancel_partial_upload(const Site& site, const Exchange& exchange);
// variant_routes.cpp
Answer get_variant(const Site& site, const Exchange& exchange);
Answer get_imgix(const Site& site, const Exchange& exchange);
Answer resolve_variant(const Site& site, const Exchange& exchange);
// iiif_routes.cpp
Answer redirect_to_iiif_info(const Site& site, const Exchange& exchange);
Answer show_iiif_info(const Site& site, const Exchange& exchange);
Answer get_iiif(const Site& site, const Exchange& exchange);
// cloudinary_routes.cpp
Answer get_cloudinary(const Site& site, const Exchange& exchange);
// imgproxy_routes.cpp
Answer get_imgproxy(const Site& site, const Exchange& exchange);
// likeness_routes.cpp
Answer search_assets(const Site& site, const Exchange& exchange);
Answer list_duplicates(const Site& site, const Exchange& exchange);
Answer show_duplicates(const Site& site, const Exchange& exchange);
Answer merge_duplicates(const Site& site, const Exchange& exchange);
// job_routes.cpp
Answer list_jobs(const Site& site, const Exchange& exchange);
Answer retry_job(const Site& site, const Exchange& exchange);
// event_routes.cpp
Answer stream_events(const Site& site, const Exchange& exchange);
// key_routes.cpp
Answer list_keys(const Site& site, const Exchange& exchange);
Answer create_key(const Site& site, const Exchange& exchange);
Answer revoke_key(const Site& site, const Exchange& exchange);
// status_routes.cpp
Answer show_health(const Site& site, const Exchange& exchange);
Answer show_readiness(const Site& site, const Exchange& exchange);
Answer show_metrics(const Site& site, const Exchange& exchange);
Answer show_openapi(const Site& site, const Exchange& exchange);
// page_routes.cpp
Answer show_page(const Site& site, const Exchange& exchange);
Answer get_page_file(const Site& site, const Exchange& exchange);

}  // namespace calotype
