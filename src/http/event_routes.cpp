// SPDX-License-Identifier: Apache-2.0
// GET /v1/events: changes of assets as they happen, as server-sent events (the HTML standard,
// §9.2).
#include "http/query.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

Result<Response> stream(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({}));
  Response response{.status = 200, .fields = {}, .body = {}, .close = true};
  response.add("Content-Type", "text/event-stream");
  response.add("Cache-Control", "no-store");
  response.add("X-Accel-Buffering", "no");
  if (exchange.head.method == Method::head) return response;
  TRY(response.events, site.events.listen(exchange.head.first(FieldName::last_event_id)));
  return response;
}

}  // namespace

Answer stream_events(const Site& site, const Exchange& exchange) {
  auto response = stream(site, exchange);
  if (!response) return refuse(response.error());
  return *std::move(response);
}

}  // namespace calotype
