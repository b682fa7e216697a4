/* io/training_state.c: what a training changes on a tape.
 *
 * SPDX-License-Identifier: MIT */
#include "io/training_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static tg_status add(tgi_place_list *places, tgi_place_role role, tg_tensor x, tg_tensor owner, tgi_failure *failure) {
    if (places->count == places->capacity) {
        int64_t    capacity = places->capacity ? 2 * places->capacity : 32;
        tgi_place *grown = realloc(places->items, (size_t)capacity * sizeof *grown);
        if (!grown) return tgi_failed_memory(failure);
        places->items = grown;
        places->capacity = capacity;
    }
    places->items[places->count++] = (tgi_place){tg_name(x), role, x, owner};
    return TG_OK;
}

/* Whether it is a tensor: neither the end of a list nor one that could not be recorded. */
static bool is_tensor(tg_tensor x) {
    return !tg_is_none(x) && tg_valid(x);
}

tg_status tgi_add_parameters(tg_tape *tape, bool states, tgi_place_list *places, tgi_failure *failure) {
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor w = tg_parameter_at(tape, i);
        if (add(places, TGI_ROLE_PARAMETER, w, TG_NONE, failure)) return failure->status;
        if (!states) continue;
        for (tg_tensor s = tg_next_optimizer_state(w, TG_NONE); is_tensor(s); s = tg_next_optimizer_state(w, s))
            if (add(places, TGI_ROLE_STATE, s, w, failure)) return failure->status;
    }
    return failure->status;
}

/* Whether it is among the inputs of the tape: the next one after some other. */
static bool is_input(tg_tape *tape, tg_tensor x) {
    for (tg_tensor i = tg_next_input(tape, TG_NONE); is_tensor(i); i = tg_next_input(tape, i))
        if (i.ref == x.ref) return true;
    return false;
}

static tg_status add_listed(tg_tape *tape, tg_list inputs, tgi_place_list *places, tgi_failure *failure) {
    for (int i = 0; i < inputs.count; i++) {
        tg_tensor x = inputs.x[i];
        if (tg_check_tensor(tape, "save_checkpoint", "an input", x)) return tg_error_status(tape);
        if (!is_input(tape, x) || !tg_name(x))
            return tgi_failed(failure, TG_ERR_ARGUMENT, "the tensor %d of `inputs` is no input with a name", i);
        if (add(places, TGI_ROLE_INPUT, x, TG_NONE, failure)) return failure->status;
    }
    return TG_OK;
}

tg_status tgi_add_inputs(tg_tape *tape, tg_list inputs, tgi_place_list *places, tgi_failure *failure) {
    if (inputs.x) return add_listed(tape, inputs, places, failure);
    for (tg_tensor x = tg_next_input(tape, TG_NONE); is_tensor(x); x = tg_next_input(tape, x))
        if (tg_name(x) && add(places, TGI_ROLE_INPUT, x, TG_NONE, failure)) return failure->status;
    return TG_OK;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const tgi_place *)a)->name, ((const tgi_place *)b)->name);
}

tg_status tgi_sort_places(tgi_place_list *places, tgi_failure *failure) {
    if (places->count) qsort(places->items, (size_t)places->count, sizeof *places->items, compare);
    for (int64_t i = 1; i < places->count; i++)
        if (!strcmp(places->items[i - 1].name, places->items[i].name))
            return tgi_failed(failure, TG_ERR_NAME, "two tensors of the tape have the name '%.100s'", places->items[i].name);
    return TG_OK;
}

const tgi_place *tgi_find_place(const tgi_place_list *places, const char *name) {
    const tgi_place key = {.name = name};
    return places->count ? bsearch(&key, places->items, (size_t)places->count, sizeof key, compare) : NULL;
}

/* ---- the generator ----------------------------------------------------------------------------------------------- */

enum { WORDS = 624 };

tg_status tgi_get_generator_numbers(tg_tape *tape, int64_t numbers[TGI_GENERATOR_NUMBERS]) {
    tg_generator_state state;
    if (tg_get_generator(tape, &state)) return tg_error_status(tape);
    for (int i = 0; i < WORDS; i++)
        numbers[i] = state.key[i];
    numbers[WORDS] = state.position;
    numbers[WORDS + 1] = state.has_normal;
    memcpy(&numbers[WORDS + 2], &state.next_normal, sizeof state.next_normal);
    return TG_OK;
}

bool tgi_generator_of_numbers(const int64_t numbers[TGI_GENERATOR_NUMBERS], tg_generator_state *state) {
    bool good = numbers[WORDS] >= 0 && numbers[WORDS] <= WORDS && (numbers[WORDS + 1] == 0 || numbers[WORDS + 1] == 1);
    for (int i = 0; i < WORDS; i++) {
        good = good && numbers[i] >= 0 && numbers[i] <= UINT32_MAX;
        state->key[i] = (uint32_t)numbers[i];
    }
    state->position = (int32_t)numbers[WORDS];
    state->has_normal = (int32_t)numbers[WORDS + 1];
    memcpy(&state->next_normal, &numbers[WORDS + 2], sizeof state->next_normal);
    return good;
}
