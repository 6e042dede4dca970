# Builds the Rust library of one source folder into a target folder that other clones share, and copies it to OUT.
#
# What was built is kept under a hash of the sources, so that the presets of a clone, and clones of one state, build it
# once. cargo takes the library of another clone for its own where that one is newer than these sources, since both have
# the same name: so what is there of our own crate is removed first. The dependencies, which take the time, stay.

set(files libpaceline_rust.a train_unigram)
set(most_kept 4)

file(GLOB_RECURSE sources src/* Cargo.toml Cargo.lock)
list(SORT sources)
set(content "$ENV{RUSTFLAGS}")
foreach(source ${sources})
  file(SHA256 "${source}" hash)
  file(RELATIVE_PATH name "${CMAKE_CURRENT_LIST_DIR}" "${source}")
  string(APPEND content "${name} ${hash}\n")
endforeach()
string(SHA256 key "${content}")
set(built "${TARGET_DIR}/built/${key}")

file(MAKE_DIRECTORY "${TARGET_DIR}" "${OUT}")
file(LOCK "${TARGET_DIR}/paceline_rust.lock" GUARD PROCESS)
if(NOT EXISTS "${built}")
  foreach(arguments "clean;--quiet;--package;paceline_rust" "build;--quiet;--locked")
    execute_process(
      COMMAND "${CARGO}" ${arguments} --release --offline --target-dir "${TARGET_DIR}"
      COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  file(REMOVE_RECURSE "${built}.new")
  foreach(file ${files})
    file(INSTALL "${TARGET_DIR}/release/${file}" DESTINATION "${built}.new" USE_SOURCE_PERMISSIONS)
  endforeach()
  file(RENAME "${built}.new" "${built}")
endif()

# The oldest go.
file(TOUCH "${built}/used")
file(GLOB stamps "${TARGET_DIR}/built/*/used")
set(dated "")
foreach(stamp ${stamps})
  file(TIMESTAMP "${stamp}" date "%Y%m%d%H%M%S" UTC)
  list(APPEND dated "${date}|${stamp}")
endforeach()
list(SORT dated ORDER DESCENDING)
list(LENGTH dated count)
while(count GREATER most_kept)
  list(POP_BACK dated oldest)
  string(REGEX REPLACE "^[0-9]+\\||/used$" "" oldest "${oldest}")
  file(REMOVE_RECURSE "${oldest}")
  list(LENGTH dated count)
endwhile()

foreach(file ${files})
  execute_process(COMMAND "${CMAKE_COMMAND}" -E copy "${built}/${file}" "${OUT}/${file}" COMMAND_ERROR_IS_FATAL ANY)
  file(TOUCH "${OUT}/${file}")
endforeach()
