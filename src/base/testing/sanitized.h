#pragma once

/// Whether this is a build of the asan or tsan preset: their shadows take terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PACELINE_SANITIZED 1
#elif defined(__has_feature)
#define PACELINE_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define PACELINE_SANITIZED 0
#endif

namespace paceline {

inline constexpr bool kSanitized = PACELINE_SANITIZED;

}  // namespace paceline
