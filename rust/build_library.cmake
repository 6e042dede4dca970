# Builds the Rust library of one source folder into a target folder that other clones share, and copies it to OUT.
#
# cargo takes the library of another clone for its own where that one is newer than these sources, since both have the
# same name: so what is there of our own crate is removed first. The dependencies, which take the time, stay.

file(MAKE_DIRECTORY "${TARGET_DIR}" "${OUT}")
file(LOCK "${TARGET_DIR}/paceline_rust.lock" GUARD PROCESS)
foreach(arguments "clean;--quiet;--package;paceline_rust" "build;--quiet;--locked")
  execute_process(
    COMMAND "${CARGO}" ${arguments} --release --offline --target-dir "${TARGET_DIR}"
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
foreach(file libpaceline_rust.a train_unigram)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E copy "${TARGET_DIR}/release/${file}" "${OUT}/${file}"
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
