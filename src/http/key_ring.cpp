// SPDX-License-Identifier: Apache-2.0
#include "http/key_ring.hpp"

#include <algorithm>
#include <format>

#include "http/api_key.hpp"
#include "http/request_head.hpp"

namespace calotype {
namespace {

constexpr std::chrono::milliseconds remembered_for{500};
constexpr std::size_t known_max = 4'096;

/// The credentials of `Bearer …`; empty for anything else.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() <= scheme.size() ||
      !equal_ignoring_case(authorization.substr(0, scheme.size()), scheme))
    return {};
  return trim(authorization.substr(scheme.size()));
}

Result<Principal> judge(const std::optional<ApiKeyRow>& row, Scope needed) {
  if (!row) return fail(ErrorCode::unauthorized, "There is no such key.");
  const auto has = [&](Scope scope) {
    return std::ranges::contains(row->scopes, to_string(scope));
  };
  if (!has(needed) && !has(Scope::admin))
    return fail(ErrorCode::forbidden, std::format("This needs a key with the scope {}; “{}” has "
                                                  "not got it.",
                                                  to_string(needed), row->name));
  return Principal{row->name, true};
}

std::unexpected<Error> no_key() {
  return fail(ErrorCode::unauthorized, "This needs a key: Authorization: Bearer cal_…");
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::write:
      return "write";
    case Scope::admin:
      return "admin";
  }
  return "";
}

std::optional<Scope> parse_scope(std::string_view text) {
  for (const Scope scope : {Scope::read, Scope::write, Scope::admin})
    if (text == to_string(scope)) return scope;
  return std::nullopt;
}

std::optional<Result<Principal>> KeyRing::recall(std::string_view authorization, Scope needed) {
  const auto now = std::chrono::steady_clock::now();
  const std::string_view token = bearer_token(authorization);
  const std::lock_guard lock(mutex_);
  if (!in_force_ || now >= in_force_until_) return std::nullopt;
  if (!*in_force_ && !insists_) return Principal{};
  if (token.empty()) return Result<Principal>(no_key());
  const auto place = known_.find(hash_of_api_key(token));
  if (place == known_.end() || now >= place->second.until) return std::nullopt;
  return judge(place->second.row, needed);
}

Result<Principal> KeyRing::authorize(std::string_view authorization, Scope needed) {
  if (auto known = recall(authorization, needed)) return *std::move(known);
  TRY(const bool required, in_force());
  if (!required && !insists_) return Principal{};
  const std::string_view token = bearer_token(authorization);
  if (token.empty()) return no_key();
  const Digest hash = hash_of_api_key(token);
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = forgotten_;
  }
  const auto asked = std::chrono::steady_clock::now();
  TRY(const auto row, catalog_.find_key(hash));
  {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= known_max) known_.clear();
    if (before == forgotten_) known_.insert_or_assign(hash, Known{row, asked + remembered_for});
  }
  return judge(row, needed);
}

Result<bool> KeyRing::in_force() {
  const auto asked = std::chrono::steady_clock::now();
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    if (in_force_ && asked < in_force_until_) return *in_force_;
    before = forgotten_;
  }
  TRY(const auto keys, catalog_.list_keys());
  const std::lock_guard lock(mutex_);
  if (before == forgotten_) {
    in_force_ = !keys.empty();
    in_force_until_ = asked + remembered_for;
  }
  return !keys.empty();
}

void KeyRing::forget() {
  const std::lock_guard lock(mutex_);
  ++forgotten_;
  in_force_.reset();
  known_.clear();
}

}  // namespace calotype
