/* io/csv.h: numbers between commas, without a tape.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_CSV_H
#define TGI_IO_CSV_H

#include <tapegrad/io.h>

#include "io/failure.h"

/* Reads failure->path as tg_load_csv does. The elements are the caller's, to be freed, after a failure too. */
tg_status tgi_read_csv(tg_dtype dtype, const tg_csv_options *options, void **elements, tg_shape *shape, tgi_failure *failure);

#endif
