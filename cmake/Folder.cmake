# One target per folder of src/. A folder states what it depends on, nothing else:
#
#   paceline_folder(tensor DEPENDS base)
#
# makes the static library paceline_tensor from tensor/*.cc and SUBFOLDERS, and, from the files beside the sources,
#   *_test.cc       the executable tensor_test, each test known to ctest under "tensor."
#   *_slow_test.cc  the executable tensor_slow_test, label "slow"
#   *_fuzz.cc       one executable per file: libFuzzer with PACELINE_FUZZ, else a runner over its committed corpus
#   testing/*.cc    the static library paceline_tensor_testing: helpers that tests and benchmarks share and no product
#                   links. A testing/*_plugin.cc is a plug-in of its own, which the folder's CMakeLists.txt builds.
# A new file needs no edit here: the folder is read again whenever it changes.
#
# The target unit_tests builds the quick tests of all folders.

add_custom_target(unit_tests)

function(paceline_folder name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES;SUBFOLDERS;TEST_LIBRARIES" ${ARGN})
  set(patterns "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  foreach(subfolder ${ARG_SUBFOLDERS})
    list(APPEND patterns "${CMAKE_CURRENT_SOURCE_DIR}/${subfolder}/*.cc")
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")

  set(target paceline_${name})
  list(TRANSFORM ARG_DEPENDS PREPEND paceline_ OUTPUT_VARIABLE depends)
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
    target_link_libraries(${target} PUBLIC ${depends} ${ARG_LIBRARIES})
    paceline_compile(${target} library)
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
    target_link_libraries(${target} INTERFACE ${depends} ${ARG_LIBRARIES})
  endif()

  file(GLOB helpers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/testing/*.cc")
  list(FILTER helpers EXCLUDE REGEX "_plugin\\.cc$")
  set(test_libraries ${target} ${ARG_TEST_LIBRARIES})
  if(helpers)
    add_library(${target}_testing STATIC EXCLUDE_FROM_ALL ${helpers})
    target_link_libraries(${target}_testing PUBLIC ${target})
    paceline_compile(${target}_testing library)
    list(PREPEND test_libraries ${target}_testing)
  endif()

  if(PACELINE_TESTS)
    set(slow ${tests})
    list(FILTER tests EXCLUDE REGEX "_slow_test\\.cc$")
    list(FILTER slow INCLUDE REGEX "_slow_test\\.cc$")
    paceline_test(${name}_test quick SOURCES ${tests} LIBRARIES ${test_libraries})
    if(TARGET ${name}_test)
      add_dependencies(unit_tests ${name}_test)
    endif()
    paceline_test(${name}_slow_test slow SOURCES ${slow} LIBRARIES ${test_libraries})
  endif()
  foreach(fuzzer ${fuzzers})
    paceline_fuzzer(${fuzzer} ${target})
  endforeach()
endfunction()

# Properties of every test beside its label: what the leak checker passes over.
set(PACELINE_TEST_PROPERTIES "")
if(PACELINE_SANITIZE MATCHES "address")
  set(PACELINE_TEST_PROPERTIES ENVIRONMENT_MODIFICATION
    "LSAN_OPTIONS=set:suppressions=${CMAKE_SOURCE_DIR}/tests/leaks.supp:print_suppressions=0")
endif()

# A test's TIMEOUT is there to end one that hangs. None is met by a slow machine.

# A GoogleTest executable whose tests carry a label: quick, slow or oracle.
function(paceline_test name label)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE PACELINE_TESTDATA="${CMAKE_SOURCE_DIR}/testdata")
  paceline_compile(${name} test)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." NO_PRETTY_VALUES DISCOVERY_TIMEOUT 600
    PROPERTIES LABELS ${label} TIMEOUT 3600 ENVIRONMENT "OMP_WAIT_POLICY=PASSIVE" ${PACELINE_TEST_PROPERTIES})
endfunction()

# A test executable once more at every ISA level, chosen as a user would choose it: the tests PREFIX.avx2, ...
function(paceline_test_isa_levels prefix executable)
  if(NOT TARGET ${executable})
    return()
  endif()
  foreach(isa reference avx2 avx2_vnni avx512 avx512_vnni avx512_bf16)
    add_test(NAME ${prefix}.${isa} COMMAND ${executable} ${ARGN})
    set_tests_properties(${prefix}.${isa} PROPERTIES LABELS quick TIMEOUT 3600 ENVIRONMENT "PACELINE_FORCE_ISA=${isa}"
      SKIP_REGULAR_EXPRESSION "which this CPU lacks|no ISA level of Paceline")
  endforeach()
endfunction()

# x_fuzz.cc defines LLVMFuzzerTestOneInput; its corpus is testdata/fuzz/x/.
function(paceline_fuzzer source library)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" corpus ${name})
  if(PACELINE_FUZZ)
    add_executable(${name} ${source})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(PACELINE_TESTS)
    add_executable(${name} ${source} "${CMAKE_SOURCE_DIR}/tests/fuzz_corpus_main.cc")
    add_test(NAME fuzz.${corpus} COMMAND ${name} "${CMAKE_SOURCE_DIR}/testdata/fuzz/${corpus}")
    set_tests_properties(fuzz.${corpus} PROPERTIES LABELS quick TIMEOUT 3600)
  else()
    return()
  endif()
  target_link_libraries(${name} PRIVATE ${library})
endfunction()

# The plug-ins among the targets of src/backend/*: their libraries that are opened at run time.
function(paceline_plugins output)
  set(plugins "")
  get_property(folders DIRECTORY "${CMAKE_SOURCE_DIR}/src/backend" PROPERTY SUBDIRECTORIES)
  foreach(folder ${folders})
    get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
      get_target_property(type ${target} TYPE)
      if(type MATCHES "^(MODULE|SHARED)_LIBRARY$")
        list(APPEND plugins ${target})
      endif()
    endforeach()
  endforeach()
  set(${output} ${plugins} PARENT_SCOPE)
endfunction()
