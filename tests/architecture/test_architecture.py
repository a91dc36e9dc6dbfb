# SPDX-License-Identifier: Apache-2.0
"""The walls of the house: who may include whom, which library lives where, and how long anything
may be. The rules are architecture_rules.py; the tests at the end show that each of them bites.
"""

import fnmatch
import os
import pathlib
import re
import subprocess

import pytest

import architecture_rules as rules
import cpp_source

ROOT = pathlib.Path(os.environ.get("CALOTYPE_SOURCE_DIR") or
                    pathlib.Path(__file__).resolve().parents[2])
ROOMS = sorted(set().union(*rules.ROWS), key=len, reverse=True)
BELOW = {room: set().union(*rules.ROWS[:row]) for row, rooms in enumerate(rules.ROWS)
         for room in rooms}
CODE = (".cpp", ".hpp", ".h", ".c", ".cc")
WRITTEN = CODE + (".py", ".sh", ".cmake", ".txt", ".toml", ".sql")


# --- what is judged: a path below the project, and its text ---------------------------------------


def project_files():
    """What git tracks or would track, or everything outside of the build where there is no git."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = (str(path.relative_to(ROOT)) for path in ROOT.rglob("*"))
    ignored = ("build/", "data/", ".git/")
    return sorted(name for name in set(names)
                  if name and not name.startswith(ignored) and (ROOT / name).is_file())


def is_written(name):
    """Code that people write and read, as opposed to corpora, documents and pictures."""
    if name.startswith("fuzz/corpus/") or "/testdata/" in name:
        return False
    return name.endswith(WRITTEN) or (ROOT / name).open("rb").read(2) == b"#!"


def is_test(name):
    stem = pathlib.PurePath(name).stem
    return stem.startswith("test_") or stem.endswith(("_test", "_conformance", "_fixture"))


def room_of(name):
    """The room of a path below src/, or None for what stands in src/ itself and is not app."""
    if name in ("app.cpp", "app.hpp", "app_migrate.cpp", "app_verify.cpp", "composition.cpp",
                "composition.hpp"):
        return "app"
    return next((room for room in ROOMS if name.startswith(room + "/")), None)


# --- the rules, each from a text to a list of complaints ------------------------------------------


def edge_complaints(name, text):
    """name is relative to src/."""
    room = room_of(name)
    if room is None:
        return [f"src/{name}: stands in no room of architecture_rules.py"]
    complaints = []
    for line, spelling, quoted in cpp_source.includes(text):
        where = f"src/{name}:{line}"
        if quoted:
            complaints += own_include_complaints(where, name, room, spelling)
        else:
            complaints += library_complaints(where, name, room, spelling)
    return complaints


def own_include_complaints(where, name, room, spelling):
    target = room_of(spelling)
    if target is None:
        return [f'{where}: "{spelling}" is not written from src/ (or belongs into <…>)']
    if target != room and not edge_is_allowed(name, room, target):
        return [f"{where}: {room} may not include {target} ({spelling})"]
    if room in (target, "app") or is_test(name):
        return []
    if (room, spelling) in rules.IMPLEMENTATION_USERS:
        return []
    return [f"{where}: {spelling} names an implementation; {reason}"
            for pattern, reason in rules.IMPLEMENTATIONS.items()
            if fnmatch.fnmatchcase(spelling, pattern)]


def edge_is_allowed(name, room, target):
    if (room, target) in rules.EDGES or (room, target) in rules.SAME_ROW:
        return True
    if is_test(name):
        return (room, target) in rules.TEST_EDGES or target in BELOW[room]
    return False


def library_complaints(where, name, room, spelling):
    parts = spelling.split("/")
    if len(parts) == 1 and "." not in spelling:
        return []  # the standard library
    for depth in range(len(parts), 0, -1):
        library = "/".join(parts[:depth])
        # <boost/json.hpp> is all of boost/json.
        library = library if library in rules.LIBRARIES else library.removesuffix(".hpp")
        if library in rules.LIBRARIES:
            rooms, reason = rules.LIBRARIES[library]
            if room in rooms or (is_test(name) and may_test_with(room, library, rooms)):
                return []
            return [f"{where}: {room} may not include <{spelling}>: {reason}"]
    if parts[0] in rules.SYSTEM_FOLDERS or spelling in rules.SYSTEM_HEADERS:
        return []
    return [f"{where}: <{spelling}> has no row in LIBRARIES"]


def may_test_with(room, library, rooms):
    return library in rules.TEST_LIBRARIES or any((room, other) in rules.TEST_EDGES
                                                  for other in rooms)


def text_complaints(name, text):
    """name is relative to the project."""
    complaints = []
    lines = text.splitlines()
    head = lines[:2] if lines and lines[0].startswith("#!") else lines[:1]
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
        complaints.append(f"{name}:1: the first line is no SPDX-License-Identifier: Apache-2.0")
    if len(lines) > rules.LINES_MAX:
        complaints.append(f"{name}: {len(lines)} lines, at most {rules.LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if len(line) > rules.COLUMNS_MAX and not re.search(r"https?://\S{60,}", line):
            complaints.append(f"{name}:{number}: {len(line)} columns, at most {rules.COLUMNS_MAX}")
    if name.endswith(CODE):
        for function in cpp_source.functions(text):
            if function.lines > rules.FUNCTION_LINES_MAX:
                complaints.append(f"{name}:{function.line}: a function of {function.lines} lines, "
                                  f"at most {rules.FUNCTION_LINES_MAX}: {function.head[:60]}")
    if name.endswith(".hpp") and "#pragma once" not in text:
        complaints.append(f"{name}: a header without #pragma once")
    return complaints


def name_complaints(name):
    words = [part.split(".")[0].lower() for part in pathlib.PurePath(name).parts]
    return [f"{name}: nothing is called “{word}”: say what it is for"
            for word in words
            for piece in {word} | {word.rsplit("_", 1)[-1]}
            if piece in rules.FORBIDDEN_NAMES][:1]


def suppression_complaints(name, text):
    """A rule that hides a sanitizer's report follows its reason, and never hides our own code."""
    complaints = []
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line.startswith("#"):
            if not before.startswith("#"):
                complaints.append(f"{name}:{number}: no reason right above {line}")
            if "calotype" in line.lower():
                complaints.append(f"{name}:{number}: hides a report about our own code: {line}")
        before = line
    return complaints


# --- the project is held against them -------------------------------------------------------------


def judged(complaints):
    if complaints:
        pytest.fail("\n".join(["", *complaints]), pytrace=False)


def sources():
    return [name for name in project_files() if name.startswith("src/") and name.endswith(CODE)]


def test_every_include_of_src_follows_an_allowed_edge():
    names = sources()
    assert names, f"no sources below {ROOT}/src"
    judged([complaint for name in names for complaint in
            edge_complaints(name.removeprefix("src/"), (ROOT / name).read_text())])


def test_every_file_keeps_its_limits_and_its_licence_line():
    judged([complaint for name in project_files() if is_written(name)
            for complaint in text_complaints(name, (ROOT / name).read_text())])


def test_no_file_or_folder_has_a_name_that_says_nothing():
    judged([complaint for name in project_files() for complaint in name_complaints(name)])


def test_every_suppressed_report_has_its_reason():
    judged([complaint for name in project_files() if name.endswith(".supp")
            for complaint in suppression_complaints(name, (ROOT / name).read_text())])


def test_every_room_of_the_table_is_a_folder():
    missing = [room for room in ROOMS if room != "app" and not (ROOT / "src" / room).is_dir()]
    assert not missing, f"in the table but not in src/: {missing}"


# --- the table itself -----------------------------------------------------------------------------


def test_every_edge_of_the_table_points_down_and_has_a_reason():
    for (room, target), reason in (rules.EDGES | rules.TEST_EDGES).items():
        assert len(reason) > 10, (room, target)
        down = target in BELOW[room] or (room, target) in rules.SAME_ROW
        inside = (room, target) in rules.TEST_EDGES and target.startswith(room + "/")
        assert down or inside, (room, target)


def test_an_edge_within_a_row_is_one_way():
    for room, target in rules.SAME_ROW:
        assert (target, room) not in rules.SAME_ROW


def test_rooms_of_one_row_do_not_know_each_other():
    for rooms in rules.ROWS:
        for room in rooms:
            for other in rooms - {room}:
                assert (room, other) not in rules.EDGES or (room, other) in rules.SAME_ROW


# --- the tests of the tests -----------------------------------------------------------------------


@pytest.mark.parametrize("name, line", [
    ("base/a.cpp", '#include "asset/recipe.hpp"'),
    ("asset/a.cpp", '#include "async/worker_pool.hpp"'),
    ("catalog/a.hpp", '#include "blobs/blob_store.hpp"'),
    ("blobs/a.cpp", '  #  include "catalog/catalog.hpp"'),
    ("render/a.cpp", '#include "pipeline/ingest.hpp"'),
    ("render/a.cpp", '#include "render/renderer/decode.hpp"'),
    ("pipeline/a.cpp", '#include "jobs/runner.hpp"'),
    ("jobs/a.cpp", '#include "http/server.hpp"'),
    ("http/dialects/a.cpp", '#include "http/server.hpp"'),
    ("http/a.cpp", '#include "app.hpp"'),
    ("app.cpp", '#include "cli/settings.hpp"'),
    ("pipeline/a_test.cpp", '#include "http/server.hpp"'),
    ("catalog/a_test.cpp", '#include "blobs/blob_store.hpp"'),
    ("pipeline/a.cpp", '#include "blobs/folder_store.hpp"'),
    ("http/a.cpp", '#include "catalog/sqlite_database.hpp"'),
    ("http/a.cpp", '#include "server.hpp"'),
    ("http/a.cpp", '#include "../base/error.hpp"'),
    ("attic/a.cpp", '#include "base/error.hpp"'),
    ("pipeline/a.cpp", "#include <boost/json.hpp>"),
    ("http/a.cpp", "#include <boost/json/value.hpp>"),
    ("base/a.cpp", "#include <boost/asio.hpp>"),
    ("async/a.cpp", "#include <boost/beast/http.hpp>"),
    ("base/a.cpp", "#include <boost/regex.hpp>"),
    ("render/a.cpp", "#include <vips/vips.h>"),
    ("http/a.cpp", "#include <sqlite3.h>"),
    ("http/a.cpp", "#include <curl/curl.h>"),
    ("base/a.cpp", "#include <gtest/gtest.h>"),
    ("base/a_test.cpp", "#include <lcms2.h>"),
    ("base/a.cpp", "#include <unheard/of.hpp>"),
])
def test_a_forbidden_edge_is_reported(name, line):
    assert len(edge_complaints(name, f"// one\n{line}\n")) == 1


@pytest.mark.parametrize("name, line", [
    ("http/a.cpp", '#include "pipeline/ingest.hpp"'),
    ("http/a.cpp", '#include "http/dialects/imgix.hpp"'),
    ("render/renderer/a.cpp", '#include "render/wire.hpp"'),
    ("render/renderer/a.cpp", "#include <vips/vips.h>"),
    ("app.hpp", '#include "blobs/folder_store.hpp"'),
    ("pipeline/a_test.cpp", '#include "blobs/folder_store.hpp"'),
    ("cli/serve.cpp", '#include "app.hpp"'),
    ("http/a.cpp", "#include <boost/beast/http.hpp>"),
    ("base/a.cpp", "#include <boost/json.hpp>"),
    ("base/a_test.cpp", "#include <gtest/gtest.h>"),
    ("render/a_test.cpp", "#include <lcms2.h>"),
    ("render/test_pictures.hpp", '#include "render/renderer/original.hpp"'),
    ("base/a.cpp", "#include <sys/stat.h>"),
    ("base/a.cpp", "#include <vector>"),
    ("base/a.cpp", '// #include "http/server.hpp"'),
    ("base/a.cpp", '/*\n#include "http/server.hpp"\n*/'),
])
def test_an_allowed_edge_is_not_reported(name, line):
    assert edge_complaints(name, f"{line}\n") == []


SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


@pytest.mark.parametrize("text, complaint", [
    ("int a;\n", "SPDX"),
    (SPDX + "//\n" * 500, "501 lines"),
    (SPDX + "// " + "a" * 98 + "\n", "101 columns"),
    (SPDX + "int f() {\n" + "  g();\n" * 68 + "}\n", "70 lines"),
    (SPDX + "struct A {\n  A()\n  : a_{1}, b_(2) {\n" + "  g();\n" * 68 + "  }\n};", "71 lines"),
    (SPDX + 'TEST(A, "{") {\n' + "  g('}');\n" * 68 + "}\n", "70 lines"),
])
def test_a_broken_limit_is_reported(text, complaint):
    complaints = text_complaints("src/base/a.cpp", text)
    assert len(complaints) == 1 and complaint in complaints[0]


@pytest.mark.parametrize("text", [
    SPDX + "//\n" * 499,
    SPDX + "// " + "ü" * 97 + "\n",
    SPDX + "int f() {\n" + "  g();\n" * 67 + "}\n",
    SPDX + "namespace a {\nclass B {\n public:\n  int f();\n" + "  int g_;\n" * 80 + "};\n}\n",
    SPDX + "const Row rows[] = {\n" + "  {f(1), 2},\n" * 80 + "};\n",
    SPDX + "constexpr std::array<Row, size(3)> rows{\n" + "  {f(1), 2},\n" * 8 + "};\n",
    SPDX + "int f(int a = g({1}))\n" + "    noexcept(true) {\n" + "  g();\n" * 66 + "}\n",
])
def test_what_keeps_its_limits_is_not_reported(text):
    assert text_complaints("src/base/a.cpp", text) == []


def test_a_header_without_a_guard_is_reported():
    assert len(text_complaints("src/base/a.hpp", SPDX)) == 1


@pytest.mark.parametrize("name, reported", [
    ("src/utils/a.cpp", True), ("src/base/helpers.hpp", True), ("src/base/string_utils.cpp", True),
    ("src/common/a.cpp", True), ("src/render/render_manager.cpp", True),
    ("src/base/commons_licence.txt", False), ("src/base/hash.cpp", False),
])
def test_a_name_that_says_nothing_is_reported(name, reported):
    assert bool(name_complaints(name)) is reported


@pytest.mark.parametrize("text, count", [
    ("race:libglib\n", 1), ("# why\nrace:libglib\nrace:libvips\n", 1), ("# why\nrace:glib\n", 0),
    ("# why\nleak:calotype::Catalog\n", 1), ("# only words\n", 0),
])
def test_a_suppression_without_a_reason_is_reported(text, count):
    assert len(suppression_complaints("a.supp", text)) == count


def test_functions_are_found_where_they_stand():
    text = ("namespace a {\ntemplate <class T = int>\nstruct B : C {\n  B() : x_{1} { f(); }\n"
            "  int y_ = 10'000;\n  bool operator==(const B&) const { return true; }\n};\n"
            "static int g(int) {\n  if (x) {\n  }\n}\n}\n")
    found = cpp_source.functions(text)
    assert [(f.line, f.lines) for f in found] == [(4, 1), (6, 1), (8, 4)]
