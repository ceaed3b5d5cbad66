/* version: the version of the program, which CMakeLists.txt names. */
#ifndef STREAMER_BASE_VERSION_H
#define STREAMER_BASE_VERSION_H

const char *streamer_version(void); /* "0.2.0"; static */

#endif
