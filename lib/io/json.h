/* io/json.h: texts of JSON.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_JSON_H
#define TGI_IO_JSON_H

#include <jansson.h>

#include "io/failure.h"

/* Reads an object. Refuses names that come twice. NULL after an error, which says what is wrong with the text, or a failure, which is of
 * memory. */
json_t *tgi_parse_json(const char *text, size_t length, json_error_t *error, tgi_failure *failure);

#endif
