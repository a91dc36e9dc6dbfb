// SPDX-License-Identifier: Apache-2.0
// Signs variant URLs as a server with delivery.require_signature wants them. What is signed is the
// path with its query, so a URL keeps its scheme and host.
#include <ostream>

#include "cli/commands.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

/// Where the path of "https://host/path" begins; 0 for a path.
std::size_t path_begin(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return 0;
  return url.find('/', scheme + 3);
}

Result<std::string> sign_url(const std::string& key, const std::string& url) {
  const auto begin = path_begin(url);
  if (begin == std::string::npos || url.substr(begin, 1) != "/" || url.contains('#'))
    return fail(ErrorCode::bad_request,
                "“" + url +
                    "” is no URL of a variant; it is a path like /v/ID/thumb.webp, or an "
                    "http URL with such a path.");
  const auto target = without_signature(std::string_view(url).substr(begin));
  return url.substr(0, begin) + sign_picture(key, target);
}

}  // namespace

Result<void> run(const SignCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  const std::string& key = settings.text("delivery.signing_key");
  if (key.empty())
    return fail(ErrorCode::bad_config,
                "There is no delivery.signing_key. Set it as the server has it, in the file or as "
                "CALOTYPE_DELIVERY_SIGNING_KEY.");
  for (const auto& url : command.urls) {
    TRY(const std::string done, sign_url(key, url));
    if (session.json) {
      print_json(session, json::object{{"url", done}});
    } else {
      session.out << done << '\n';
    }
  }
  return {};
}

}  // namespace calotype
