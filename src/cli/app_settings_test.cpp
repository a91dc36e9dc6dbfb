// SPDX-License-Identifier: Apache-2.0
// The table's defaults and the structs' own are written twice; this holds them together.
#include "cli/app_settings.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

Result<AppSettings> with_flags(std::vector<FlagSetting> flags) {
  SettingSources sources;
  sources.default_paths.clear();
  sources.flags = std::move(flags);
  return app_settings(Settings::load(sources).value());
}

TEST(AppSettings, DefaultsAreThoseOfTheRooms) {
  const AppSettings app = with_flags({}).value();
  const AppSettings rooms;
  EXPECT_EQ(app.render.processes, rooms.render.processes);
  EXPECT_EQ(app.render.sandbox, rooms.render.sandbox);
  EXPECT_EQ(app.render.process_memory_max, rooms.render.process_memory_max);
  EXPECT_EQ(app.render.render_timeout, rooms.render.render_timeout);
  EXPECT_EQ(app.render.inspect_timeout, rooms.render.inspect_timeout);
  EXPECT_EQ(app.render.renders_per_process, rooms.render.renders_per_process);
  EXPECT_EQ(app.render.process_growth_max, rooms.render.process_growth_max);
  EXPECT_EQ(app.render.queue_max, rooms.render.queue_max);
  EXPECT_EQ(app.render.queue_bytes_max, rooms.render.queue_bytes_max);
  EXPECT_EQ(app.render.output_bytes_max, rooms.render.output_bytes_max);
  EXPECT_EQ(app.render.limits.input_pixels_max, rooms.render.limits.input_pixels_max);
  EXPECT_EQ(app.render.limits.output_side_max, rooms.render.limits.output_side_max);
  EXPECT_EQ(app.render.limits.output_pixels_max, rooms.render.limits.output_pixels_max);
  EXPECT_EQ(app.render.limits.frames_max, rooms.render.limits.frames_max);
  EXPECT_EQ(app.render.limits.animation_pixels_max, rooms.render.limits.animation_pixels_max);
  EXPECT_EQ(app.ingest.bytes_max, rooms.ingest.bytes_max);
  EXPECT_EQ(app.resumable.expires, rooms.resumable.expires);
  EXPECT_EQ(app.resumable.lease, rooms.resumable.lease);
  EXPECT_EQ(app.deliver.wait_max, rooms.deliver.wait_max);
  EXPECT_EQ(app.deliver.renders_waiting_max, rooms.deliver.renders_waiting_max);
  EXPECT_EQ(app.deliver.in_memory_bytes_max, rooms.deliver.in_memory_bytes_max);
  EXPECT_EQ(app.deliver.write_behind_bytes_max, rooms.deliver.write_behind_bytes_max);
  for (const auto& [lane, concurrency] : rooms.jobs.concurrency)
    EXPECT_EQ(app.jobs.concurrency.at(lane), concurrency) << to_string(lane);
  EXPECT_EQ(app.jobs.lease, rooms.jobs.lease);
  EXPECT_EQ(app.deliver.lease, rooms.deliver.lease);
  EXPECT_EQ(app.deletions.staleness_max, rooms.deletions.staleness_max);
  EXPECT_EQ(app.cache.url, rooms.cache.url);
  EXPECT_EQ(app.cache.prefix, rooms.cache.prefix);
  EXPECT_EQ(app.cache.timeout, rooms.cache.timeout);
  EXPECT_EQ(app.scrub.grace, rooms.scrub.grace);
  EXPECT_EQ(app.scrub.variant_age_max, rooms.scrub.variant_age_max);
  EXPECT_EQ(app.scrub_interval, rooms.scrub_interval);
  EXPECT_EQ(app.drain_max, rooms.drain_max);
}

TEST(AppSettings, HttpDefaultsAreThoseOfTheRoom) {
  const HttpSettings http = with_flags({}).value().http.value();
  const HttpSettings room;
  EXPECT_EQ(http.host, room.host);
  EXPECT_EQ(http.port, room.port);
  EXPECT_EQ(http.io_threads, room.io_threads);
  EXPECT_EQ(http.ingest_threads, room.ingest_threads);
  EXPECT_EQ(http.connections_max, room.connections_max);
  EXPECT_EQ(http.request_header_timeout, room.request_header_timeout);
  EXPECT_EQ(http.idle_timeout, room.idle_timeout);
  EXPECT_EQ(http.body_timeout, room.body_timeout);
  EXPECT_EQ(http.body_rate_min, room.body_rate_min);
  EXPECT_EQ(http.wait_max, room.wait_max);
  EXPECT_EQ(http.cors_origins, room.cors_origins);
  EXPECT_EQ(http.hot_bytes_max, room.hot_bytes_max);
  EXPECT_EQ(http.require_signature, room.require_signature);
  EXPECT_EQ(http.access_interval, room.access_interval);
  EXPECT_EQ(http.operations_only, room.operations_only);
}

Result<AppSettings> worker_with(std::vector<FlagSetting> flags) {
  SettingSources sources;
  sources.default_paths.clear();
  sources.flags = std::move(flags);
  return worker_settings(Settings::load(sources).value());
}

TEST(AppSettings, OfAWorkerAreItsLanesAndAtMostOperations) {
  const auto all = worker_with({}).value();
  EXPECT_FALSE(all.http) << "it does not listen unless it is told to";
  EXPECT_EQ(all.jobs.concurrency.size(), every_lane.size());
  const auto some = worker_with({{"worker.lanes", "metadata, video", "--lanes"},
                                 {"jobs.metadata_concurrency", "7", "--set"},
                                 {"worker.listen", "0.0.0.0:9100", "--listen"}})
                        .value();
  EXPECT_EQ(some.jobs.concurrency,
            (std::map<Lane, std::size_t>{{Lane::metadata, 7}, {Lane::video, 1}}));
  EXPECT_TRUE(some.http->operations_only);
  EXPECT_EQ(some.http->port, 9100);
  for (const std::string lanes : {"", " , ", "audio", "metadata,Image"})
    EXPECT_EQ(worker_with({{"worker.lanes", lanes, "--lanes"}}).error().code, ErrorCode::bad_config)
        << lanes;
}

TEST(AppSettings, AServerCanLeaveJobsToWorkers) {
  EXPECT_TRUE(with_flags({{"jobs.in_server", "false", "--no-workers"}})->jobs.concurrency.empty());
}

TEST(AppSettings, ReadsAddressesAndPlaces) {
  struct Row {
    std::string listen, host;
    int port;
  };
  for (const Row& row : {Row{"127.0.0.1:0", "127.0.0.1", 0}, Row{"localhost:81", "127.0.0.1", 81},
                         Row{"[::1]:65535", "::1", 65'535}}) {
    const auto app = with_flags({{"http.listen", row.listen, "--listen"}});
    ASSERT_TRUE(app) << row.listen << ": " << app.error().message;
    EXPECT_EQ(app->http->host, row.host);
    EXPECT_EQ(app->http->port, row.port);
  }
  for (const auto* listen : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                             "127.0.0.1:-1", "::1:80", "[]:80", "127.0.0.1:80x"}) {
    const auto app = with_flags({{"http.listen", listen, "--listen"}});
    ASSERT_FALSE(app) << listen;
    EXPECT_EQ(app.error().code, ErrorCode::bad_config);
    EXPECT_TRUE(app.error().message.starts_with("http.listen must be HOST:PORT")) << listen;
  }
  const auto app = with_flags({{"data", "/srv/x", "--data"}}).value();
  EXPECT_EQ(app.catalog.url, "sqlite:/srv/x/catalog.db");
  EXPECT_EQ(std::get<FolderSettings>(app.blobs).folder, "/srv/x/blobs");
  EXPECT_FALSE(with_flags({{"blobs", "s3://bucket", "--set"}})) << "there are no keys";
  const auto remote = with_flags({{"data", "/srv/x", "--data"},
                                  {"blobs", "s3://bucket/a?endpoint=http://127.0.0.1:1", "--set"},
                                  {"blobs.access_key", "key", "--set"},
                                  {"blobs.secret_key", "secret", "--set"}});
  ASSERT_TRUE(remote) << remote.error().message;
  const auto& s3 = std::get<S3Settings>(remote->blobs);
  EXPECT_EQ(s3.place.base_url(), "http://127.0.0.1:1/bucket");
  EXPECT_EQ(s3.folder, "/srv/x/s3");
  EXPECT_EQ(s3.cache_bytes_max, S3Settings{}.cache_bytes_max);
  EXPECT_EQ(s3.connections_max, S3Settings{}.connections_max);
  EXPECT_EQ(s3.attempts_max, S3Settings{}.attempts_max);
  EXPECT_EQ(s3.request_timeout, S3Settings{}.request_timeout);
  EXPECT_EQ(s3.multipart_min, S3Settings{}.multipart_min);
  EXPECT_FALSE(with_flags({{"blobs", "folder:", "--set"}}));
}

TEST(AppSettings, APresetThatFindsFacesNeedsAModel) {
  const FlagSetting preset{"presets.avatar", "w=96&h=96&fit=cover&g=face&fm=webp", "--set"};
  const auto without = with_flags({preset});
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::bad_config);
  EXPECT_EQ(without.error().message,
            "The preset “avatar” finds faces: set models.faces to the path of a model that does.");
  const auto with = with_flags({preset, {"models.faces", "/srv/faces.onnx", "--set"}});
  ASSERT_TRUE(with) << with.error().message;
  EXPECT_EQ(with->render.face_model, "/srv/faces.onnx");
}

}  // namespace
}  // namespace calotype
