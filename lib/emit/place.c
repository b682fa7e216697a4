/* emit/place.c: the third pass: where values are.
 *
 * What only its own loop reads is a variable in it; what has one element is a variable of the function, and what has few an array among
 * the variables. What an output shows is made in the caller's array. All else is in the work memory,
 * an array for each dtype, from the unit that makes it to the last that reads it; a loop makes a value in the place of another that
 * it has read for the last time, if it has so many elements. Free places are a list in the order of their addresses, neighbours
 * joined; the smallest that is large enough is taken.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/program.h"

typedef struct room {
    int64_t at, size;
} room;

typedef struct pool {
    room   *free; /* by address */
    int64_t count, end;
} pool;

typedef struct placer {
    tgi_function *f;
    pool          pools[TG_DTYPES];
    uint32_t     *next_dying;       /* of values that the same unit reads last */
    int64_t      *spare[TG_DTYPES]; /* places of a loop's size, whose values it has read */
    int64_t       spare_count[TG_DTYPES];
} placer;

/* ---- a pool ------------------------------------------------------------------------------------------------------ */

static void remove_room(pool *p, int64_t k) {
    memmove(&p->free[k], &p->free[k + 1], (size_t)(--p->count - k) * sizeof *p->free);
}

static int64_t take(pool *p, int64_t size) {
    int64_t best = -1;
    for (int64_t k = 0; k < p->count; k++)
        if (p->free[k].size >= size && (best < 0 || p->free[k].size < p->free[best].size)) best = k;
    if (best < 0 && p->count && p->free[p->count - 1].at + p->free[p->count - 1].size == p->end) {
        best = p->count - 1; /* the one at the end grows */
        p->end = p->free[best].at + size;
        p->free[best].size = size;
    }
    if (best < 0) {
        p->end += size;
        return p->end - size;
    }
    int64_t at = p->free[best].at;
    p->free[best].at += size;
    p->free[best].size -= size;
    if (!p->free[best].size) remove_room(p, best);
    return at;
}

static void give(pool *p, int64_t at, int64_t size) {
    int64_t k = 0;
    if (!size) return;
    while (k < p->count && p->free[k].at < at)
        k++;
    bool joins_before = k > 0 && p->free[k - 1].at + p->free[k - 1].size == at;
    bool joins_after = k < p->count && at + size == p->free[k].at;
    if (joins_before && joins_after) {
        p->free[k - 1].size += size + p->free[k].size;
        remove_room(p, k);
    } else if (joins_before)
        p->free[k - 1].size += size;
    else if (joins_after)
        p->free[k] = (room){at, size + p->free[k].size};
    else {
        memmove(&p->free[k + 1], &p->free[k], (size_t)(p->count++ - k) * sizeof *p->free);
        p->free[k] = (room){at, size};
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Whether a value is an array among the variables, which a compiler keeps in registers: it has few elements, and there are not too many
 * such. */
static bool take_few(tgi_function *f, const tgi_emit_value *v) {
    enum { MOST_ELEMENTS = 4, MOST_BYTES = 2048 };
    int64_t size = tgi_node_size(v->node), bytes = size * (int64_t)tg_dtype_size((tg_dtype)v->node->dtype);
    if (f->has_empty || size > MOST_ELEMENTS || f->few_bytes + bytes > MOST_BYTES) return false;
    f->few_bytes += bytes;
    return true;
}

static void choose_home(tgi_function *f, tgi_emit_value *v) {
    bool is_alone = v->kind != TGI_EMIT_ITEM && !v->loop; /* what a loop gives is reached by addresses */
    if (tgi_is_state(v)) v->is_few = take_few(f, v);
    if (v->kind == TGI_EMIT_NOTHING || v->target != TGI_NONE) return;
    if (v->in_memory && is_alone && tgi_node_size(v->node) == 1)
        v->home = TGI_VALUE_SCALAR;
    else
        v->home = v->is_output ? TGI_VALUE_OUTPUT : v->in_memory ? TGI_VALUE_WORK : TGI_VALUE_LOCAL;
    if (v->home == TGI_VALUE_WORK) v->is_few = take_few(f, v);
}

static bool is_placed(const tgi_emit_value *v) {
    return v->home == TGI_VALUE_WORK && !v->is_few;
}

/* Of each unit the first value that it reads last; the others follow. */
static void list_dying(placer *p, const tgi_emit_block *block, uint32_t *dying) {
    tgi_function *f = p->f;
    memset(dying, 0xff, block->unit_count * sizeof *dying);
    for (uint32_t i = block->first; i < block->end; i++) {
        const tgi_emit_value *v = &f->values[i];
        if (!is_placed(v)) continue;
        p->next_dying[i] = dying[v->last_unit];
        dying[v->last_unit] = i;
    }
}

/* Of what unit k reads for the last time: where in it. */
static void note_last_readers(placer *p, const tgi_emit_block *block, uint32_t k) {
    const tgi_emit_unit *unit = &block->units[k];
    for (uint32_t i = unit->first; i != TGI_NONE; i = p->f->values[i].next)
        for (uint32_t j = 0; j < p->f->values[i].source_count; j++) {
            const tgi_emit_source *s = &p->f->values[i].sources[j];
            tgi_emit_value        *base = &p->f->values[s->base];
            bool                   of_block = s->base >= block->first && s->base < block->end;
            if (!of_block || !is_placed(base) || base->last_unit != k) continue;
            base->last_reader = i;
            base->other_reads |= !unit->loop || !tgi_is_identical(s, unit->rank, unit->dims);
        }
}

static bool leaves_its_place(const placer *p, uint32_t base, uint32_t reader) {
    const tgi_emit_value *v = &p->f->values[base];
    return is_placed(v) && v->last_reader == reader && v->last_unit == p->f->values[reader].unit && !v->other_reads &&
           !v->spared && v->unit != v->last_unit;
}

/* Puts by the places of what value i of a loop is the last to read. */
static void collect_spare(placer *p, uint32_t i) {
    const tgi_emit_value *v = &p->f->values[i];
    for (uint32_t j = 0; j < v->source_count; j++) {
        tgi_emit_value *base = &p->f->values[v->sources[j].base];
        if (!leaves_its_place(p, v->sources[j].base, i)) continue;
        p->spare[base->node->dtype][p->spare_count[base->node->dtype]++] = base->at;
        base->spared = true;
    }
}

/* No array of C is empty. */
static int64_t room_for(int64_t size) {
    return size ? size : 1;
}

static void take_place(placer *p, tgi_emit_value *v, const tgi_emit_unit *unit) {
    int dtype = v->node->dtype;
    if (!is_placed(v)) return;
    if (unit->loop && p->spare_count[dtype])
        v->at = p->spare[dtype][--p->spare_count[dtype]];
    else
        v->at = take(&p->pools[dtype], room_for(tgi_node_size(v->node)));
}

static void give_value(placer *p, const tgi_emit_value *v) {
    give(&p->pools[v->node->dtype], v->at, room_for(tgi_node_size(v->node)));
}

static tg_status place_body(placer *p, tgi_emit_block *block);

static tg_status place_unit(placer *p, const tgi_emit_block *block, uint32_t k, uint32_t dying) {
    tgi_function        *f = p->f;
    const tgi_emit_unit *unit = &block->units[k];
    int64_t              size = room_for(tgi_size(unit->rank, unit->dims));
    note_last_readers(p, block, k);
    for (uint32_t i = unit->first; i != TGI_NONE; i = f->values[i].next) {
        if (unit->loop) collect_spare(p, i);
        take_place(p, &f->values[i], unit);
    }
    for (int dtype = 0; dtype < TG_DTYPES; dtype++)
        while (p->spare_count[dtype])
            give(&p->pools[dtype], p->spare[dtype][--p->spare_count[dtype]], size);
    uint32_t body = f->values[unit->first].loop;
    if (body && place_body(p, &f->blocks[body])) return f->file->tape->status;
    for (uint32_t i = dying; i != TGI_NONE; i = p->next_dying[i])
        if (!f->values[i].spared) give_value(p, &f->values[i]);
    return TG_OK;
}

static tg_status place_block(placer *p, const tgi_emit_block *block) {
    uint32_t *dying = tgi_emit_take(p->f->file, block->unit_count, sizeof *dying);
    if (!dying) return p->f->file->tape->status;
    list_dying(p, block, dying);
    for (uint32_t k = 0; k < block->unit_count; k++)
        if (place_unit(p, block, k, dying[k])) return p->f->file->tape->status;
    return TG_OK;
}

/* Its states keep their places from the first step to the last. */
static tg_status place_body(placer *p, tgi_emit_block *block) {
    tgi_function *f = p->f;
    for (uint32_t i = block->first; i < block->end; i++) {
        tgi_emit_value *v = &f->values[i];
        if (tgi_is_state(v) && !v->is_few) v->at = take(&p->pools[v->node->dtype], room_for(tgi_node_size(v->node)));
    }
    if (place_block(p, block)) return f->file->tape->status;
    for (uint32_t i = block->first; i < block->end; i++)
        if (tgi_is_state(&f->values[i]) && !f->values[i].is_few) give_value(p, &f->values[i]);
    return TG_OK;
}

static tg_status take_tables(placer *p) {
    tgi_function *f = p->f;
    p->next_dying = tgi_emit_take(f->file, f->value_count, sizeof *p->next_dying);
    if (!p->next_dying) return f->file->tape->status;
    for (int dtype = 0; dtype < TG_DTYPES; dtype++) {
        p->pools[dtype].free = tgi_emit_take(f->file, (size_t)f->value_count + 1, sizeof(room));
        p->spare[dtype] = tgi_emit_take(f->file, f->value_count, sizeof(int64_t));
        if (!p->pools[dtype].free || !p->spare[dtype]) return f->file->tape->status;
    }
    return TG_OK;
}

tg_status tgi_place_values(tgi_function *f) {
    placer p = {.f = f};
    if (take_tables(&p)) return f->file->tape->status;
    for (uint32_t i = 0; i < f->value_count; i++)
        f->has_empty |= f->values[i].needed && !tgi_node_size(f->values[i].node);
    for (uint32_t i = 0; i < f->value_count; i++)
        choose_home(f, &f->values[i]);
    if (place_block(&p, &f->blocks[0])) return f->file->tape->status;
    for (int dtype = 0; dtype < TG_DTYPES; dtype++) {
        f->work[dtype] = p.pools[dtype].end;
        if (f->file->work[dtype] < f->work[dtype]) f->file->work[dtype] = f->work[dtype];
    }
    f->scratch = f->work[TG_F64];
    return TG_OK;
}
