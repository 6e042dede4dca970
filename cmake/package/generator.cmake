# Read by cpack for each kind of package: a tarball unpacks into a folder of its own name, a .deb into /usr.
if(CPACK_GENERATOR STREQUAL "TGZ")
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
