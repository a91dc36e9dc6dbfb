// SPDX-License-Identifier: Apache-2.0
#include "http/asset_query.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(asset_query) {
  if (const auto query = Query::parse(bytes)) {
    const auto wanted = parse_asset_query(*query);
    require(!wanted || wanted->states.size() <= 2, "a listing asks for at most two states");
  }
  const auto document = parse_json(bytes);
  if (!document || !document->is_object()) return;
  const auto filter = parse_asset_filter(document->get_object());
  require(!filter || *filter != AssetQuery{}, "a filter asks for something");
}
