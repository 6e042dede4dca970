# cpack --config build/package/CPackConfig.cmake (./dev package does it): a .deb and a tarball of the installed tree, without
# PyTorch (docs/adr/0026-packages.md).

# One page of all help texts, by the program itself.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
set(man_page "${CMAKE_BINARY_DIR}/generated/paceline.1.gz")
add_custom_command(OUTPUT "${man_page}"
  COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/cmake/package/man_page.py" $<TARGET_FILE:paceline> "${man_page}"
  DEPENDS paceline "${CMAKE_SOURCE_DIR}/cmake/package/man_page.py" VERBATIM)
add_custom_target(man_page DEPENDS "${man_page}")
add_dependencies(product man_page)
install(FILES "${man_page}" DESTINATION share/man/man1)
install(FILES cmake/package/copyright DESTINATION "${notice_dir}")

set(CPACK_PACKAGE_NAME paceline)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_VENDOR "The Paceline authors")
set(CPACK_PACKAGE_CONTACT "The Paceline authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "finds and runs the fastest way to classify texts with a transformer")
set(CPACK_PACKAGE_DESCRIPTION "Paceline measures transformer text classifiers on this machine and your texts: its own \
engine, ONNX Runtime and PyTorch. It checks that all give the same answers, recommends the fastest, and runs it.

This package holds the program, the C++ library libpaceline with its headers, the native backend and ONNX Runtime. \
PyTorch is not included; /usr/share/doc/paceline/docs/install.md says how to use one that is installed.")
set(CPACK_PACKAGE_FILE_NAME "paceline-${PROJECT_VERSION}-linux-x86_64")
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_STRIP_FILES ON)

# All in one package, but for large engines: half a gigabyte of PyTorch.
get_property(engines GLOBAL PROPERTY PACELINE_PACKAGED_ENGINES)
set(CPACK_COMPONENTS_ALL Unspecified ${engines})
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_PROJECT_CONFIG_FILE "${CMAKE_CURRENT_LIST_DIR}/package/generator.cmake")
set(CPACK_DEB_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# libstdc++ and libgcc are for libpaceline.so and ONNX Runtime. ./dev package-check holds this list against the files.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6 (>= 2.36), libgcc-s1, libstdc++6 (>= 12)")
# rsvg-convert makes the PNG charts of a report.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "librsvg2-bin")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_LIST_DIR}/package/triggers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
