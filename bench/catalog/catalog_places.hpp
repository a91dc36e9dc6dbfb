// SPDX-License-Identifier: Apache-2.0
// Where a measured catalog lies, and how it is filled with assets that were inspected long ago.
#pragma once

#include <filesystem>
#include <format>
#include <memory>
#include <string>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/pg_connection.hpp"
#include "catalog/sqlite_connection.hpp"
#include "filled_listing.hpp"

namespace calotype {

template <class T>
T must(Result<T> result) {
  if (!result) panic(describe(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

inline Digest digest_of(std::string_view space, std::size_t number) {
  return Sha256::of(as_bytes(std::format("{} {}", space, number)));
}

/// One engine: a folder for SQLite's files, or a PostgreSQL server's URL without a database.
class Places {
 public:
  explicit Places(std::string where)
      : where_(std::move(where)), on_server_(where_.starts_with("postgresql://")) {
    if (!on_server_) std::filesystem::create_directories(where_);
  }

  bool on_server() const { return on_server_; }
  /// A fresh catalog of that name with so many assets in it.
  std::unique_ptr<Catalog> make(const std::string& name, std::size_t assets) {
    remove(name);
    if (on_server_) must(connect("postgres")->script("CREATE DATABASE " + name));
    must(open_catalog({.url = url(name)}, clock_));
    if (on_server_) {
      fill_server(*connect(name), assets);
    } else {
      fill_file(name, assets);
    }
    return open(name);
  }
  /// One more program on it, with a connection for each of 64 clients.
  std::unique_ptr<Catalog> open(const std::string& name) {
    return must(open_catalog(
        {.url = url(name), .replica_url = {}, .listen_url = {}, .pool_size = 64}, clock_));
  }
  void remove(const std::string& name) {
    if (on_server_)
      return must(connect("postgres")->script("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"));
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(where_ + "/" + name + suffix);
  }
  std::string url(const std::string& name) const {
    return on_server_ ? where_ + "/" + name : "sqlite:" + where_ + "/" + name;
  }
  std::unique_ptr<PgConnection> connect(const std::string& database) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::hours{1};
    auto db = must(PgConnection::open(where_ + "/" + database, until));
    db->set_deadline(until);
    return db;
  }

 private:
  static constexpr std::size_t rows_at_once = 1'000;

  std::string metadata() const {
    return std::format(R"({{"exif":{{"Model":"{:200}"}}}})", "camera");
  }

  void fill_file(const std::string& name, std::size_t assets) {
    const auto db = must(SqliteConnection::open(where_ + "/" + name, {.cache_kib = 512 * 1024}));
    must(db->script("PRAGMA synchronous = OFF; BEGIN"));
    const Timestamp now = clock_.now();
    for (std::size_t i = 0; i < assets; ++i) {
      const Digest digest = digest_of("filled", i);
      const auto id = AssetId::of(digest);
      must(
          db->execute("INSERT INTO asset (asset_no, id, digest, bytes, state, purge_epoch, "
                      "purging, events, created_at, updated_at) VALUES ($1, $2, $3, 65536, "
                      "'METADATA_READY', 0, 0, 3, $4, $5)",
                      {i + 1, id.text(), ByteSpan(digest.bytes), i, now}));
      must(
          db->execute("INSERT INTO media (asset_no, media_type, renderable, width, height, "
                      "orientation, bits_per_channel, channels, has_alpha, pages, color_space, "
                      "icc_profile, placeholder, metadata_json) VALUES ($1, 'image/jpeg', 1, 4000, "
                      "3000, 1, 8, 3, 0, 1, 'srgb', 'sRGB', '3OcRJYB4d3h/iIeHeEh3eIhw+j3A', $2)",
                      {i + 1, metadata()}));
      must(
          db->execute("INSERT INTO upload (asset_no, id, file_name, uploader, tags, created_at) "
                      "VALUES ($1, $2, 'photo.jpg', 'ci', '[]', $3)",
                      {i + 1, new_id(now), now}));
      for (int seq = 1; seq <= 3; ++seq)
        must(
            db->execute("INSERT INTO event (asset_no, seq, from_state, to_state, because, at) "
                        "VALUES ($1, $2, 'DEDUP_CHECK', 'METADATA_READY', "
                        "'inspection succeeded', $3)",
                        {i + 1, seq, now}));
    }
    must(db->script(listing_of_filled(assets)));
    must(db->script("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /// The ids and hashes from here, the rest made there of them.
  void fill_server(PgConnection& db, std::size_t assets) {
    must(db.script("SET synchronous_commit = off"));
    for (std::size_t first = 0; first < assets; first += rows_at_once) {
      std::string sql =
          "INSERT INTO asset (id, digest, bytes, state, purge_epoch, purging, events, created_at, "
          "updated_at) VALUES ";
      for (std::size_t i = first; i < std::min(first + rows_at_once, assets); ++i) {
        const Digest digest = digest_of("filled", i);
        sql += std::format("{}('{}', '\\x{}', 65536, 'METADATA_READY', 0, 0, 3, {}, 0)",
                           i == first ? "" : ",", AssetId::of(digest).text(), digest.hex(), i);
      }
      must(db.script(sql));
    }
    must(db.script(std::format(
        "INSERT INTO media (asset_no, media_type, renderable, width, height, orientation, "
        "bits_per_channel, channels, has_alpha, pages, color_space, icc_profile, placeholder, "
        "metadata_json) SELECT asset_no, 'image/jpeg', 1, 4000, 3000, 1, 8, 3, 0, 1, 'srgb', "
        "'sRGB', '3OcRJYB4d3h/iIeHeEh3eIhw+j3A', '{}' FROM asset;"
        "INSERT INTO upload SELECT asset_no, id, 'photo.jpg', 'ci', '[]', 0 FROM asset;"
        "INSERT INTO event (asset_no, seq, from_state, to_state, because, at) "
        "SELECT asset_no, seq, 'DEDUP_CHECK', 'METADATA_READY', "
        "'inspection succeeded', 0 FROM asset, generate_series(1, 3) seq",
        metadata())));
    must(db.script(listing_of_filled(assets)));
    // As autovacuum would before long, and in the middle of a measurement.
    must(db.script("VACUUM (ANALYZE, FREEZE)"));
    must(db.script("CHECKPOINT"));
  }

  const std::string where_;
  const bool on_server_;
  const SystemClock clock_;
};

}  // namespace calotype
