// SPDX-License-Identifier: Apache-2.0
// /v1/jobs: what waits, what runs, what has died, and a new start for the dead.
#include <format>

#include "http/asset_json.hpp"
#include "http/query.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

Result<Response> list(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"cursor", "limit", "state"}));
  TRY(const PageRequest page, page_request(query));
  JobFilter filter;
  if (const std::string* state = query.find("state")) {
    filter.state = parse_job_state(*state);
    if (!filter.state)
      return fail(ErrorCode::bad_request,
                  std::format("state is ready, running or dead, not “{}”.", *state));
  }
  TRY(const auto found, site.services.catalog.list_jobs(filter, page.cursor, page.limit));
  json::array jobs;
  for (const Job& job : found.rows) jobs.push_back(job_json(job));
  return json_response(200, json::serialize(json::object{{"jobs", std::move(jobs)},
                                                         {"next", text_or_null(found.next)}}));
}

}  // namespace

Answer list_jobs(const Site& site, const Exchange& exchange) {
  auto result = list(site, exchange);
  if (!result) return refuse(result.error());
  return *std::move(result);
}

Answer retry_job(const Site& site, const Exchange& exchange) {
  const auto retried = site.services.catalog.retry_job(exchange.arguments[0]);
  if (!retried) return refuse(retried.error());
  return json_response(
      202, json::serialize(json::object{{"id", exchange.arguments[0]}, {"state", "ready"}}));
}

}  // namespace calotype
