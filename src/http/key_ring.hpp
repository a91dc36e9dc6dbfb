// SPDX-License-Identifier: Apache-2.0
// Who may do what. Keys are looked up in the catalog by the hash of their secret and remembered for
// half a second, so that a revoked key ends within a second and a burst of requests costs one
// query. Where there is no key at all everybody may do everything: that is the default on loopback
// (the server refuses to listen elsewhere then).
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

#include "catalog/catalog.hpp"

namespace calotype {

enum class Scope : std::uint8_t { read, write, admin };
std::string_view to_string(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);

struct Principal {
  std::string name;  // the key's; empty where no keys are in force
  bool keys_in_force = false;
};

class KeyRing {
 public:
  explicit KeyRing(KeyCatalog& catalog) : catalog_(catalog) {}

  /// From memory alone, for I/O threads; nothing where the catalog has to be asked.
  std::optional<Result<Principal>> recall(std::string_view authorization, Scope needed);
  /// `authorization` is the field's value, empty where it is missing. unauthorized; forbidden
  /// where the key lacks the scope (admin has them all). Blocks.
  Result<Principal> authorize(std::string_view authorization, Scope needed);
  /// From now on a key is needed even where there is none: others can reach the server.
  void insist() { insists_ = true; }
  /// Whether any key exists. Blocks.
  Result<bool> in_force();
  /// After a key was made or revoked here.
  void forget();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Known {
    std::optional<ApiKeyRow> row;
    Instant until;
  };

  KeyCatalog& catalog_;
  std::atomic<bool> insists_ = false;
  std::mutex mutex_;
  std::uint64_t forgotten_ = 0;  // what was asked before counts no more
  std::optional<bool> in_force_;
  Instant in_force_until_;
  std::map<Digest, Known> known_;
};

}  // namespace calotype
