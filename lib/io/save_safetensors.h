/* io/save_safetensors.h: tensors to be saved under names.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_SAVE_SAFETENSORS_H
#define TGI_IO_SAVE_SAFETENSORS_H

#include <tapegrad/io.h>

#include "io/failure.h"

typedef struct tgi_entry {
    const char *name;
    tg_dtype    dtype;
    tg_shape    shape;
    tg_tensor   tensor;
    const void *elements; /* NULL: those that tg_data gives of the tensor when it is its turn */
} tgi_entry;

/* The tensors as entries, in memory that the caller frees; NULL after an error of the tape, or a failure. */
tgi_entry *tgi_entries_of(tg_tape *tape, const char *what, tg_named_list tensors, tgi_failure *failure);

/* The names are UTF-8, not empty, and none comes twice; else TG_ERR_NAME. */
tg_status tgi_check_names(const tgi_entry *entries, int64_t count, tgi_failure *failure);

/* Its elements. NULL is an error of the tape, or there are none. */
const void *tgi_entry_elements(const tgi_entry *entry);

/* Writes the file failure->path. */
tg_status tgi_save_safetensors(tg_tape *tape, const tgi_entry *entries, int64_t count, tg_metadata_list metadata,
                               tgi_failure *failure);

#endif
