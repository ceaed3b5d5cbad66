/* public_schemas: the schemas of the result topics, schemas/<name>.avsc, as the program holds them.
 * CMake makes the table from the files. */
#ifndef STREAMER_SCHEMAS_PUBLIC_SCHEMAS_H
#define STREAMER_SCHEMAS_PUBLIC_SCHEMAS_H

/* The order is that of the topics in enum topic, and that of the types in rows.h. */
enum { PUBLIC_SCHEMA_COUNT = 5 };

struct public_schema {
    const char *name; /* "customer_history" */
    const char *text; /* the file */
};

extern const struct public_schema public_schemas[PUBLIC_SCHEMA_COUNT];

#endif
