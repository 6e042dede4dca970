# Compiler settings that hold for every target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

# The same source gives the same floats at every optimisation level and in every twin of a kernel.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -ffp-contract=off)
if(PACELINE_WERROR)
  add_compile_options(-Werror)
endif()
if(PACELINE_SANITIZE)
  add_compile_options(-fsanitize=${PACELINE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(PACELINE_SANITIZE MATCHES "address,undefined")
    # AddressSanitizer stops at what these would find, and they are a third of the build's time (of a kernel's, two).
    add_compile_options(-fno-sanitize=null,object-size,pointer-overflow,vptr)
  endif()
  add_link_options(-fsanitize=${PACELINE_SANITIZE})
endif()

find_program(PACELINE_CCACHE ccache)
if(PACELINE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${PACELINE_CCACHE}")
endif()
