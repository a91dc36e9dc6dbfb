// SPDX-License-Identifier: Apache-2.0
#include "http/picture_answer.hpp"

#include <algorithm>
#include <chrono>
#include <format>

#include "http/content_disposition.hpp"
#include "http/cors.hpp"
#include "http/representation.hpp"

namespace calotype {
namespace {

struct Found {
  MediaInfo media;
  Recipe recipe;
  bool varies = false;
};

Representation represent(const Picture& picture, bool varies, const PictureWish& wish, bool hit) {
  Response fields;
  fields.add("Cache-Control", wish.cache_control);
  fields.add("X-Cache", hit ? "HIT" : "MISS");
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("Cache-Tag", picture.row.key.asset_id.text());
  if (varies) fields.add("Vary", "Accept");
  fields.fields += wish.fields;
  Representation representation{.media_type = picture.row.media_type,
                                .etag = "\"" + picture.row.digest.hex() + "\"",
                                .last_modified = picture.row.created_at,
                                .fields = std::move(fields.fields),
                                .body = {}};
  if (picture.bytes)
    representation.body = MemorySlice{picture.bytes, 0, picture.bytes->size()};
  else
    representation.body =
        FileSlice{picture.blob->file, 0, picture.blob->bytes, picture.blob->check};
  return representation;
}

/// All of a plain 200's head that follows its Date; see HotEntry::head.
std::string hot_head(const std::vector<std::string>& origins, const Representation& whole) {
  return std::format("{}{}Content-Length: {}\r\n\r\n", representation_fields(whole),
                     cors_fields(origins, {}, Exposed::fields_of_pictures), size_of(whole.body));
}

void keep_hot(const Site& site, std::string_view target, const Picture& picture, const Found& found,
              const PictureWish& wish, std::uint64_t epoch) {
  if (!picture.bytes) return;
  auto entry = std::make_shared<HotEntry>(std::string(target), picture.row.key);
  entry->representation = represent(picture, found.varies, wish, true);
  if (picture.bytes->size() >= uncopied_bytes_min)
    std::get<MemorySlice>(entry->representation.body).bytes = Bytes::in_file(picture.bytes->view());
  entry->head = hot_head(site.settings.cors_origins, entry->representation);
  if (found.varies) {
    auto marker = std::make_shared<HotEntry>(std::string(target), picture.row.key);
    marker->varies = true;
    marker->carried = carried_by(found.media, wish.recipe);
    site.hot.insert(std::move(marker), epoch);
    entry->target = hot_variant_key(target, *found.recipe.format);
  }
  site.hot.insert(std::move(entry), epoch);
}

}  // namespace

Result<std::string> cache_until(const Site& site, const std::optional<std::int64_t>& expires) {
  if (!expires) return std::string(cache_a_day);
  constexpr std::int64_t day = 86'400;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      site.services.clock.now().time_since_epoch());
  if (*expires <= now.count()) return fail(ErrorCode::asset_not_found, "The URL has expired.");
  return std::format("public, max-age={}", std::min(*expires - now.count(), day));
}

std::string disposition_field(bool is_attachment, std::string_view file_name) {
  if (file_name.empty() && !is_attachment) return {};
  Response fields;
  fields.add("Content-Disposition", content_disposition(is_attachment ? "attachment" : "inline",
                                                        clean_file_name(file_name)));
  return std::move(fields.fields);
}

Response refused_picture(const Error& error) {
  Response response = problem_response(error);
  response.add("X-Cache", "MISS");
  return response;
}

Answer picture_or_refusal(Result<Answer> answer) {
  if (!answer) return refused_picture(answer.error());
  return *std::move(answer);
}

bool may_stay_hot(const Site& site, const Recipe& recipe) {
  return !follows_focal_point(recipe) || !site.services.catalog.is_shared();
}

std::optional<Answer> answer_picture(const Site& site, const Exchange& exchange,
                                     const PictureWish& wish) {
  const std::uint64_t epoch = site.hot.epoch();
  auto looked_up = site.services.deliver.look_up(
      wish.id, wish.recipe, wish.negotiate, exchange.head.joined(FieldName::accept), wish.only);
  if (!looked_up) return refused_picture(looked_up.error());
  if (!looked_up->picture && !looked_up->order) return std::nullopt;
  auto finish = [&site, &head = exchange.head, epoch, wish,
                 found = Found{std::move(looked_up->media), looked_up->recipe, looked_up->varies}](
                    const Result<Picture>& picture) -> Response {
    if (!picture) return refused_picture(picture.error());
    if (wish.keep_hot) keep_hot(site, head.target, *picture, found, wish, epoch);
    return respond_with(represent(*picture, found.varies, wish, !picture->rendered), head);
  };
  if (looked_up->picture) return finish(*std::move(looked_up->picture));
  return PictureOrder{*std::move(looked_up->order), std::move(finish)};
}

}  // namespace calotype
