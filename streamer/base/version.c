#include "streamer/base/version.h"

const char *streamer_version(void) {
    return STREAMER_VERSION;
}
