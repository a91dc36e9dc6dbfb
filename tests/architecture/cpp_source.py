# SPDX-License-Identifier: Apache-2.0
"""Reads as much C++ as the rules need: includes, and where each function begins and ends.

No parser: comments and literals are blanked first (so that lines and columns stay), then braces
are counted. At namespace or class scope a brace whose head has parentheses and is no initializer
opens a function.
"""

import re
from dataclasses import dataclass

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
NOISE = re.compile(
    r'R"(?P<mark>[^ ()\\\t\n]{0,16})\(.*?\)(?P=mark)"'  # raw string
    r'|//[^\n]*|/\*.*?\*/'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+'",  # not 10'000
    re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
SCOPE_HEAD = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
CONSTRUCTOR_LIST = re.compile(r"\)\s*(?:noexcept\s*(?:\([^()]*\))?\s*)?:(?!:)")


@dataclass
class Function:
    head: str
    line: int
    lines: int


def includes(text):
    """(line, spelling, quoted) of every include that is not in a comment."""
    found = []
    bare = re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.DOTALL)
    for match in INCLUDE.finditer(bare):
        line = bare.count("\n", 0, match.start(1)) + 1
        found.append((line, match.group(2), match.group(1) == '"'))
    return found


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def blank_literal(match):
    """A literal becomes as many `x` as it was long, so that `f("a") {` still has its shape."""
    text = match.group(0)
    return blank(match) if text.startswith(("//", "/*")) else re.sub(r"[^\n]", "x", text)


def functions(text):
    """Every function with a body that stands at namespace or class scope."""
    code = DIRECTIVE.sub(blank, NOISE.sub(blank_literal, text))
    found = []
    head_start = 0
    position = 0
    while position < len(code):
        character = code[position]
        if character in ";}" or ends_access_label(code, head_start, position):
            head_start = position + 1
        elif character == "(":
            position = matching(code, position)
            continue
        elif character == "{":
            head = code[head_start:position]
            kind = classify(head)
            if kind == "scope":
                head_start = position + 1
            else:
                end = matching(code, position)
                if kind == "function":
                    first = head_start + len(head) - len(head.lstrip())
                    line = code.count("\n", 0, first) + 1
                    lines = code.count("\n", first, end) + 1
                    found.append(Function(" ".join(head.split()), line, lines))
                    head_start = end
                position = end
                continue
        position += 1
    return found


def ends_access_label(code, head_start, position):
    return code[position] == ":" and code[head_start:position].strip() in (
        "public", "private", "protected")


def classify(head):
    """scope (look inside), function, or initializer (skip it, the head goes on)."""
    stripped = head.rstrip()
    without_templates = re.sub(r"template\s*<[^{};]*?>\s*(?=\w|\[|requires)", "", stripped)
    outside = re.sub(r"\([^()]*\)", "()", strip_nested(without_templates))
    if "(" not in outside:
        # `enum class X {`, `namespace a {`, but `Row rows[] = {` and `int x{` are initializers.
        opens_scope = SCOPE_HEAD.search(outside) and not outside.endswith("=")
        return "scope" if opens_scope else "initializer"
    if re.match(r"(?:\[\[.*?\]\]\s*)?(?:class|struct|union|namespace|enum)\b", outside.lstrip()) \
            and not outside.endswith((")", "const", "noexcept", "override")):
        return "scope"  # `struct alignas(64) Slot {`
    if outside.endswith("="):
        return "initializer"
    in_list = CONSTRUCTOR_LIST.search(outside)
    if in_list and re.search(r"[\w>]$", outside):
        return "initializer"  # a member's brace: `: a_{1}`
    return "function"


def strip_nested(text):
    """Drops what is inside of the outermost parentheses."""
    out, depth = [], 0
    for character in text:
        if character == ")":
            depth -= 1
        if depth == 0:
            out.append(character)
        if character == "(":
            depth += 1
    return "".join(out)


def matching(code, start):
    """The position after the bracket that closes the one at start."""
    closer = {"{": "}", "(": ")"}[code[start]]
    depth = 0
    for position in range(start, len(code)):
        if code[position] == code[start]:
            depth += 1
        elif code[position] == closer:
            depth -= 1
            if depth == 0:
                return position + 1
    return len(code)
