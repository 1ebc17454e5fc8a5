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
