# `cmake --install` and CPack run this. It installs what depends on where the program goes: manual,
# completion, service, user, settings. The program itself writes its manual and its completion.
# Given: SOURCE, BUILD, PROGRAM.
cmake_policy(VERSION 3.25)
set(BINDIR ${CMAKE_INSTALL_PREFIX}/bin)
set(DATADIR ${CMAKE_INSTALL_PREFIX}/share)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(SYSCONFDIR /etc)
  set(ZSHDIR ${DATADIR}/zsh/vendor-completions) # where Debian's zsh looks for those of packages
else()
  set(SYSCONFDIR ${CMAKE_INSTALL_PREFIX}/etc)
  set(ZSHDIR ${DATADIR}/zsh/site-functions)
endif()

set(made ${BUILD}/installed)
file(MAKE_DIRECTORY ${made})
execute_process(COMMAND ${PROGRAM} help --man OUTPUT_VARIABLE manual COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "/etc/streamer" "${SYSCONFDIR}/streamer" manual "${manual}")
string(REPLACE "/usr/share" "${DATADIR}" manual "${manual}")
file(WRITE ${made}/streamer.1 "${manual}")
execute_process(COMMAND ${PROGRAM} completion bash OUTPUT_FILE ${made}/streamer
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} completion zsh OUTPUT_FILE ${made}/_streamer
                COMMAND_ERROR_IS_FATAL ANY)
configure_file(${SOURCE}/docker/debian/streamer.service ${made}/streamer.service @ONLY)

file(INSTALL ${made}/streamer.1 DESTINATION ${DATADIR}/man/man1)
file(INSTALL ${made}/streamer DESTINATION ${DATADIR}/bash-completion/completions)
file(INSTALL ${made}/_streamer DESTINATION ${ZSHDIR})
file(INSTALL ${made}/streamer.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(INSTALL ${SOURCE}/docker/debian/streamer.sysusers
     DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d RENAME streamer.conf)
file(INSTALL ${SOURCE}/docker/debian/streamer.properties DESTINATION ${SYSCONFDIR}/streamer)
