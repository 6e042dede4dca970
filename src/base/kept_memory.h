#pragma once

namespace paceline {

/// From now on the process keeps the memory that it frees and takes it from there again, instead of giving large blocks
/// back to the system and fetching zeroed pages for the next batch: docs/adr/0017-kept-memory.md. For programs of our
/// own alone: it changes the allocator of the whole process. What the user set with MALLOC_MMAP_MAX_,
/// MALLOC_TRIM_THRESHOLD_ or GLIBC_TUNABLES stays.
/// Returns whether the allocator took it; it is left alone where it is not glibc's.
bool keep_freed_memory();

}  // namespace paceline
