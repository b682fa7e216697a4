/* io/load_checkpoint.c: a checkpoint back onto a tape.
 *
 * Two passes over the file's tensors: the first finds the place of each and notes all that does not match, the second writes. States are
 * kept by their parameter, not by the step that uses them, so that one whose step is not recorded yet has its place all the same.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/archive.h"
#include "io/json.h"
#include "io/training_state.h"

/* Mismatches, as one text. */
typedef struct mismatches {
    tg_status status; /* of the first */
    int64_t   count, shown;
    char      text[280];
} mismatches;

typedef struct loading {
    tg_tape              *tape;
    const tg_archive     *archive;
    tgi_place_list        places;
    json_t               *owners; /* of the file's states, the names of their parameters; NULL where it has none */
    tg_generator_state    generator;
    bool                  has_generator;
    mismatches            mismatches;
    tg_checkpoint_report *report;
    tgi_failure          *failure;
} loading;

static void mismatch(loading *l, tg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void mismatch(loading *l, tg_status status, const char *format, ...) {
    mismatches *m = &l->mismatches;
    size_t      length = strlen(m->text), room = sizeof m->text - length;
    if (!m->count++) m->status = status;
    if (m->shown < m->count - 1) return; /* one before this had no room */
    int     used = snprintf(m->text + length, room, length ? "; " : "");
    va_list arguments;
    va_start(arguments, format);
    used += vsnprintf(m->text + length + used, room - (size_t)used, format, arguments);
    va_end(arguments);
    if ((size_t)used < room)
        m->shown++;
    else
        m->text[length] = 0;
}

/* ---- the file's own account -------------------------------------------------------------------------------------- */

static void read_step(loading *l) {
    const char *text = tg_archive_metadata(l->archive, TGI_KEY_STEP);
    char       *rest;
    if (!text) return;
    errno = 0;
    l->report->step = strtoll(text, &rest, 10);
    if (!*text || *rest || errno) tgi_failed(l->failure, TG_ERR_IO, "its step '%.40s' is no number", text);
}

static void read_owners(loading *l) {
    const char *text = tg_archive_metadata(l->archive, TGI_KEY_STATES);
    if (!text) return;
    json_error_t error;
    l->owners = tgi_parse_json(text, strlen(text), &error, l->failure);
    if (!json_is_object(l->owners)) tgi_failed(l->failure, TG_ERR_IO, "its list of states is no object of JSON");
}

/* The numbers of the generator, if the member has them. */
static void read_generator(loading *l, const tgi_member *member) {
    tgi_array   array;
    void       *owned = NULL, *converted = NULL;
    const void *numbers = NULL;
    if (member->info.dtype == TG_I64 && tg_shape_equal(member->info.shape, TG_SHAPE(TGI_GENERATOR_NUMBERS)) &&
        !tgi_member_array(member, &array, &owned, l->failure))
        numbers = tgi_elements(&array, &converted, l->failure);
    int64_t aligned[TGI_GENERATOR_NUMBERS];
    if (numbers) memcpy(aligned, numbers, sizeof aligned);
    l->has_generator = numbers && tgi_generator_of_numbers(aligned, &l->generator);
    if (!l->has_generator) tgi_failed(l->failure, TG_ERR_IO, "'" TGI_GENERATOR_NAME "' is no state of a generator");
    free(owned);
    free(converted);
}

/* ---- the first pass: what belongs where -------------------------------------------------------------------------- */

/* The parameter that a state of the file belongs to, which is not on the tape; its kind is the rest of its name. NULL for others. */
static const tgi_place *find_owner(const loading *l, const char *name) {
    const char      *owner = json_string_value(json_object_get(l->owners, name));
    const tgi_place *place = owner ? tgi_find_place(&l->places, owner) : NULL;
    size_t           length = owner ? strlen(owner) : 0;
    bool belongs = place && place->role == TGI_ROLE_PARAMETER && !strncmp(name, owner, length) && name[length] == '.';
    return belongs && name[length + 1] ? place : NULL;
}

static bool same_type(const tg_archive_tensor *info, tg_tensor x) {
    return info->dtype == tg_dtype_of(x) && tg_shape_equal(info->shape, tg_shape_of(x));
}

/* A place of the same name and another type. Of inputs, which may be a batch of another size, not all need to fit. */
static void compare_types(loading *l, const tg_archive_tensor *info, const tgi_place *place) {
    char      text[2][TG_SHAPE_TEXT];
    tg_dtype  dtype = tg_dtype_of(place->tensor);
    tg_shape  shape = tg_shape_of(place->tensor);
    tg_status status = dtype == info->dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE;
    if (same_type(info, place->tensor) || (l->report->partial && place->role == TGI_ROLE_INPUT)) return;
    mismatch(l, status, "'%.60s' is %s %s in the file and %s %s on the tape", info->name, info->stored,
             tg_shape_text(text[0], info->shape), tg_dtype_name(dtype), tg_shape_text(text[1], shape));
}

static void match_members(loading *l) {
    for (int64_t i = 0; i < l->archive->count; i++) {
        const tgi_member *member = &l->archive->members[i];
        const tgi_place  *place = tgi_find_place(&l->places, member->info.name);
        if (!strcmp(member->info.name, TGI_GENERATOR_NAME))
            read_generator(l, member);
        else if (place)
            compare_types(l, &member->info, place);
        else if (!find_owner(l, member->info.name) && !l->report->partial)
            mismatch(l, TG_ERR_NAME, "'%.60s' is not on the tape", member->info.name);
    }
}

/* What the file should have. Its inputs may be some that the user chose. */
static void match_places(loading *l) {
    const char *inputs = tg_archive_metadata(l->archive, TGI_KEY_INPUTS);
    const bool  wanted[] = {
         [TGI_ROLE_PARAMETER] = true, [TGI_ROLE_INPUT] = inputs && !strcmp(inputs, "all"), [TGI_ROLE_STATE] = l->owners != NULL};
    for (int64_t i = 0; i < l->places.count && !l->report->partial; i++) {
        const tgi_place *place = &l->places.items[i];
        if (wanted[place->role] && !tgi_find_member(l->archive, place->name))
            mismatch(l, TG_ERR_NAME, "'%.60s' is not in the file", place->name);
    }
}

static tg_status report_mismatches(loading *l) {
    const mismatches *m = &l->mismatches;
    if (m->count == 0) return l->failure->status;
    if (m->count == m->shown) return tgi_failed(l->failure, m->status, "%s", m->text);
    return tgi_failed(l->failure, m->status, "%s; and %lld more", m->text, (long long)(m->count - m->shown));
}

/* ---- the second pass: what is written ---------------------------------------------------------------------------- */

/* Writes the elements, unless they are there already. */
static tg_status write_member(loading *l, const tgi_member *member, tg_tensor x) {
    tgi_array array;
    void     *owned, *converted = NULL;
    l->failure->member = member->info.name;
    if (!tgi_member_array(member, &array, &owned, l->failure)) {
        const void *elements = tgi_elements(&array, &converted, l->failure), *there = tg_peek(x);
        size_t      bytes = (size_t)array.count * tg_dtype_size(member->info.dtype);
        if (!l->failure->status && bytes && there && memcmp(there, elements, bytes) != 0)
            tg_write(x, elements, (int64_t)array.count);
    }
    l->failure->member = NULL;
    free(owned);
    free(converted);
    return l->failure->status ? l->failure->status : tg_error_status(l->tape);
}

/* Its place on the tape, which for a state may have to be made; TG_NONE for what is passed over. */
static tg_tensor place_of(const loading *l, const tgi_member *member) {
    const char      *name = member->info.name;
    const tgi_place *place = tgi_find_place(&l->places, name), *owner = place ? NULL : find_owner(l, name);
    if (place) return same_type(&member->info, place->tensor) ? place->tensor : TG_NONE;
    if (!owner) return TG_NONE;
    return tg_optimizer_state(owner->tensor, name + strlen(owner->name) + 1, member->info.dtype, member->info.shape);
}

static void write_members(loading *l) {
    for (int64_t i = 0; i < l->archive->count && !tg_error_status(l->tape); i++) {
        const tgi_member *member = &l->archive->members[i];
        if (!strcmp(member->info.name, TGI_GENERATOR_NAME)) continue;
        tg_tensor x = place_of(l, member);
        if (!tg_is_none(x) && (tg_error_status(l->tape) || write_member(l, member, x))) return;
        tg_is_none(x) ? l->report->passed++ : l->report->loaded++;
    }
    if (l->has_generator) tg_set_generator(l->tape, &l->generator);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static void load(loading *l) {
    read_step(l);
    read_owners(l);
    if (l->failure->status || tgi_add_parameters(l->tape, true, &l->places, l->failure) ||
        tgi_add_inputs(l->tape, (tg_list){0}, &l->places, l->failure) || tgi_sort_places(&l->places, l->failure))
        return;
    match_members(l);
    match_places(l);
    if (!report_mismatches(l) && !tg_error_status(l->tape)) write_members(l);
}

tg_status(tg_load_checkpoint)(tg_tape *tape, const char *path, tg_checkpoint_report *report) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure          failure = {.path = path};
    tg_checkpoint_report found = {.partial = report && report->partial};
    tg_scope             scope = tg_begin_scope(tape, "load_checkpoint");
    tg_archive          *archive = tg_archive_open(path);
    loading              l = {.tape = tape, .archive = archive, .report = &found, .failure = &failure};
    if (tg_archive_error_status(archive))
        tgi_failed_archive(archive, &failure);
    else
        load(&l);
    if (report) *report = found;
    json_decref(l.owners);
    free(l.places.items);
    tg_archive_close(archive);
    return tgi_end_status(scope, &failure);
}
