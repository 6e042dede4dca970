# cmake --install build/release --prefix P. A tree that may be moved: everything finds the rest by where it is itself.
#
#   bin/paceline                     the program
#   lib/libpaceline.so, include/     the library; find_package(paceline) gives paceline::paceline
#   lib/paceline/                    plug-ins, each beside the library of its engine (see Engines.cmake)
#   share/doc/paceline/              documents, licences

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(plugin_dir "${CMAKE_INSTALL_LIBDIR}/paceline")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/paceline")
set(notice_dir "share/doc/paceline")
if(NOT CMAKE_INSTALL_LIBDIR STREQUAL "lib")
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR is ${CMAKE_INSTALL_LIBDIR}: plug-ins are looked for in lib/paceline, so it "
    "has to be lib.")
endif()

install(TARGETS paceline RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS paceline_shared EXPORT pacelineTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
paceline_plugins(plugins)
list(FILTER plugins EXCLUDE REGEX "^paceline_(fake|other|none)$")
if(plugins)
  install(TARGETS ${plugins} LIBRARY DESTINATION "${plugin_dir}")
endif()
install(FILES README.md CHANGELOG.md SECURITY.md CITATION.cff LICENSE THIRD_PARTY_NOTICES DESTINATION "${notice_dir}")
install(DIRECTORY docs examples DESTINATION "${notice_dir}" FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.cc"
  PATTERN "CMakeLists.txt")
install(DIRECTORY include/paceline DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(EXPORT pacelineTargets NAMESPACE paceline:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/pacelineConfig.cmake.in "${CMAKE_BINARY_DIR}/generated/pacelineConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/generated/pacelineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/generated/pacelineConfig.cmake"
  "${CMAKE_BINARY_DIR}/generated/pacelineConfigVersion.cmake" DESTINATION "${package_dir}")
