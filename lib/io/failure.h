/* io/failure.h: why a file could not be read or written, before it is known who is to be told: a tape or an archive.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_FAILURE_H
#define TGI_IO_FAILURE_H

#include <tapegrad.h>

enum { TGI_FAILURE_TEXT = 480 };

/* The first failure, as "path: member: reason"; zero-initialised but for the path. */
typedef struct tgi_failure {
    const char *path, *member; /* the file, and what in it: NULL for the file as a whole */
    tg_status   status;
    char        text[TGI_FAILURE_TEXT];
} tgi_failure;

/* Notes it, unless there is one; returns the status. */
tg_status tgi_failed(tgi_failure *failure, tg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
tg_status tgi_failed_memory(tgi_failure *failure);
tg_status tgi_failed_system(tgi_failure *failure, const char *what); /* TG_ERR_IO: "what: " and what errno says */

/* Begins the work of a public function; its failure stays in the tape at the end. */
tg_tensor tgi_end_tensor(tg_scope scope, const tgi_failure *failure, tg_tensor result);
tg_status tgi_end_status(tg_scope scope, const tgi_failure *failure);

#endif
