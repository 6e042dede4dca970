#pragma once

// The C++ API is header-only over a table of functions, which load_engine_library() fills in: nothing is linked.
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT
