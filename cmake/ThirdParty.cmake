# Libraries by others. lam_third_party is what the layers link: vendored sources (third_party/), and PCRE2 and utf8proc from the
# system, as static archives where there are any, so that the library and the Python extension stand alone.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(lam_vendored STATIC
    third_party/nanoarrow/src/nanoarrow.c
    third_party/nanoarrow/src/nanoarrow_ipc.c
    third_party/flatcc/src/flatcc.c
    third_party/yyjson/yyjson.c)
set(vendored_includes
    ${CMAKE_SOURCE_DIR}/third_party/nanoarrow/include
    ${CMAKE_SOURCE_DIR}/third_party/flatcc/include
    ${CMAKE_SOURCE_DIR}/third_party/yyjson
    ${CMAKE_SOURCE_DIR}/third_party/xxhash)
target_include_directories(lam_vendored PRIVATE ${vendored_includes})
target_compile_options(lam_vendored PRIVATE -w)

add_library(lam_third_party INTERFACE)
target_include_directories(lam_third_party SYSTEM INTERFACE ${vendored_includes})
target_link_libraries(lam_third_party INTERFACE lam_vendored Threads::Threads m)

# laminar_system_library(name pkg-config-module)
function(laminar_system_library name module)
    pkg_check_modules(${name} QUIET ${module})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${module} not found (its development package is named in scripts/bootstrap)")
    endif()
    pkg_get_variable(${name}_dir ${module} libdir)
    list(GET ${name}_LIBRARIES 0 base)
    find_library(LAMINAR_${name}_ARCHIVE lib${base}.a HINTS ${${name}_dir})
    if(LAMINAR_${name}_ARCHIVE)
        target_link_libraries(lam_third_party INTERFACE ${LAMINAR_${name}_ARCHIVE})
    else()
        target_link_libraries(lam_third_party INTERFACE ${${name}_LINK_LIBRARIES})
    endif()
    target_include_directories(lam_third_party SYSTEM INTERFACE ${${name}_INCLUDE_DIRS})
endfunction()
laminar_system_library(PCRE2 libpcre2-8)
laminar_system_library(UTF8PROC libutf8proc)
