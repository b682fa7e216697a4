/* io/save_checkpoint.c: a checkpoint, which is a safetensors file.
 *
 * All elements are those in memory now: nothing is run, so that saving does not change the training that it saves.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io/save_safetensors.h"
#include "io/training_state.h"

enum { OWN_METADATA = 4 };

/* What is to be written. */
typedef struct contents {
    tgi_place_list places;
    tgi_entry     *entries;
    int64_t        count;
    int64_t        generator[TGI_GENERATOR_NUMBERS];
    tg_metadata   *metadata;
    int            metadata_count;
    char           step[32];
    char          *states; /* JSON */
} contents;

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

/* Entries for all places, and for the generator. */
static tg_status make_entries(tg_tape *tape, contents *c, bool generator, tgi_failure *failure) {
    c->entries = calloc((size_t)c->places.count + 1, sizeof *c->entries);
    if (!c->entries) return tgi_failed_memory(failure);
    for (int64_t i = 0; i < c->places.count && !tg_error_status(tape); i++) {
        const tgi_place *p = &c->places.items[i];
        c->entries[c->count++] = (tgi_entry){.name = p->name,
                                             .dtype = tg_dtype_of(p->tensor),
                                             .shape = tg_shape_of(p->tensor),
                                             .tensor = p->tensor,
                                             .elements = tg_peek(p->tensor)};
    }
    if (generator && !tgi_get_generator_numbers(tape, c->generator))
        c->entries[c->count++] = (tgi_entry){.name = TGI_GENERATOR_NAME,
                                             .dtype = TG_I64,
                                             .shape = TG_SHAPE(TGI_GENERATOR_NUMBERS),
                                             .elements = c->generator};
    return tg_error_status(tape) ? tg_error_status(tape) : tgi_check_names(c->entries, c->count, failure);
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

/* {"w.adam.m": "w", ...}; NULL without memory. */
static char *name_owners(const tgi_place_list *places) {
    json_t *owners = json_object();
    bool    added = owners;
    for (int64_t i = 0; added && i < places->count; i++)
        if (places->items[i].role == TGI_ROLE_STATE)
            added = !json_object_set_new(owners, places->items[i].name, json_string(tg_name(places->items[i].owner)));
    size_t length = added ? json_dumpb(owners, NULL, 0, JSON_COMPACT) : 0;
    char  *text = length ? calloc(length + 1, 1) : NULL;
    if (text && json_dumpb(owners, text, length, JSON_COMPACT) != length) {
        free(text);
        text = NULL;
    }
    json_decref(owners);
    return text;
}

static tg_status copy_metadata(contents *c, tg_metadata_list user, tgi_failure *failure) {
    int count = user.count > 0 ? user.count : 0;
    c->metadata = calloc((size_t)count + OWN_METADATA, sizeof *c->metadata);
    if (!c->metadata) return tgi_failed_memory(failure);
    for (int i = 0; i < count; i++) {
        c->metadata[c->metadata_count++] = user.items[i];
        if (user.items[i].key && !strncmp(user.items[i].key, TGI_KEY_PREFIX, strlen(TGI_KEY_PREFIX)))
            return tgi_failed(failure, TG_ERR_NAME,
                              "the key '%.100s': those that begin with " TGI_KEY_PREFIX " are the library's",
                              user.items[i].key);
    }
    return TG_OK;
}

static tg_status make_metadata(contents *c, const tg_checkpoint_options *o, tgi_failure *failure) {
    if (copy_metadata(c, o->metadata, failure)) return failure->status;
    snprintf(c->step, sizeof c->step, "%" PRId64, o->step);
    c->metadata[c->metadata_count++] = (tg_metadata){TGI_KEY_VERSION, "1"};
    c->metadata[c->metadata_count++] = (tg_metadata){TGI_KEY_STEP, c->step};
    if (o->parameters_only) return TG_OK;
    c->states = name_owners(&c->places);
    if (!c->states) return tgi_failed_memory(failure);
    c->metadata[c->metadata_count++] = (tg_metadata){TGI_KEY_STATES, c->states};
    if (!o->inputs.x) c->metadata[c->metadata_count++] = (tg_metadata){TGI_KEY_INPUTS, "all"};
    return TG_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void save(tg_tape *tape, const tg_checkpoint_options *o, contents *c, tgi_failure *failure) {
    if (tgi_add_parameters(tape, !o->parameters_only, &c->places, failure)) return;
    if (!o->parameters_only && tgi_add_inputs(tape, o->inputs, &c->places, failure)) return;
    if (tg_error_status(tape) || make_entries(tape, c, !o->parameters_only, failure) || make_metadata(c, o, failure)) return;
    tgi_save_safetensors(tape, c->entries, c->count, tg_metadata_list_from(c->metadata_count, c->metadata), failure);
}

tg_status(tg_save_checkpoint)(tg_tape *tape, const char *path, const tg_checkpoint_options *options) {
    if (tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure           failure = {.path = path};
    tg_scope              scope = tg_begin_scope(tape, "save_checkpoint");
    tg_checkpoint_options none = {0};
    contents              c = {.count = 0};
    save(tape, options ? options : &none, &c, &failure);
    free(c.places.items);
    free(c.entries);
    free(c.metadata);
    free(c.states);
    return tgi_end_status(scope, &failure);
}
