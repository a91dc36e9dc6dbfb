# SPDX-License-Identifier: Apache-2.0
# calotype_module(NAME DEPS …): a static library from every .cpp of the calling folder except its
# tests and its main files, and NAME_test from its *_test.cpp files. Every include is written from
# src/ (`#include "base/error.hpp"`).
include_guard()

add_library(calotype_flags INTERFACE)
target_compile_options(calotype_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Werror -fno-omit-frame-pointer
  # Objects do not say where the clone lies, so every clone shares one compiler cache.
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
target_include_directories(calotype_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(calotype_flags INTERFACE Threads::Threads)

function(calotype_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;PRIVATE_DEPS;EXCLUDE;TEST_DEPS")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_(test|main)\\.cpp$")
  if(sources)
    add_library(calotype_${name} STATIC ${sources})
    target_link_libraries(calotype_${name} PUBLIC calotype_flags ${arg_DEPS}
                                           PRIVATE ${arg_PRIVATE_DEPS})
  else()
    add_library(calotype_${name} INTERFACE)
    target_link_libraries(calotype_${name} INTERFACE calotype_flags ${arg_DEPS})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE calotype_${name} ${arg_PRIVATE_DEPS} ${arg_TEST_DEPS}
                                               GTest::gtest_main GTest::gmock)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
