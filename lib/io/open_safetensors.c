/* io/open_safetensors.c: the header of a safetensors file.
 *
 * The file: the length of the header in 8 bytes, little-endian; the header, an object of JSON; the elements. For each tensor the header
 * has {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, the offsets being those of its first byte and of that after its last
 * one, counted from the end of the header; and "__metadata__" has an object of texts. Every byte belongs to one tensor. The format, and its
 * limit for the header, are described in the repository huggingface/safetensors.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "io/archive.h"
#include "io/json.h"

enum { START = 8, LONGEST_HEADER = 100000000 };

/* ---- a tensor ---------------------------------------------------------------------------------------------------- */

/* A number from 0 on. */
static bool read_number(const json_t *json, uint64_t *number) {
    if (!json_is_integer(json) || json_integer_value(json) < 0) return false;
    *number = (uint64_t)json_integer_value(json);
    return true;
}

static tg_status read_shape(const json_t *shape, tgi_array *array, tgi_failure *failure) {
    const json_t *item;
    size_t        i;
    if (!json_is_array(shape)) return tgi_failed(failure, TG_ERR_IO, "its shape is no list");
    json_array_foreach(shape, i, item) {
        uint64_t size;
        if (!read_number(item, &size)) return tgi_failed(failure, TG_ERR_IO, "its shape has what is no size");
        if (!tgi_add_axis(array, size)) return tgi_failed(failure, TG_ERR_IO, "its shape has too many elements");
    }
    return TG_OK;
}

/* Where its elements are, which must be as many as the shape says, within the file. */
static tg_status read_offsets(const json_t *offsets, const tgi_array *array, uint64_t most, uint64_t place[2],
                              tgi_failure *failure) {
    if (json_array_size(offsets) != 2 || !read_number(json_array_get(offsets, 0), &place[0]) ||
        !read_number(json_array_get(offsets, 1), &place[1]) || place[0] > place[1])
        return tgi_failed(failure, TG_ERR_IO, "its data_offsets are no two offsets");
    unsigned long long there = place[1] - place[0], needed = tgi_array_bytes(array);
    if (place[1] > most)
        return tgi_failed(failure, TG_ERR_IO, "its elements end at %llu, those of the file at %llu: the file was cut off",
                          (unsigned long long)place[1], (unsigned long long)most);
    if (array->type != TGI_STORED_UNKNOWN && there != needed)
        return tgi_failed(failure, TG_ERR_IO, "its shape needs %llu bytes of elements, there are %llu", needed, there);
    return TG_OK;
}

/* `start` is where the elements of all begin. */
static void read_tensor(tg_archive *archive, const char *name, const json_t *json, uint64_t start) {
    tgi_failure *failure = &archive->failure;
    tgi_array    array = {.count = 1};
    uint64_t     place[2] = {0};
    const char  *dtype = json_string_value(json_object_get(json, "dtype"));
    if (!dtype) {
        tgi_failed(failure, TG_ERR_IO, "it has no dtype");
        return;
    }
    array.type = tgi_stored_of_safetensors(dtype, strlen(dtype));
    if (read_shape(json_object_get(json, "shape"), &array, failure) ||
        read_offsets(json_object_get(json, "data_offsets"), &array, archive->input.size - start, place, failure))
        return;
    array.bytes = archive->input.bytes + start + place[0];
    tgi_member *member = tgi_add_member(archive, name, strlen(name), dtype, &array);
    if (!member) return;
    member->begin = start + place[0];
    member->end = start + place[1];
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static void read_metadata(tg_archive *archive, json_t *json) {
    const char *key;
    json_t     *value;
    if (!json_is_object(json)) tgi_failed(&archive->failure, TG_ERR_IO, "it is no object");
    json_object_foreach(json, key, value) {
        if (!json_is_string(value)) tgi_failed(&archive->failure, TG_ERR_IO, "'%.100s' is no text", key);
        if (archive->failure.status || tgi_add_metadata(archive, key, json_string_value(value))) return;
    }
}

static void read_header(tg_archive *archive, json_t *header, uint64_t start) {
    const char *name;
    json_t     *value;
    json_object_foreach(header, name, value) {
        archive->failure.member = name;
        strcmp(name, "__metadata__") ? read_tensor(archive, name, value, start) : read_metadata(archive, value);
        archive->failure.member = NULL;
        if (archive->failure.status) return;
    }
}

/* Every byte of the elements belongs to a tensor: what nobody looks at might be anything. */
static void check_places(tg_archive *archive, uint64_t start) {
    tgi_member **list = tgi_members_by_place(archive);
    if (!list) return;
    uint64_t end = start;
    for (int64_t i = 0; i < archive->count && list[i]->begin == end; i++)
        end = list[i]->end;
    if (end != archive->input.size)
        tgi_failed(&archive->failure, TG_ERR_IO, "offset %llu: the bytes from here on belong to no tensor",
                   (unsigned long long)end);
    free(list);
}

void tgi_open_safetensors(tg_archive *archive) {
    const uint8_t *bytes = archive->input.bytes;
    uint64_t       size = archive->input.size, length = 0;
    tgi_failure   *failure = &archive->failure;
    if (size < START) {
        tgi_failed(failure, TG_ERR_IO, "it is too short for safetensors or .npz");
        return;
    }
    for (int i = START - 1; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > LONGEST_HEADER || length > size - START || !length || bytes[START] != '{') {
        tgi_failed(failure, TG_ERR_IO,
                   length > LONGEST_HEADER ? "offset 0: no header of safetensors is so long, and it is no .npz"
                   : length > size - START ? "offset 0: the header does not end within the file"
                                           : "offset 8: the header of safetensors begins with {");
        return;
    }
    json_error_t error;
    json_t      *header = tgi_parse_json((const char *)bytes + START, (size_t)length, &error, failure);
    if (header)
        read_header(archive, header, START + length);
    else
        tgi_failed(failure, TG_ERR_IO, "offset %d: %.200s", START + error.position, error.text);
    json_decref(header);
    if (!failure->status) check_places(archive, START + length);
}
