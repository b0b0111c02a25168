# Programs over the public headers alone: the shell, and with the tests the example programs and the C benchmarks.
if(NOT TARGET laminar)
    return()
endif()

# laminar_program(target directory sources...): compiled without -Isrc, so a breach of the layers cannot build.
function(laminar_program target directory)
    add_executable(${target} ${ARGN})
    laminar_our_code(${target})
    target_link_libraries(${target} PRIVATE laminar Threads::Threads m)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${directory}
        BUILD_RPATH ${CMAKE_BINARY_DIR} INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endfunction()

file(GLOB shell_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.c)
if(shell_sources)
    pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)
    laminar_program(shell . ${shell_sources})
    target_link_libraries(shell PRIVATE PkgConfig::LIBEDIT)
    set_target_properties(shell PROPERTIES OUTPUT_NAME laminar)
    install(TARGETS shell RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

if(LAMINAR_TESTS)
    foreach(kind examples bench)
        file(GLOB program_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${kind}/c/*.c)
        foreach(source ${program_sources})
            get_filename_component(name ${source} NAME_WE)
            laminar_program(${kind}_${name} ${kind} ${source})
            set_target_properties(${kind}_${name} PROPERTIES OUTPUT_NAME ${name})
        endforeach()
    endforeach()
endif()
