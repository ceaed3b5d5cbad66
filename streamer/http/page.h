/* page: the operator's page at "/": one HTML document that needs nothing else. The folder page/ has
 * its parts: the document, its styles, and its script in several files. CMake makes one text of
 * them (page/page.cmake). The page has no data of its own: its script asks the routes under /v1. */
#ifndef STREAMER_HTTP_PAGE_H
#define STREAMER_HTTP_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_bytes;

/* The value of Content-Security-Policy: only the page's own script and styles run, known by their
 * hashes, and the script may only ask the origin that the page came from. */
extern const char page_policy[];
/* The value of ETag, with its quotes: a hash of the page. */
extern const char page_etag[];

#endif
