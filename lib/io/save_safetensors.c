/* io/save_safetensors.c: tensors into a safetensors file, which open_safetensors.c describes.
 *
 * Tensors of wide elements come first, and the header's length is a multiple of 8, so that all elements are aligned: whoever maps the
 * file can use them where they are.
 *
 * SPDX-License-Identifier: MIT */
#include "io/save_safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io/output.h"
#include "io/stored.h"
#include "io/utf8.h"

static const size_t widths[] = {8, 4, 1};

tg_named_list tg_named_list_from(int count, const tg_named *items) {
    return (tg_named_list){count, items};
}

tg_metadata_list tg_metadata_list_from(int count, const tg_metadata *items) {
    return (tg_metadata_list){count, items};
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* A name as part of an error. */
static const char *shown(const char *name) {
    return name ? name : "(NULL)";
}

tgi_entry *tgi_entries_of(tg_tape *tape, const char *what, tg_named_list tensors, tgi_failure *failure) {
    int        count = tensors.count > 0 ? tensors.count : 0;
    tgi_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    if (!entries) return tgi_failed_memory(failure), NULL;
    for (int i = 0; i < count; i++) {
        char role[128];
        snprintf(role, sizeof role, "the tensor '%.100s'", shown(tensors.items[i].name));
        if (tg_check_tensor(tape, what, role, tensors.items[i].tensor)) break;
        tg_tensor x = tensors.items[i].tensor;
        entries[i] = (tgi_entry){.name = tensors.items[i].name, .dtype = tg_dtype_of(x), .shape = tg_shape_of(x), .tensor = x};
    }
    if (!tg_error_status(tape) && !tgi_check_names(entries, count, failure)) return entries;
    free(entries);
    return NULL;
}

static bool is_utf8(const char *text) {
    int length = 1;
    for (; *text && length; text += length)
        length = tgi_utf8_length(text);
    return length;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The name that comes twice, or NULL. */
static const char *find_twin(const char **names, int64_t count) {
    qsort(names, (size_t)count, sizeof *names, compare);
    for (int64_t i = 1; i < count; i++)
        if (!strcmp(names[i - 1], names[i])) return names[i];
    return NULL;
}

static tg_status check_text(const char *what, const char *text, tgi_failure *failure) {
    if (!text || !*text) return tgi_failed(failure, TG_ERR_NAME, "%s is empty", what);
    if (!is_utf8(text)) return tgi_failed(failure, TG_ERR_NAME, "%s '%.100s' is not UTF-8", what, text);
    return TG_OK;
}

/* The names, `stride` bytes apart, are texts, and none comes twice. */
static tg_status check_texts(const char *what, const void *first, size_t stride, int64_t count, tgi_failure *failure) {
    const char **names = malloc(((size_t)count + 1) * sizeof *names), *twin = NULL;
    if (!names) return tgi_failed_memory(failure);
    for (int64_t i = 0; i < count && !failure->status; i++) {
        names[i] = *(const char *const *)((const char *)first + (size_t)i * stride);
        check_text(what, names[i], failure);
    }
    if (!failure->status) twin = find_twin(names, count);
    if (twin) tgi_failed(failure, TG_ERR_NAME, "%s '%.100s' comes twice", what, twin);
    free(names);
    return failure->status;
}

tg_status tgi_check_names(const tgi_entry *entries, int64_t count, tgi_failure *failure) {
    return check_texts("the name", &entries->name, sizeof *entries, count, failure);
}

const void *tgi_entry_elements(const tgi_entry *entry) {
    return entry->elements ? entry->elements : tg_data(entry->tensor);
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const tgi_entry *entry) {
    return (size_t)tg_shape_size(entry->shape) * tg_dtype_size(entry->dtype);
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; NULL without memory. */
static json_t *describe(const tgi_entry *entry, uint64_t begin) {
    json_t *shape = json_array();
    for (int i = 0; shape && i < entry->shape.rank; i++)
        if (json_array_append_new(shape, json_integer(entry->shape.dims[i]))) {
            json_decref(shape);
            shape = NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tgi_safetensors_name(entry->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + bytes_of(entry)));
}

/* Adds an object of the metadata; false without memory. */
static bool add_metadata(json_t *header, tg_metadata_list metadata) {
    if (metadata.count <= 0) return true;
    json_t *texts = json_object();
    bool    added = texts && !json_object_set_new(header, "__metadata__", texts);
    for (int i = 0; added && i < metadata.count; i++)
        added = !json_object_set_new(texts, metadata.items[i].key, json_string(metadata.items[i].value));
    return added;
}

/* The header; NULL without memory. */
static json_t *make_header(const tgi_entry *entries, int64_t count, tg_metadata_list metadata) {
    json_t  *header = json_object();
    uint64_t at = 0;
    bool     added = header && add_metadata(header, metadata);
    for (int w = 0; w < 3; w++)
        for (int64_t i = 0; added && i < count; i++) {
            if (tg_dtype_size(entries[i].dtype) != widths[w]) continue;
            added = !json_object_set_new(header, entries[i].name, describe(&entries[i], at));
            at += bytes_of(&entries[i]);
        }
    if (added) return header;
    json_decref(header);
    return NULL;
}

/* Writes its length and itself, with blanks to a multiple of 8 bytes. */
static void write_header(tgi_output *output, const json_t *header, tgi_failure *failure) {
    size_t  length = json_dumpb(header, NULL, 0, JSON_COMPACT), all = (length + 7) / 8 * 8;
    uint8_t prefix[8];
    char   *text = length ? malloc(all) : NULL;
    if (!text || json_dumpb(header, text, length, JSON_COMPACT) != length) {
        tgi_failed_memory(failure);
    } else {
        memset(text + length, ' ', all - length);
        for (int i = 0; i < 8; i++)
            prefix[i] = (uint8_t)((uint64_t)all >> (8 * i));
        tgi_write(output, prefix, sizeof prefix, failure);
        tgi_write(output, text, all, failure);
    }
    free(text);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static tg_status check_metadata(tg_metadata_list metadata, tgi_failure *failure) {
    int64_t count = metadata.count > 0 ? metadata.count : 0;
    for (int64_t i = 0; i < count; i++)
        if (!metadata.items[i].value || !is_utf8(metadata.items[i].value))
            return tgi_failed(failure, TG_ERR_NAME, "the value of '%.100s' in the metadata is not UTF-8",
                              shown(metadata.items[i].key));
    return count ? check_texts("the key", &metadata.items->key, sizeof *metadata.items, count, failure) : TG_OK;
}

static tg_status check(const tgi_entry *entries, int64_t count, tg_metadata_list metadata, tgi_failure *failure) {
    for (int64_t i = 0; i < count; i++)
        if (!strcmp(entries[i].name, "__metadata__"))
            return tgi_failed(failure, TG_ERR_NAME, "the name '__metadata__' has another meaning in safetensors");
    return check_metadata(metadata, failure);
}

static void write_all(tg_tape *tape, const tgi_entry *entries, int64_t count, const json_t *header, tgi_failure *failure) {
    tgi_output output;
    if (tgi_open_output(&output, failure)) return;
    write_header(&output, header, failure);
    for (int w = 0; w < 3; w++)
        for (int64_t i = 0; i < count && !failure->status; i++) {
            if (tg_dtype_size(entries[i].dtype) != widths[w]) continue;
            const void *elements = tgi_entry_elements(&entries[i]);
            if (tg_error_status(tape)) tgi_failed(failure, tg_error_status(tape), "%s", tg_error(tape));
            tgi_write_elements(&output, entries[i].dtype, tg_shape_size(entries[i].shape), elements, failure);
        }
    tgi_close_output(&output, failure);
}

tg_status tgi_save_safetensors(tg_tape *tape, const tgi_entry *entries, int64_t count, tg_metadata_list metadata,
                               tgi_failure *failure) {
    if (check(entries, count, metadata, failure)) return failure->status;
    json_t *header = make_header(entries, count, metadata);
    if (header)
        write_all(tape, entries, count, header, failure);
    else
        tgi_failed_memory(failure);
    json_decref(header);
    return failure->status;
}

tg_status(tg_save_safetensors)(tg_tape *tape, const char *path, tg_named_list tensors, tg_metadata_list metadata) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "save_safetensors");
    tgi_entry  *entries = tgi_entries_of(tape, "save_safetensors", tensors, &failure);
    if (entries) tgi_save_safetensors(tape, entries, tensors.count, metadata, &failure);
    free(entries);
    return tgi_end_status(scope, &failure);
}
