# SPDX-License-Identifier: Apache-2.0
"""What may include what, each line with its reason. Held against the sources by
test_architecture.py. To add an edge, add its row and a reason that a reviewer can disagree with.

A room is a folder of src/; `http/dialects` and `render/renderer` are rooms of their own inside
another, and `app` is what lies in src/ itself: the composition root.
"""

# From the bottom up; a room may look downwards only, and rooms of one row do not know each other.
ROWS = [
    {"base"},
    {"async", "asset"},
    {"catalog", "blobs", "cache", "fetch", "render", "render/renderer", "search",
     "http/dialects"},
    {"pipeline"},
    {"jobs", "http"},
    {"app", "cli"},
]

# Edges that cross within a row or belong to a pair that shares a parent folder.
SAME_ROW = {
    ("render/renderer", "render"): "the renderer is the other end of the pool's wire",
    ("cli", "app"): "`calotype serve` starts the composition root",
}

# (room, the room it includes): why it may.
EDGES = {
    ("async", "base"): "work that ends in a Result, and broken invariants",
    ("asset", "base"): "identities are digests, refusals are Results",
    ("catalog", "base"): "errors, the clock, metrics",
    ("catalog", "asset"): "rows are made of the domain's values",
    ("catalog", "async"): "one flush for many writers",
    ("blobs", "base"): "errors, descriptors, digests",
    ("blobs", "async"): "one flush for many publishers",
    ("cache", "base"): "errors, digests, times, metrics",
    ("fetch", "base"): "errors, encodings",
    ("render", "base"): "errors, descriptors, encodings",
    ("render", "asset"): "it is asked with a plan and answers with media facts",
    ("render", "async"): "threads that wait for renderers",
    ("render/renderer", "base"): "errors, encodings",
    ("render/renderer", "asset"): "plans in, media facts out",
    ("http/dialects", "base"): "refusals are Results",
    ("http/dialects", "asset"): "a dialect is a parser into a recipe",
    ("search", "base"): "errors, encodings",
    ("search", "asset"): "it compares the domain's fingerprints",
    ("pipeline", "base"): "errors, clocks, metrics",
    ("pipeline", "asset"): "it tells the story of the domain's values",
    ("pipeline", "async"): "many who want one variant share one flight",
    ("pipeline", "catalog"): "each step is recorded",
    ("pipeline", "blobs"): "each step reads or keeps bytes",
    ("pipeline", "cache"): "what another server has found out is not found out again",
    ("pipeline", "render"): "pixels are read and made by renderers",
    ("pipeline", "search"): "what comes in is compared with the library",
    ("jobs", "base"): "errors, clocks, metrics",
    ("jobs", "asset"): "kinds and lanes",
    ("jobs", "async"): "a lane is a bounded pool",
    ("jobs", "catalog"): "leases, heartbeats and outcomes are rows",
    ("jobs", "pipeline"): "a job is one step of the story",
    ("http", "base"): "errors become problem documents",
    ("http", "asset"): "ids, states and recipes are what URLs and documents say",
    ("http", "async"): "whatever blocks is offloaded",
    ("http", "http/dialects"): "URLs become recipes",
    ("http", "catalog"): "lists, histories and keys are read where no step is taken",
    ("http", "blobs"): "bytes are sent from the store",
    ("http", "fetch"): "an upload may name a URL instead of bringing its bytes",
    ("http", "pipeline"): "an upload and a GET are steps of the story",
    ("app", "base"): "it makes everything",
    ("app", "async"): "it makes everything",
    ("app", "asset"): "it makes everything",
    ("app", "catalog"): "it makes everything",
    ("app", "blobs"): "it makes everything",
    ("app", "cache"): "it makes everything",
    ("app", "fetch"): "it makes everything",
    ("app", "render"): "it makes everything",
    ("app", "pipeline"): "it makes everything",
    ("app", "jobs"): "it makes everything",
    ("app", "http"): "it makes everything",
    ("cli", "base"): "errors, encodings, logs",
    ("cli", "asset"): "presets and recipes are checked before they are sent",
    ("cli", "app"): "`calotype serve` starts the composition root",
    ("cli", "http"): "`sign` and `key create` make what the server checks, by the same code",
    ("cli", "blobs"): "settings become a store; `calotype storage` looks after its bucket",
    ("cli", "catalog"): "the first API key is made where no server runs yet",
}

# A test stands a real room on the real rooms below it, so it may look at all of those; what is
# beside or above stays out of sight. What it needs besides is written here.
TEST_EDGES = {
    ("render", "render/renderer"): "the pool's tests judge pictures and the sandbox by its parts",
    ("http", "cache"): "the server is tested with the cache that shares nothing",
    ("http", "render"): "the server is tested with real renderers",
    ("jobs", "blobs"): "jobs are tested on a real store",
    ("jobs", "render"): "jobs are tested with real renderers",
}

# Headers that name an implementation of an interface: for their own room, the composition root,
# and tests.
IMPLEMENTATIONS = {
    "blobs/f*.hpp": "others see blobs/blob_store.hpp",
    "cache/open_cache.hpp": "the cache is chosen once, by whoever composes",
    "cache/re[ds]*.hpp": "others see cache/shared_cache.hpp",
    "cache/unshared_cache.hpp": "others see cache/shared_cache.hpp",
    "blobs/s3*.hpp": "others see blobs/blob_store.hpp",
    "blobs/blob_cache.hpp": "others see blobs/blob_store.hpp",
    "blobs/open_blobs.hpp": "the store is chosen once, by whoever composes",
    "catalog/sql*.hpp": "others see catalog/catalog.hpp",
    "catalog/pg_*.hpp": "others see catalog/catalog.hpp",
    "catalog/database.hpp": "others see catalog/catalog.hpp",
    "catalog/migrations.hpp": "others see catalog/catalog.hpp",
    "catalog/open_catalog.hpp": "the engine is chosen once, by whoever composes",
}
IMPLEMENTATION_USERS = {
    ("cli", "blobs/open_blobs.hpp"): "settings become a store; `storage` composes one alone",
    ("cli", "catalog/open_catalog.hpp"): "`calotype key create --data` composes a catalog alone",
}

# A library's first include component (or its only header), the rooms it may be included in, why.
# Longest match first: boost/json before boost.
LIBRARIES = {
    "boost/json": ({"base"}, "one dialect of JSON, with its limits, in base/json"),
    "boost/asio": ({"async", "http", "cache"},
                   "sockets, the offload that resumes on a connection, the shared cache's thread"),
    "boost/redis": ({"cache"}, "the shared cache speaks to it in one file"),
    "boost/beast": ({"http"}, "HTTP ends at its door"),
    "boost/intrusive": ({"http"}, "a connection is in its thread's lists without an allocation"),
    "boost": (set(), "a new part of Boost needs a row here"),
    "openssl": ({"base"}, "hashing and HMAC are base/hash"),
    "sqlite3.h": ({"catalog"}, "the engine is behind the catalog"),
    "libpq-fe.h": ({"catalog"}, "the engine is behind the catalog"),
    "spdlog": ({"base"}, "logging is base/log"),
    "prometheus": ({"base"}, "metrics are base/metrics"),
    "vips": ({"render/renderer"}, "decoders are never mapped into the server"),
    "exiv2": ({"render/renderer"}, "decoders are never mapped into the server"),
    "magic.h": ({"render/renderer"}, "decoders are never mapped into the server"),
    "fontconfig": ({"render/renderer"}, "decoders are never mapped into the server"),
    "libheif": ({"render/renderer"}, "decoders are never mapped into the server"),
    "webp": ({"render/renderer"}, "decoders are never mapped into the server"),
    "jpeglib.h": ({"render/renderer"}, "decoders are never mapped into the server"),
    "jerror.h": ({"render/renderer"}, "decoders are never mapped into the server"),
    "turbojpeg.h": ({"render/renderer"}, "decoders are never mapped into the server"),
    "lcms2.h": ({"render/renderer"}, "profiles come with untrusted pixels"),
    "onnxruntime": ({"render/renderer"}, "models look at untrusted pixels"),
    "seccomp.h": ({"render/renderer"}, "the sandbox is put on by the one inside it"),
    "linux/landlock.h": ({"render/renderer"}, "the sandbox is put on by the one inside it"),
    "curl": ({"blobs", "cli", "fetch"},
             "S3, the command line and files named by a URL are what speaks HTTP to others"),
    "expat.h": ({"blobs"}, "S3 answers in XML"),
    "CLI": ({"cli"}, "words of the command line end there"),
    "toml++": ({"cli"}, "the settings file is read there"),
    "gtest": (set(), "tests only"),
    "gmock": (set(), "tests only"),
    "benchmark": (set(), "tests only"),
}
TEST_LIBRARIES = {"gtest", "gmock"}

# The rest of what `<…>` may name: C and POSIX headers by name, the kernel's by folder.
SYSTEM_FOLDERS = {"arpa", "asm", "linux", "net", "netinet", "sys"}
SYSTEM_HEADERS = {
    "dirent.h", "dlfcn.h", "elf.h", "errno.h", "fcntl.h", "immintrin.h", "limits.h", "malloc.h",
    "netdb.h", "poll.h", "pthread.h", "sched.h", "signal.h", "spawn.h", "stdio.h", "stdlib.h",
    "string.h", "strings.h", "syscall.h", "termios.h", "time.h", "ucontext.h", "unistd.h",
}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

LINES_MAX = 500  # of a file
COLUMNS_MAX = 100  # of a line
FUNCTION_LINES_MAX = 69  # "under 70", from the signature to the closing brace
