# SPDX-License-Identifier: Apache-2.0
# Makes a .cpp of a text file: one string, in pieces below every compiler's limit for a literal.
file(READ ${INPUT} text)
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND pieces "R\"openapi(${piece})openapi\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUTPUT} "// SPDX-License-Identifier: Apache-2.0
#include \"http/openapi.hpp\"

namespace calotype {

std::string_view openapi_document() {
  static constexpr char text[] =
${pieces};
  return {text, sizeof(text) - 1};
}

}  // namespace calotype
")
