# The Python module `laminardb`: python/laminardb/*.py and the extension _laminar, which holds the whole library (the same
# build goes into the wheel). In the build tree it is assembled in build/python, where the Python files are links.
file(GLOB extension_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/src/*.c)
if(NOT extension_sources OR NOT TARGET lam_api)
    return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module)

Python3_add_library(_laminar MODULE WITH_SOABI ${extension_sources})
laminar_our_code(_laminar)
target_link_libraries(_laminar PRIVATE ${LAMINAR_ALL_LAYERS} lam_third_party)
target_link_options(_laminar PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/python.map -Wl,-z,text)
set_target_properties(_laminar PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/python/laminardb)

if(LAMINAR_WHEEL)
    install(TARGETS _laminar LIBRARY DESTINATION laminardb)
else()
    file(GLOB package_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/python/laminardb
        ${CMAKE_SOURCE_DIR}/python/laminardb/*.py ${CMAKE_SOURCE_DIR}/python/laminardb/*.pyi
        ${CMAKE_SOURCE_DIR}/python/laminardb/py.typed)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/python/laminardb)
    foreach(file ${package_files})
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/python/laminardb/${file} ${CMAKE_BINARY_DIR}/python/laminardb/${file} SYMBOLIC)
    endforeach()
    # Byte code for an import in milliseconds, also where Python may not write it.
    list(TRANSFORM package_files PREPEND ${CMAKE_SOURCE_DIR}/python/laminardb/)
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/python/compiled.stamp VERBATIM
        COMMAND Python3::Interpreter -m compileall -q ${CMAKE_BINARY_DIR}/python/laminardb
        COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/python/compiled.stamp
        DEPENDS ${package_files})
    add_custom_target(python_bytecode ALL DEPENDS ${CMAKE_BINARY_DIR}/python/compiled.stamp)
endif()
