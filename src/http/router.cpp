// SPDX-License-Identifier: Apache-2.0
#include "http/router.hpp"

#include <algorithm>

#include "http/asset_json.hpp"
#include "http/dialects/variant_path.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

using enum Method;

/// A request about an upload that comes in parts.
constexpr Route resumable(Method method, std::string_view pattern, std::string_view name,
                          UploadHandler begin) {
  return {.method = method,
          .pattern = pattern,
          .access = Access::write,
          .name = name,
          .begin_upload = begin};
}

constexpr Route table[] = {
    {get, "/v/{id}/{variant}", Access::signature, "variant", get_variant},
    {get, "/i/{id}", Access::signature, "imgix", get_imgix},
    {get, "/asset/{id}/variant/{name}", Access::signature, "resolve", resolve_variant},
    {get, "/iiif/3/{id}", Access::signature, "iiif_base", redirect_to_iiif_info},
    {get, "/iiif/3/{id}/info.json", Access::signature, "iiif_info", show_iiif_info},
    {get, "/iiif/3/{id}/{region}/{size}/{rotation}/{quality}", Access::signature, "iiif", get_iiif},
    {get, "/cloudinary/image/upload/{rest}", Access::signature, "cloudinary", get_cloudinary},
    {get, "/imgproxy/{signature}/{rest}", Access::signature, "imgproxy", get_imgproxy},
    {.method = post,
     .pattern = "/v1/assets",
     .access = Access::write,
     .name = "upload",
     .begin_upload = begin_upload,
     .blocks = false},
    {get, "/v1/assets", Access::read, "assets", list_assets},
    {head, "/v1/assets/{id}", Access::existence, "existence", head_asset},
    {get, "/v1/assets/{id}", Access::read, "asset", show_asset},
    {remove, "/v1/assets/{id}", Access::write, "delete_asset", delete_asset},
    {post, "/v1/assets/{id}/uploads", Access::write, "record_known", record_known},
    {remove, "/v1/assets/{id}/uploads/{upload}", Access::write, "delete_upload", delete_upload},
    {get, "/v1/assets/{id}/events", Access::read, "events", list_events},
    {get, "/v1/assets/{id}/variants", Access::read, "variants", list_variants},
    {get, "/v1/assets/{id}/original", Access::read, "original", get_original},
    {post, "/v1/assets/{id}/retry", Access::write, "retry_asset", retry_asset},
    {put, "/v1/assets/{id}/focal-point", Access::write, "set_focal_point", set_focal_point},
    {remove, "/v1/assets/{id}/focal-point", Access::write, "forget_focal_point",
     forget_focal_point},
    {.method = post,
     .pattern = "/v1/assets/bulk",
     .access = Access::write,
     .name = "bulk",
     .handle = change_many,
     .deletes = true},
    {get, "/v1/library", Access::read, "library", show_library},
    {get, "/v1/sign", Access::read, "sign", sign_url},
    {post, "/v1/takedowns", Access::admin, "take_down", take_down},
    {get, "/v1/takedowns", Access::admin, "takedowns", list_takedowns},
    {get, "/v1/takedowns/{id}", Access::admin, "takedown", show_takedown},
    {remove, "/v1/takedowns/{id}", Access::admin, "lift_takedown", lift_takedown},
    {get, "/v1/events", Access::read, "event_stream", stream_events},
    resumable(post, "/v1/tus", "tus_create", create_tus_upload),
    resumable(post, "/v1/tus/", "tus_create", create_tus_upload),
    resumable(head, "/v1/tus/{upload}", "tus_offset", show_tus_upload),
    resumable(patch, "/v1/tus/{upload}", "tus_append", append_to_tus_upload),
    resumable(remove, "/v1/tus/{upload}", "tus_terminate", terminate_tus_upload),
    resumable(head, "/v1/uploads/{upload}", "upload_offset", show_partial_upload),
    resumable(patch, "/v1/uploads/{upload}", "upload_append", append_to_partial_upload),
    resumable(remove, "/v1/uploads/{upload}", "upload_cancel", cancel_partial_upload),
    {get, "/v1/search", Access::read, "search", search_assets},
    {get, "/v1/duplicates", Access::read, "duplicates", list_duplicates},
    {get, "/v1/duplicates/{id}", Access::read, "duplicate", show_duplicates},
    {.method = post,
     .pattern = "/v1/duplicates/merge",
     .access = Access::write,
     .name = "merge_duplicates",
     .handle = merge_duplicates,
     .deletes = true},
    {get, "/v1/jobs", Access::admin, "jobs", list_jobs},
    {post, "/v1/jobs/{id}/retry", Access::admin, "retry_job", retry_job},
    {get, "/v1/keys", Access::admin, "keys", list_keys},
    {post, "/v1/keys", Access::admin, "create_key", create_key},
    {remove, "/v1/keys/{id}", Access::admin, "revoke_key", revoke_key},
    {.method = get,
     .pattern = "/healthz",
     .access = Access::open,
     .name = "healthz",
     .handle = show_health,
     .blocks = false,
     .operations = true},
    {.method = get,
     .pattern = "/readyz",
     .access = Access::open,
     .name = "readyz",
     .handle = show_readiness,
     .operations = true},
    {.method = get,
     .pattern = "/metrics",
     .access = Access::open,
     .name = "metrics",
     .handle = show_metrics,
     .operations = true},
    {.method = get,
     .pattern = "/openapi.json",
     .access = Access::open,
     .name = "openapi",
     .handle = show_openapi,
     .blocks = false},
    {.method = get,
     .pattern = "/",
     .access = Access::open,
     .name = "page",
     .handle = show_page,
     .blocks = false},
    {.method = get,
     .pattern = "/page/{name}",
     .access = Access::open,
     .name = "page_file",
     .handle = get_page_file,
     .blocks = false},
};

/// A placeholder stands for one segment that is not empty; {rest}, at the end, for all that is
/// left.
bool matches(std::string_view pattern, std::string_view path, RouteArguments& arguments) {
  std::size_t count = 0;
  while (true) {
    const auto pattern_end = pattern.find('/', 1);
    const auto path_end = path.find('/', 1);
    const std::string_view wanted = pattern.substr(0, pattern_end);
    if (wanted == "/{rest}" && pattern_end == pattern.npos) {
      arguments[count] = path.substr(1);
      return path.size() > 1;
    }
    const std::string_view given = path.substr(0, path_end);
    if (wanted.starts_with("/{")) {
      if (given.size() < 2) return false;
      arguments[count++] = given.substr(1);
    } else if (wanted != given) {
      return false;
    }
    if (pattern_end == pattern.npos || path_end == path.npos) return pattern_end == path_end;
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
  }
}

}  // namespace

std::span<const Route> routes() {
  return table;
}

RouteMatch find_route(Method method, std::string_view path, bool operations_only) {
  RouteMatch match;
  std::vector<Method> allowed;
  for (const Route& route : table) {
    RouteArguments arguments;
    if (operations_only && !route.operations) continue;
    if (!matches(route.pattern, path, arguments)) continue;
    allowed.push_back(route.method);
    const bool as_head = method == head && route.method == get;
    if (match.route != nullptr || (route.method != method && !as_head)) continue;
    match.route = &route;
    match.arguments = arguments;
  }
  if (std::ranges::contains(allowed, get) && !std::ranges::contains(allowed, head))
    allowed.push_back(head);
  if (!allowed.empty()) allowed.push_back(options);
  for (const Method each : allowed)
    match.allow.append(match.allow.empty() ? "" : ", ").append(to_string(each));
  return match;
}

std::optional<Scope> needed_scope(const Route& route, std::string_view first_argument) {
  switch (route.access) {
    case Access::open:
    case Access::signature:
      return std::nullopt;
    case Access::read:
      return Scope::read;
    case Access::write:
      return Scope::write;
    case Access::admin:
      return Scope::admin;
    case Access::existence:
      return names_content(first_argument) ? Scope::write : Scope::read;
  }
  return Scope::admin;
}

void Site::forget(const AssetId& id) const {
  services.deliver.forget(id);
  hot.erase(id);
}

std::string Site::public_url(std::string_view target) const {
  return settings.require_signature ? sign_target(settings.signing_key, target)
                                    : std::string(target);
}

std::string Site::preset_url(const AssetRow& asset, std::string_view name, const Recipe& recipe,
                             const std::vector<VariantRow>& stored) const {
  if (!recipe.format)
    return public_url("/v/" + asset.id.text() + "/" + std::string(name) + ".auto");
  const Recipe meant = settled_for(asset, recipe);
  const std::string better = services.deliver.version_of(meant, Effort::high);
  const bool has_better = std::ranges::any_of(stored, [&](const VariantRow& row) {
    return row.key.version == better && row.key.recipe == to_string(meant);
  });
  return public_url(variant_path(asset.id.text(), name, recipe,
                                 has_better ? better : services.deliver.version_of(meant)));
}

Answer refuse(const Error& error) {
  return problem_response(error);
}

Answer answer(Result<Response> result) {
  if (!result) return refuse(result.error());
  return *std::move(result);
}

}  // namespace calotype
