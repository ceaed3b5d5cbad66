/* float_text: the shortest decimal text that reads back to the same floating point number. Pure. */
#ifndef STREAMER_BASE_FLOAT_TEXT_H
#define STREAMER_BASE_FLOAT_TEXT_H

#include "streamer/base/buf.h"

/* Append "12.25", "1795800000000", "-0.5", "0.0000001", "1.5e+300"; the exponent is written where
 * there would be more than FLOAT_TEXT_ZEROS_MAX zeros. Of what is no number: "NaN", "Infinity",
 * "-Infinity". At most FLOAT_TEXT_MAX bytes. */
void float_put_double(struct buf *out, double v);
void float_put_float(struct buf *out, float v);

#define FLOAT_TEXT_ZEROS_MAX 20
#define FLOAT_TEXT_MAX 40

#endif
