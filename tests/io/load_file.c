/* tests/io/load_file.c: any file as any format.
 *
 * SPDX-License-Identifier: MIT */
#include "load_file.h"

static int load_archive(tg_tape *tape, const char *path) {
    tg_archive *archive = tg_archive_open(path);
    int         count = tg_archive_error_status(archive) ? -1 : 0;
    for (int64_t i = 0; i < tg_archive_count(archive) && count >= 0; i++)
        count = tg_valid(tg_archive_load(tape, archive, tg_archive_at(archive, i)->name)) ? count + 1 : -1;
    tg_archive_close(archive);
    return count;
}

int load_file(tg_tape *tape, format kind, const char *path) {
    tg_checkpoint_report report = {.partial = true};
    switch (kind) {
    case NPY: return tg_valid(tg_load_npy(tape, path)) ? 1 : -1;
    case CSV: return tg_valid(tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.header = true})) ? 1 : -1;
    case IDX: return tg_valid(tg_load_idx(tape, path)) ? 1 : -1;
    case CHECKPOINT: return tg_load_checkpoint(tape, path, &report) ? -1 : (int)report.loaded;
    default: return load_archive(tape, path);
    }
}
