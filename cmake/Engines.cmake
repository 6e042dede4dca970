# Installing the library of an engine beside its plug-in, which looks there first: the installed tree may then be moved.

option(PACELINE_INSTALL_ENGINES "Install the engines that ./dev setup fetched beside their plug-ins" ON)

# paceline_install_engine(torch FILES a.so b.so NOTICES LICENSE): component engine_torch. A file is often a link to one
# with a version: what it points to is installed under the name that is looked for.
# LARGE: packages leave it out (Package.cmake).
function(paceline_install_engine name)
  cmake_parse_arguments(ARG "LARGE" "" "FILES;NOTICES" ${ARGN})
  if(NOT PACELINE_INSTALL_ENGINES)
    return()
  endif()
  if(NOT ARG_LARGE)
    set_property(GLOBAL APPEND PROPERTY PACELINE_PACKAGED_ENGINES engine_${name})
  endif()
  foreach(link ${ARG_FILES})
    get_filename_component(file_name "${link}" NAME)
    get_filename_component(file "${link}" REALPATH)
    install(FILES "${file}" DESTINATION lib/paceline RENAME "${file_name}" COMPONENT engine_${name})
  endforeach()
  install(FILES ${ARG_NOTICES} DESTINATION "share/doc/paceline/${name}" COMPONENT engine_${name})
endfunction()
