/* openapi_answers: JSON Schemas of the answers that are no rows, by name: one JSON object. It is
 * the text of openapi_answers.json, which CMake puts into the program. */
#ifndef STREAMER_HTTP_OPENAPI_ANSWERS_H
#define STREAMER_HTTP_OPENAPI_ANSWERS_H

extern const char openapi_answers[];

#endif
