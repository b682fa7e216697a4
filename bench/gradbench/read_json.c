/* bench/gradbench/read_json.c: what evals read of their inputs, and the errors of inputs that are something else.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>

#include "task.h"

static const json_t *member(task *t, const json_t *object, const char *name) {
    const json_t *found = json_object_get(object, name);
    if (!found) task_fail(t, "the input has no \"%s\"", name);
    return found;
}

static bool read_list(task *t, const json_t *list, const char *name, int64_t count, double *to) {
    if (!json_is_array(list) || (int64_t)json_array_size(list) != count)
        return task_fail(t, "\"%s\" is not made of lists of %lld numbers", name, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        if (!json_is_number(item)) return task_fail(t, "\"%s\" holds something else than numbers", name);
        to[i] = json_number_value(item);
    }
    return true;
}

bool read_list_of_numbers(task *t, const json_t *list, const char *name, numbers *to) {
    if (!json_is_array(list)) return task_fail(t, "\"%s\" is no list", name);
    bool nested = json_is_array(json_array_get(list, 0));
    to->rows = nested ? (int64_t)json_array_size(list) : 1;
    to->columns = (int64_t)json_array_size(nested ? json_array_get(list, 0) : list);
    to->values = task_room(t, (size_t)(to->rows * to->columns) * sizeof(double));
    for (int64_t i = 0; i < to->rows; i++)
        if (!read_list(t, nested ? json_array_get(list, (size_t)i) : list, name, to->columns, to->values + i * to->columns))
            return false;
    return true;
}

bool read_numbers(task *t, const json_t *object, const char *name, numbers *to) {
    const json_t *list = member(t, object, name);
    return list && read_list_of_numbers(t, list, name, to);
}

bool read_integers(task *t, const json_t *object, const char *name, int64_t *rows, int64_t *columns, int64_t **to) {
    numbers found;
    if (!read_numbers(t, object, name, &found)) return false;
    int64_t count = found.rows * found.columns;
    *rows = found.rows;
    *columns = found.columns;
    *to = task_room(t, (size_t)count * sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) {
        if (fabs(found.values[i]) > 0x1p53 || found.values[i] != floor(found.values[i]))
            return task_fail(t, "\"%s\" holds something else than integers", name);
        (*to)[i] = (int64_t)found.values[i];
    }
    return true;
}

bool read_number(task *t, const json_t *object, const char *name, double *to) {
    const json_t *found = member(t, object, name);
    if (!found) return false;
    *to = json_number_value(found);
    return json_is_number(found) || task_fail(t, "\"%s\" is no number", name);
}

bool read_size(task *t, const json_t *object, const char *name, int64_t least, int64_t *to) {
    const json_t *found = member(t, object, name);
    if (!found) return false;
    *to = json_integer_value(found);
    return (json_is_integer(found) && *to >= least) ||
           task_fail(t, "\"%s\" is not an integer of at least %lld", name, (long long)least);
}
