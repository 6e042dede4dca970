#pragma once

namespace paceline {

/// What a host and its plug-ins have to agree on: build_id() and a hash of the headers whose types pass between them,
/// backend/plugin.h and all that it includes. A plug-in that was left over from an older build has another one.
const char* plugin_build_id();

}  // namespace paceline
