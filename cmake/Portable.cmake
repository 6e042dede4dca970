# The libraries of others that we link, under names of our own.
#
# With PACELINE_PORTABLE they are linked statically: what ./dev package makes then runs on every system with a glibc as
# new as this one's. The program and the plug-ins hold libstdc++, too. libpaceline.so does not, and neither does a plug-in
# that links C++ of others: exceptions cross their borders, so both sides need the same libstdc++.

option(PACELINE_PORTABLE "Link everything but glibc statically where that is possible, for packages" OFF)

find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(zstd REQUIRED)
foreach(name fmt zlib zstd libgcc)
  add_library(external_${name} INTERFACE)
endforeach()

if(PACELINE_PORTABLE)
  # Debian has fmt as a shared library only; its headers can be compiled to the static one.
  add_library(paceline_fmt STATIC "${CMAKE_CURRENT_LIST_DIR}/package/fmt.cc")
  target_compile_definitions(paceline_fmt PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>)
  target_include_directories(paceline_fmt SYSTEM PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
  find_library(PACELINE_STATIC_ZLIB libz.a REQUIRED)
  target_link_libraries(external_fmt INTERFACE paceline_fmt)
  target_link_libraries(external_zlib INTERFACE "${PACELINE_STATIC_ZLIB}")
  target_include_directories(external_zlib SYSTEM INTERFACE "${ZLIB_INCLUDE_DIRS}")
  target_link_libraries(external_zstd INTERFACE zstd::libzstd_static)
else()
  target_link_libraries(external_fmt INTERFACE fmt::fmt)
  target_link_libraries(external_zlib INTERFACE ZLIB::ZLIB)
  target_link_libraries(external_zstd INTERFACE zstd::libzstd_shared)
  target_link_libraries(external_libgcc INTERFACE gcc_s)
endif()

# For a program, or a plug-in that opens its engine through C functions.
function(paceline_static_runtime target)
  if(PACELINE_PORTABLE)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
