# SPDX-License-Identifier: Apache-2.0
# The page for people: web/, checked by tsc and built by Vite when something of it has changed, as a
# source to link with (src/http/page_files.hpp). Nothing here needs the network: the packages are
# where `./dev` puts them (tools/page-packages.sh), or an `npm ci` in web/.
include_guard()

# calotype_page(VARIABLE): the source that has to be compiled.
function(calotype_page variable)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(out ${CMAKE_BINARY_DIR}/web)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${web}/src/*)
  list(APPEND sources ${web}/index.html ${web}/package-lock.json ${web}/tsconfig.json
                      ${web}/vite.config.js ${web}/embed.mjs)
  add_custom_command(
    OUTPUT ${out}/page_files.cpp
    BYPRODUCTS ${out}/page.bin
    COMMAND node_modules/.bin/tsc --noEmit
    # The configuration is imported as it is: bundling it first would write beside the packages.
    COMMAND ${CMAKE_COMMAND} -E env CALOTYPE_PAGE_OUT=${out}/dist
            node_modules/.bin/vite build --configLoader native --logLevel warn
    COMMAND node embed.mjs ${out}/dist ${out}
    WORKING_DIRECTORY ${web}
    DEPENDS ${sources}
    COMMENT "Building the page"
    VERBATIM)
  set_source_files_properties(${out}/page_files.cpp PROPERTIES OBJECT_DEPENDS ${out}/page.bin)
  set(${variable} ${out}/page_files.cpp PARENT_SCOPE)
endfunction()
