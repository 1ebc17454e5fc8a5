# What `cmake --install` puts where: the command, both libraries, the header, and files for pkg-config and find_package.
install(TARGETS igata_shared igata_static)
install(DIRECTORY include/igata DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/igata.pc.in ${CMAKE_BINARY_DIR}/igata.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/igata.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_package_config_file(cmake/igata-config.cmake.in ${CMAKE_BINARY_DIR}/igata-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/igata)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/igata-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/igata-config.cmake ${CMAKE_BINARY_DIR}/igata-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/igata)

# The man pages come from the command's own tables.
if(TARGET igata AND NOT CMAKE_CROSSCOMPILING)
  file(STRINGS src/cli/commands.def commands REGEX "^COMMAND\\(")
  set(pages)
  foreach(command ${commands})
    string(REGEX REPLACE "^COMMAND\\(\"([a-z-]+).*" "\\1" name "${command}")
    set(page ${CMAKE_BINARY_DIR}/man/igata-${name}.1)
    add_custom_command(OUTPUT ${page} COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
                       COMMAND sh -c "$<TARGET_FILE:igata> help --man ${name} > ${page}" DEPENDS igata VERBATIM)
    list(APPEND pages ${page})
  endforeach()
  add_custom_target(man ALL DEPENDS ${pages})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
