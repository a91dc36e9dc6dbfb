// SPDX-License-Identifier: Apache-2.0
// A place for one test's catalog, on each engine that there is: a file in a folder of its own, or a
// database of its own on the servers that the suite has started (tests/servers; by hand:
// tests/servers/run CMD). It goes with the test.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/pg_connection.hpp"

namespace calotype {

inline const std::array<std::string, 3> every_engine = {"sqlite", "postgresql", "pgbouncer"};

class CatalogTestPlace {
 public:
  explicit CatalogTestPlace(const std::string& engine)
      : engine_(engine), name_("calotype_" + new_id(SystemClock().now())) {
    if (engine_ == "sqlite") {
      folder_ = std::filesystem::temp_directory_path() / name_;
      std::filesystem::create_directories(folder_);
    } else if (exists()) {
      on_server("CREATE DATABASE " + name_);
    }
  }
  ~CatalogTestPlace() {
    if (engine_ == "sqlite") {
      std::filesystem::remove_all(folder_);
    } else if (exists()) {
      on_server("DROP DATABASE " + name_ + " WITH (FORCE)");
    }
  }
  CatalogTestPlace(const CatalogTestPlace&) = delete;
  CatalogTestPlace& operator=(const CatalogTestPlace&) = delete;

  /// Whether the suite has started the engine's server.
  bool exists() const {
    return engine_ == "sqlite" || (!server("CALOTYPE_TEST_POSTGRES").empty() && !url().empty());
  }
  std::string url() const {
    if (engine_ == "sqlite") return "sqlite:" + (folder_ / "catalog.db").string();
    const std::string at =
        server(engine_ == "pgbouncer" ? "CALOTYPE_TEST_PGBOUNCER" : "CALOTYPE_TEST_POSTGRES");
    return at.empty() ? "" : at + "/" + name_;
  }
  /// Of the server itself, whatever stands before it.
  std::string direct_url() const {
    return engine_ == "sqlite" ? "" : server("CALOTYPE_TEST_POSTGRES") + "/" + name_;
  }
  CatalogSettings settings() const {
    return {.url = url(), .replica_url = {}, .listen_url = direct_url()};
  }
  void on_server(const std::string& sql) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    const auto db = PgConnection::open(server("CALOTYPE_TEST_POSTGRES") + "/postgres", until);
    ASSERT_TRUE(db) << describe(db.error());
    (*db)->set_deadline(until);
    const auto done = (*db)->script(sql);
    ASSERT_TRUE(done) << describe(done.error());
  }
  /// A connection to this place's database, past any catalog.
  std::unique_ptr<PgConnection> connect() const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    auto db = PgConnection::open(direct_url(), until);
    EXPECT_TRUE(db) << describe(db.error());
    (*db)->set_deadline(until);
    return *std::move(db);
  }

  static std::string server(const char* variable) {
    const char* const url = std::getenv(variable);
    return url == nullptr ? "" : url;
  }

 private:
  const std::string engine_;
  const std::string name_;
  std::filesystem::path folder_;
};

}  // namespace calotype
