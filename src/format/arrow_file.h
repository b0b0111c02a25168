/* arrow_file.h - Arrow IPC files (Feather version 2): batches of rows to a file that any Arrow reader opens, and back. The reader takes the stream format too.
 *
 * Written beside the name and renamed at the end, so a file under the name is always whole. What is read is not trusted: nanoarrow checks buffers and offsets.
 * Cost: the batches of one call are in memory, nothing else. */
#ifndef FORMAT_ARROW_FILE_H
#define FORMAT_ARROW_FILE_H

#include "vector/vector.h"

struct arrow_file_writer;
laminar_status arrow_file_create(const char *path, const struct schema *schema,
                                 struct arrow_file_writer **out, struct laminar_error *err)
    must_check;
/* The batch stays the caller's. */
laminar_status arrow_file_write(struct arrow_file_writer *writer, struct batch *batch,
                                struct laminar_error *err) must_check;
/* The file is there, and on the disk. Frees the writer either way. */
laminar_status arrow_file_finish(struct arrow_file_writer *take_writer, struct laminar_error *err)
    must_check;
/* Leaves nothing behind. NULL is fine. */
void arrow_file_abort(struct arrow_file_writer *take_writer);

struct arrow_file_reader;
laminar_status arrow_file_open(const char *path, struct batch_pool *pool,
                               struct arrow_file_reader **out, struct laminar_error *err)
    must_check;
/* Of the file's rows; borrowed. */
struct schema *arrow_file_schema(const struct arrow_file_reader *reader);
/* *out is NULL at the end. */
laminar_status arrow_file_next(struct arrow_file_reader *reader, struct batch **out,
                               struct laminar_error *err) must_check;
void arrow_file_close(struct arrow_file_reader *reader);

#endif
