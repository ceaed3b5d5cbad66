/* version: of the program. CMakeLists.txt names it once. */
#ifndef STREAMER_BASE_VERSION_H
#define STREAMER_BASE_VERSION_H

const char *streamer_version(void); /* "0.2.0"; static */

#endif
