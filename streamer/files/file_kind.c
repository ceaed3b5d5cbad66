#include "streamer/files/file_kind.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/shell_word.h"

#include <stdio.h>
#include <string.h>

/* A filter's "{}" stands for the path. It may hold the "'" of SQL, so a path that needs quotes
 * becomes FILE there. */
static const struct kind {
    size_t offset;
    struct slice bytes;
    const char *what;
    const char *filter; /* a command that writes the content as CSV; NULL: there is none */
    const char *advice; /* then this helps */
} kinds[] = {
#define BYTES(text)                                                                                \
    { text, sizeof(text) - 1 }
    {0, BYTES("\x1F\x8B"), "gzip", "zcat {}", NULL},
    {0, BYTES("\x1F\x9D"), "compressed by compress", "zcat {}", NULL},
    {4, BYTES("1AY&SY"), "bzip2", "bzcat {}", NULL},
    {0, BYTES("\x28\xB5\x2F\xFD"), "zstd", "zstdcat {}", NULL},
    {0, BYTES("\xFD\x37zXZ\0"), "xz", "xzcat {}", NULL},
    {0, BYTES("\x04\x22\x4D\x18"), "lz4", "lz4cat {}", NULL},
    {0, BYTES("7z\xBC\xAF\x27\x1C"), "a 7z archive", "7z x -so {}", NULL},
    {0, BYTES("Rar!\x1A\x07"), "a RAR archive", "unrar p -inul {}", NULL},
    {257, BYTES("ustar"), "a tar archive", "tar -xOf {}", NULL},
    {30, BYTES("[Content_Types].xml"), "an Excel workbook", "xlsx2csv {}", NULL},
    {30, BYTES("_rels/"), "an Excel workbook", "xlsx2csv {}", NULL},
    {30, BYTES("docProps/"), "an Excel workbook", "xlsx2csv {}", NULL},
    {30, BYTES("xl/"), "an Excel workbook", "xlsx2csv {}", NULL},
    {30, BYTES("mimetypeapplication/vnd.oasis.opendocument"), "an OpenDocument workbook", NULL,
     "save the table as CSV in UTF-8"},
    {0, BYTES("PK\x03\x04"), "a zip archive or a workbook", "unzip -p {}",
     "of a workbook save the table as CSV in UTF-8"},
    {0, BYTES("PK\x05\x06"), "an empty zip archive", NULL, "get it again"},
    {0, BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "an old workbook (.xls)", NULL,
     "save the table as CSV in UTF-8"},
    {0, BYTES("PAR1"), "Parquet", "duckdb -csv -c \"from '{}'\"", NULL},
    {0, BYTES("Obj\x01"), "Avro", "duckdb -csv -c \"from read_avro('{}')\"", NULL},
    {0, BYTES("ARROW1\0"), "Arrow", NULL, "write the table as CSV"},
    {0, BYTES("SQLite format 3\0"), "an SQLite database",
     "sqlite3 -csv -header {} 'select * from TABLE'", NULL},
    {0, BYTES("%PDF-"), "a PDF, which is for people", NULL, "get the table as CSV"},
    {0, BYTES("{\""), "JSON", "duckdb -csv -c \"from read_json('{}')\"", NULL},
    {0, BYTES("[{"), "JSON", "duckdb -csv -c \"from read_json('{}')\"", NULL},
    {0, BYTES("<?xml"), "XML", NULL, "get the table as CSV"},
    {0, BYTES("<!DOCTYPE"), "a web page, often an error in the place of a file", NULL,
     "get the file again"},
    {0, BYTES("<html"), "a web page, often an error in the place of a file", NULL,
     "get the file again"},
    {0, BYTES("version https://git-lfs"), "a pointer of Git LFS", NULL, "run git lfs pull"},
#undef BYTES
};

static bool matches(const struct kind *kind, struct slice start) {
    return start.n >= kind->offset + kind->bytes.n &&
           memcmp(start.p + kind->offset, kind->bytes.p, kind->bytes.n) == 0;
}

static bool is_json(const struct kind *kind) {
    return strcmp(kind->what, "JSON") == 0;
}

/* Names inside of an archive mean nothing elsewhere. */
static bool is_kind(const struct kind *kind, struct slice start) {
    return matches(kind, start) &&
           (kind->offset != 30 || slice_has_prefix(start, slice_str("PK\x03\x04")));
}

/* Puts the filter with the path in the place of "{}". */
static void put_filter(struct buf *out, const char *filter, const char *path) {
    const char *place = strstr(filter, "{}");
    bool in_quotes = place > filter && place[-1] == '\'';
    buf_put(out, filter, (size_t)(place - filter));
    if (strcmp(path, "-") == 0 || (in_quotes && !shell_word_is_plain(path)))
        buf_put_str(out, "FILE");
    else
        shell_word_put(out, path);
    buf_put_str(out, place + 2);
}

bool file_kind_refuse(const struct file_source *source, const char *what, const char *filter,
                      struct err *e) {
    struct buf command = {0};
    put_filter(&command, filter, source->path);
    (void)err_set(e, ERR_CONFIG, "%s: is %s: %s | %s -", source->name, what, buf_cstr(&command),
                  source->command);
    buf_release(&command);
    return false;
}

static bool refuse(const struct kind *kind, const struct file_source *source, struct err *e) {
    if (kind->filter == NULL)
        return err_set(e, ERR_CONFIG, "%s: is %s: %s", source->name, kind->what, kind->advice);
    (void)file_kind_refuse(source, kind->what, kind->filter, e);
    size_t n = strlen(e->text);
    if (kind->advice != NULL)
        (void)snprintf(e->text + n, sizeof e->text - n, "; %s", kind->advice);
    return false;
}

bool file_kind_is_text(struct slice start, const struct file_source *source, struct err *e) {
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is_kind(&kinds[i], start) && !(source->may_be_json && is_json(&kinds[i])))
            return refuse(&kinds[i], source, e);
    return true;
}
