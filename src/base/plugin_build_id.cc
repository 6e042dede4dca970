#include "base/plugin_build_id.h"

#include <plugin_interface.inc>  // of the build folder: cmake/PluginInterface.cmake makes it
#include <string>

#include "paceline/version.h"

namespace paceline {

const char* plugin_build_id() {
  static const std::string id = std::string(build_id()) + ", plug-in interface " PACELINE_PLUGIN_INTERFACE;
  return id.c_str();
}

}  // namespace paceline
