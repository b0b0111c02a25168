# Compiler flags, sanitizers and the compiler cache.

# ccache, set up so that checkouts in different folders share results: paths below the source folder are made relative and
# the working directory is left out of the hash.
find_program(LAMINAR_CCACHE ccache)
if(LAMINAR_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=time_macros ${LAMINAR_CCACHE})
endif()
# No build path in what is built.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

set(LAMINAR_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla)
if(LAMINAR_WERROR)
    list(APPEND LAMINAR_WARNINGS -Werror)
endif()
set(LAMINAR_DEFINITIONS _GNU_SOURCE)

if(LAMINAR_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(LAMINAR_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(LAMINAR_SANITIZE)
    message(FATAL_ERROR "LAMINAR_SANITIZE is '${LAMINAR_SANITIZE}': expected '', 'address' or 'thread'")
endif()
if(LAMINAR_SANITIZE OR LAMINAR_FUZZ)
    list(APPEND LAMINAR_DEFINITIONS LAMINAR_NO_TARGET_CLONES)
    set(LAMINAR_ASSERTS ON)
endif()
# clang 14 has no ifunc dispatch for the clones' "arch=x86-64-v3" spelling. `|` of booleans is meant: all sides are computed.
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    list(APPEND LAMINAR_WARNINGS -Wno-bitwise-instead-of-logical)
    list(APPEND LAMINAR_DEFINITIONS LAMINAR_NO_TARGET_CLONES)
endif()
list(REMOVE_DUPLICATES LAMINAR_DEFINITIONS)
if(LAMINAR_ASSERTS)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
endif()

# What every target of our own code gets.
function(laminar_our_code target)
    target_compile_options(${target} PRIVATE ${LAMINAR_WARNINGS})
    target_compile_definitions(${target} PRIVATE ${LAMINAR_DEFINITIONS})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include)
endfunction()
