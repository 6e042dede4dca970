# How libraries and tests are compiled in the builds with sanitizers.
#
# With PACELINE_PRECOMPILE the headers that most files read are compiled once for all libraries and once for all tests.
# The other builds compile every file as it stands: an #include that is missing fails there.

function(paceline_compile target kind)  # library or test
  if(kind STREQUAL "library" AND PACELINE_FUZZ)
    # libFuzzer learns what an input reached. Only a fuzz target links the fuzzer itself.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    # llvm-cov learns which lines, where there are parsers: ./dev coverage says where the profile goes, anything else does
    # not want one.
    if(NOT target MATCHES "^paceline_(kernels|backend.*|model|cli|report|jobs|pipeline|library|machine)$")
      target_compile_options(${target} PRIVATE -fprofile-instr-generate=/dev/null -fcoverage-mapping)
    endif()
  endif()
  if(kind STREQUAL "test" AND PACELINE_SANITIZE)
    # What is tested is optimised. Its tests are not: that would be half the time of the build.
    target_compile_options(${target} PRIVATE -O0)
  endif()
  if(PACELINE_PRECOMPILE AND NOT target STREQUAL "paceline_${kind}_headers")
    target_precompile_headers(${target} REUSE_FROM paceline_${kind}_headers)
  endif()
endfunction()

if(PACELINE_FUZZ)
  add_link_options(-fprofile-instr-generate=/dev/null -fsanitize=fuzzer-no-link)
endif()

if(PACELINE_PRECOMPILE)
  find_package(GTest REQUIRED)
  set(library_headers <algorithm> <array> <atomic> <cmath> <cstddef> <cstdint> <cstring> <filesystem> <functional> <map>
    <memory> <optional> <set> <span> <string> <string_view> <utility> <vector> <fmt/format.h> <fmt/ranges.h>
    <nlohmann/json.hpp>)
  set(test_headers ${library_headers} <fstream> <gmock/gmock.h> <gtest/gtest.h>)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/generated/headers_alone.cc" CONTENT "// Nothing but the headers.\n")
  foreach(kind library test)
    add_library(paceline_${kind}_headers OBJECT EXCLUDE_FROM_ALL "${CMAKE_BINARY_DIR}/generated/headers_alone.cc")
    target_link_libraries(paceline_${kind}_headers PRIVATE external_fmt nlohmann_json::nlohmann_json GTest::gmock)
    if(kind STREQUAL "test")
      target_compile_options(paceline_${kind}_headers PRIVATE -fPIE)  # as executables are
    endif()
    target_compile_options(paceline_${kind}_headers PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # for ccache
    paceline_compile(paceline_${kind}_headers ${kind})
    target_precompile_headers(paceline_${kind}_headers PRIVATE ${${kind}_headers})
  endforeach()
endif()
