/* io/json.c: texts of JSON, which Jansson reads: it has exact 64-bit integers, refuses names that come twice, and limits how deep objects
 * may nest.
 *
 * Jansson 2.14 does not always say that there is no memory. It calls a text that it has no room for wrong ("invalid token"), says nothing
 * where it has no room for a value, and leaves out a byte that its buffer cannot grow for: then it goes on with another name. But who
 * allocates in vain leaves a note in errno. It is looked for before every byte, and no byte is given after it: the next number that is
 * read would clear it.
 *
 * SPDX-License-Identifier: MIT */
#include "io/json.h"

#include <errno.h>
#include <stdbool.h>

typedef struct source {
    const char *at, *stop;
    bool        failed;
} source;

/* Gives a byte; 0 says that there is none. */
static size_t next_byte(void *to, size_t room, void *from) {
    source *s = from;
    (void)room;
    s->failed |= errno == ENOMEM;
    if (s->failed || s->at == s->stop) return 0;
    *(char *)to = *s->at++;
    return 1;
}

json_t *tgi_parse_json(const char *text, size_t length, json_error_t *error, tgi_failure *failure) {
    source s = {.at = text, .stop = text + length};
    errno = 0;
    json_t *json = json_load_callback(next_byte, &s, JSON_REJECT_DUPLICATES, error);
    if (!s.failed && errno != ENOMEM && (json || *error->text)) return json;
    json_decref(json);
    tgi_failed_memory(failure);
    return NULL;
}
