#pragma once

#include <filesystem>

namespace paceline {

/// The folder of a model that a user named: the folder itself, or an id of the Hugging Face hub (`org/name`, `name`,
/// `org/name@revision`) that has been downloaded into the local cache: $HF_HUB_CACHE, or else hub/ in $HF_HOME, or else
/// huggingface/hub/ in $XDG_CACHE_HOME or ~/.cache. Nothing is ever fetched. A folder of that name wins. What is
/// neither nor looks like an id comes back as it is, for whoever opens it to refuse. Throws Error{not_found} for an id
/// that is not in the cache, which says where it was looked for and how to get it.
std::filesystem::path find_model_folder(const std::filesystem::path& given);

}  // namespace paceline
