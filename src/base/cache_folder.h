#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace paceline {

/// `$XDG_CACHE_HOME/paceline` or `~/.cache/paceline`. Throws Error{not_found} for a user without a home.
std::filesystem::path default_cache_dir();

/// A cache is trusted where nobody but this user and root can have written it: folder and files belong to one of the
/// two, and nobody else may write them. A group counts as nobody where it is this user's own (of the same name and
/// without other members, as systems with umask 002 have it), and a folder with the sticky bit is judged by its files.
///
/// What makes a cache folder untrustworthy, in words: "belongs to another user (uid 1001)". Empty: nothing does.
std::string why_untrusted(const std::filesystem::path& folder);

/// Whether it is a regular file, not a link, that nobody else can have written.
bool is_trusted_file(const std::filesystem::path& file);

/// Makes a folder, and those above it, that nobody else may write, whatever the umask is.
/// Throws Error{not_found} where that is not possible.
void make_cache_folder(const std::filesystem::path& folder);

/// Nobody else may write the file from now on.
void keep_to_ourselves(const std::filesystem::path& file);

/// The content of a small file in a cache folder; empty where there is none, or none that can be trusted.
std::string recall_from_cache(const std::filesystem::path& file, std::size_t max_bytes);

/// Writes such a file. A cache that cannot be written or trusted is left alone: it costs time, not the answer.
void remember_in_cache(const std::filesystem::path& file, std::string_view content);

}  // namespace paceline
