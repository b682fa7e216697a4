/* io/archive.c: an archive: its list of tensors, and how they come onto a tape.
 *
 * SPDX-License-Identifier: MIT */
#define ZLIB_CONST
#include "io/archive.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/inflate.h"
#include "io/system.h"

/* ---- filling in -------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text, size_t length, tgi_failure *failure) {
    char *copy = malloc(length + 1);
    if (!copy) {
        tgi_failed_memory(failure);
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

static bool make_room(tg_archive *archive) {
    if (archive->count < archive->capacity) return true;
    int64_t     capacity = archive->capacity ? 2 * archive->capacity : 16;
    tgi_member *grown = realloc(archive->members, (size_t)capacity * sizeof *grown);
    if (!grown) return tgi_failed_memory(&archive->failure), false;
    archive->members = grown;
    archive->capacity = capacity;
    return true;
}

tgi_member *tgi_add_member(tg_archive *archive, const char *name, size_t length, const char *stored, const tgi_array *array) {
    if (!make_room(archive)) return NULL;
    tgi_member *member = &archive->members[archive->count];
    *member = (tgi_member){.info = {.name = copy_text(name, length, &archive->failure),
                                    .stored = copy_text(stored, strlen(stored), &archive->failure),
                                    .dtype = tgi_stored_dtype(array->type),
                                    .shape = array->shape},
                           .array = *array};
    archive->count++;
    return archive->failure.status ? NULL : member;
}

tg_status tgi_add_metadata(tg_archive *archive, const char *key, const char *value) {
    tg_metadata *grown = realloc(archive->metadata, (size_t)(archive->metadata_count + 1) * sizeof *grown);
    if (!grown) return tgi_failed_memory(&archive->failure);
    archive->metadata = grown;
    grown[archive->metadata_count++] =
        (tg_metadata){copy_text(key, strlen(key), &archive->failure), copy_text(value, strlen(value), &archive->failure)};
    return archive->failure.status;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    return strcmp((*(tgi_member *const *)a)->info.name, (*(tgi_member *const *)b)->info.name);
}

static int compare_places(const void *a, const void *b) {
    const tgi_member *x = *(tgi_member *const *)a, *y = *(tgi_member *const *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static tgi_member **sort(tg_archive *archive, int (*compare)(const void *, const void *)) {
    tgi_member **list = malloc((size_t)(archive->count + 1) * sizeof(tgi_member *));
    if (!list) return tgi_failed_memory(&archive->failure), NULL;
    for (int64_t i = 0; i < archive->count; i++)
        list[i] = &archive->members[i];
    qsort(list, (size_t)archive->count, sizeof *list, compare);
    return list;
}

tgi_member **tgi_members_by_place(tg_archive *archive) {
    tgi_member **list = sort(archive, compare_places);
    for (int64_t i = 1; list && i < archive->count; i++)
        if (list[i]->begin < list[i - 1]->end) {
            tgi_failed(&archive->failure, TG_ERR_IO, "offset %llu: '%.100s' and '%.100s' overlap",
                       (unsigned long long)list[i]->begin, list[i - 1]->info.name, list[i]->info.name);
            free(list);
            return NULL;
        }
    return list;
}

/* The index by name, in which a name that comes twice has itself for a neighbour. */
static void index_names(tg_archive *archive) {
    archive->sorted = sort(archive, compare_names);
    for (int64_t i = 1; archive->sorted && i < archive->count; i++)
        if (!strcmp(archive->sorted[i - 1]->info.name, archive->sorted[i]->info.name))
            tgi_failed(&archive->failure, TG_ERR_IO, "the name '%.100s' comes twice", archive->sorted[i]->info.name);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

/* Whether tg_borrow takes the elements where they are. */
static bool is_in_place(const tgi_array *array) {
    if (array->shape.rank > TG_MAX_RANK || !tgi_is_native(array)) return false;
    return array->count == 0 || (array->bytes && (uintptr_t)array->bytes % tgi_stored_width(array->type) == 0);
}

static void drop_members(tg_archive *archive) {
    for (int64_t i = 0; i < archive->count; i++) {
        free((char *)archive->members[i].info.name);
        free((char *)archive->members[i].info.stored);
    }
    for (int64_t i = 0; i < archive->metadata_count; i++) {
        free((char *)archive->metadata[i].key);
        free((char *)archive->metadata[i].value);
    }
    free(archive->members);
    free(archive->sorted);
    free(archive->metadata);
    tgi_close_input(&archive->input);
    *archive = (tg_archive){.path = archive->path, .failure = archive->failure};
}

tg_archive *tg_archive_open(const char *path) {
    tg_archive *archive = calloc(1, sizeof *archive);
    if (!archive) return NULL;
    archive->path = path ? copy_text(path, strlen(path), &archive->failure) : NULL;
    archive->failure.path = archive->path;
    if (!archive->failure.status && !tgi_open_input(&archive->input, false, &archive->failure)) {
        bool zip = archive->input.size > 4 && !memcmp(archive->input.bytes, "PK", 2);
        zip ? tgi_open_npz(archive) : tgi_open_safetensors(archive);
    }
    if (!archive->failure.status) index_names(archive);
    if (archive->failure.status) drop_members(archive);
    for (int64_t i = 0; i < archive->count; i++)
        archive->members[i].info.in_place = is_in_place(&archive->members[i].array);
    return archive;
}

void tg_archive_close(tg_archive *archive) {
    if (!archive) return;
    drop_members(archive);
    free(archive->path);
    free(archive);
}

const char *tg_archive_error(const tg_archive *archive) {
    return archive ? archive->failure.text : "no archive: out of memory when it was opened";
}

tg_status tg_archive_error_status(const tg_archive *archive) {
    return archive ? archive->failure.status : TG_ERR_MEMORY;
}

tg_status tgi_failed_archive(const tg_archive *archive, tgi_failure *failure) {
    failure->path = failure->member = NULL; /* the text has them */
    return tgi_failed(failure, tg_archive_error_status(archive), "%s", tg_archive_error(archive));
}

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

int64_t tg_archive_count(const tg_archive *archive) {
    return archive ? archive->count : 0;
}

const tg_archive_tensor *tg_archive_at(const tg_archive *archive, int64_t i) {
    return archive && i >= 0 && i < archive->count ? &archive->members[i].info : NULL;
}

const tgi_member *tgi_find_member(const tg_archive *archive, const char *name) {
    if (!archive || !name || !archive->count) return NULL;
    const tgi_member key = {.info.name = name}, *const to_key = &key;
    tgi_member *const *found =
        bsearch(&to_key, archive->sorted, (size_t)archive->count, sizeof *archive->sorted, compare_names);
    return found ? *found : NULL;
}

const tg_archive_tensor *tg_archive_find(const tg_archive *archive, const char *name) {
    const tgi_member *member = tgi_find_member(archive, name);
    return member ? &member->info : NULL;
}

int64_t tg_archive_metadata_count(const tg_archive *archive) {
    return archive ? archive->metadata_count : 0;
}

const tg_metadata *tg_archive_metadata_at(const tg_archive *archive, int64_t i) {
    return archive && i >= 0 && i < archive->metadata_count ? &archive->metadata[i] : NULL;
}

const char *tg_archive_metadata(const tg_archive *archive, const char *key) {
    for (int64_t i = 0; archive && key && i < archive->metadata_count; i++)
        if (!strcmp(archive->metadata[i].key, key)) return archive->metadata[i].value;
    return NULL;
}

/* ---- onto a tape ------------------------------------------------------------------------------------------------- */

static uint32_t checksum(const uint8_t *bytes, uint64_t size) {
    const uint64_t piece = 1 << 30;
    uLong          crc = crc32(0, NULL, 0);
    for (; size > piece; bytes += piece, size -= piece)
        crc = crc32(crc, bytes, (uInt)piece);
    return (uint32_t)crc32(crc, bytes, (uInt)size);
}

tg_status tgi_member_array(const tgi_member *member, tgi_array *array, void **owned, tgi_failure *failure) {
    const tgi_zip_member *zip = &member->zip;
    const uint8_t        *bytes = zip->packed;
    *owned = NULL;
    *array = member->array;
    if (tgi_check_array(array, member->info.stored, failure) || !member->zipped) return failure->status;
    if (zip->deflated) {
        bytes = *owned = zip->size <= SIZE_MAX ? malloc((size_t)zip->size) : NULL;
        if (!bytes) return tgi_failed_memory(failure);
        if (tgi_inflate_all(zip->packed, (size_t)zip->packed_size, *owned, (size_t)zip->size, failure)) return failure->status;
    }
    if (checksum(bytes, zip->size) != zip->crc) return tgi_failed(failure, TG_ERR_IO, "its checksum is not that of its bytes");
    array->bytes = bytes + member->start;
    return TG_OK;
}

/* The member, or NULL after a failure: that of the archive, or that there is none of that name. */
static const tgi_member *look_up(const tg_archive *archive, const char *name, tgi_failure *failure) {
    const tgi_member *member = tgi_find_member(archive, name);
    if (tg_archive_error_status(archive)) {
        tgi_failed_archive(archive, failure);
    } else if (!member) {
        failure->member = NULL;
        tgi_failed(failure, TG_ERR_NAME, "there is no tensor '%.100s'", name ? name : "(NULL)");
    }
    return member;
}

tg_tensor(tg_archive_load)(tg_tape *tape, const tg_archive *archive, const char *name) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure       failure = {.path = archive ? archive->path : NULL, .member = name};
    tg_scope          scope = tg_begin_scope(tape, "archive_load");
    const tgi_member *member = look_up(archive, name, &failure);
    tgi_array         array;
    void             *owned = NULL;
    tg_tensor         x = tg_invalid(tape);
    if (member && !tgi_member_array(member, &array, &owned, &failure)) x = tgi_record_array(tape, &array, &failure);
    free(owned);
    return tgi_end_tensor(scope, &failure, x);
}

/* Says why the elements cannot be used where they are. */
static void refuse_to_lend(const tgi_member *member, tgi_failure *failure) {
    const tgi_array *array = &member->array;
    if (tgi_check_array(array, member->info.stored, failure)) return;
    if (!tgi_is_native(&(tgi_array){.type = array->type, .big_endian = TGI_BIG_ENDIAN}))
        tgi_failed(failure, TG_ERR_DTYPE, "its elements are %s, which have to be converted to %s: tg_archive_load copies them",
                   member->info.stored, tg_dtype_name(member->info.dtype));
    else
        tgi_failed(failure, TG_ERR_ARGUMENT, "its elements are %s: tg_archive_load copies them",
                   !array->bytes           ? "compressed"
                   : tgi_is_swapped(array) ? "in the other order of bytes"
                   : array->fortran        ? "in another order"
                                           : "not aligned");
}

static tg_tensor borrow(const char *what, tg_tape *tape, const tg_archive *archive, const char *name, bool parameter) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure       failure = {.path = archive ? archive->path : NULL, .member = name};
    tg_scope          scope = tg_begin_scope(tape, what);
    const tgi_member *member = look_up(archive, name, &failure);
    tg_tensor         x = tg_invalid(tape);
    if (member && !member->info.in_place)
        refuse_to_lend(member, &failure);
    else if (member && parameter)
        x = tg_borrow_parameter(tape, name, member->info.dtype, member->info.shape, member->array.bytes);
    else if (member)
        x = tg_borrow(tape, member->info.dtype, member->info.shape, member->array.bytes);
    return tgi_end_tensor(scope, &failure, x);
}

tg_tensor(tg_archive_borrow)(tg_tape *tape, const tg_archive *archive, const char *name) {
    return borrow("archive_borrow", tape, archive, name, false);
}

tg_tensor(tg_archive_borrow_parameter)(tg_tape *tape, const tg_archive *archive, const char *name) {
    return borrow("archive_borrow_parameter", tape, archive, name, true);
}
