# `cmake --install` and CPack run this. It installs what depends on where the program goes: manual,
# service, user, settings. The manual's commands and settings are the program's own.
# Given: SOURCE, BUILD, PROGRAM, VERSION.
cmake_policy(VERSION 3.25)
set(BINDIR ${CMAKE_INSTALL_PREFIX}/bin)
set(DATADIR ${CMAKE_INSTALL_PREFIX}/share)
set(DOCDIR ${DATADIR}/doc/streamer)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(SYSCONFDIR /etc)
else()
  set(SYSCONFDIR ${CMAKE_INSTALL_PREFIX}/etc)
endif()

execute_process(COMMAND ${PROGRAM} help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\\" "\\e" help "${help}")
string(REPLACE "-" "\\-" help "${help}")
if(NOT help MATCHES "\nCommands:(\n.*)\n\nExit codes:.*\nSettings[^\n]*(\n.*)\n$")
  message(FATAL_ERROR "streamer help: its parts are not where they were")
endif()
set(COMMANDS "${CMAKE_MATCH_1}")
set(SETTINGS "${CMAKE_MATCH_2}")
string(REGEX REPLACE "\n  (streamer [a-z]+)([^\n]*)" "\n.TP\n.BR \"\\1\" \"\\2\""
       COMMANDS "${COMMANDS}")
string(REGEX REPLACE "\n  ([^ \n][^\n]*)" "\n.TP\n.B \"\\1\"" SETTINGS "${SETTINGS}")
foreach(part COMMANDS SETTINGS)
  string(REGEX REPLACE "\n +" "\n" ${part} "${${part}}")
  string(REGEX REPLACE "^\n" "" ${part} "${${part}}")
endforeach()

set(made ${BUILD}/installed)
foreach(name streamer.1 streamer.service)
  configure_file(${SOURCE}/docker/debian/${name} ${made}/${name} @ONLY)
endforeach()
file(INSTALL ${made}/streamer.1 DESTINATION ${DATADIR}/man/man1)
file(INSTALL ${made}/streamer.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(INSTALL ${SOURCE}/docker/debian/streamer.sysusers
     DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d RENAME streamer.conf)
file(INSTALL ${SOURCE}/docker/debian/streamer.properties DESTINATION ${SYSCONFDIR}/streamer)
