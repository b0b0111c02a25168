/* secret.h - which texts are passwords and the like, and hiding them wherever they would be shown: SHOW CREATE, system relations, the lines that errors quote.
 *
 * An option is secret by its name ("password", "sasl.password", "aws_secret_access_key"), or a part of its value is: the password in
 * "postgres://user:password@host/db", in "host=h password=p" and in "...;Password=p". A value that is only a reference to a variable (${NAME}) is no secret. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/strbuf.h"

#define SECRET_MASK "***"

/* Whether the value of an option of this name is hidden. */
bool secret_is_key(const char *key, size_t size);
/* "${NAME}" and nothing else: it says where the secret is, not what. */
bool secret_is_reference(const char *value, size_t size);
/* Appends the value with the passwords of connection strings in it hidden. */
void secret_append_masked(struct strbuf *out, const char *value, size_t size);
/* `text` is what is shown of a line of SQL: `n` bytes of it from `from` on. Secrets become as many asterisks, so that a caret below still points to its place. */
void secret_mask_window(const char *line, size_t size, size_t from, char *text, size_t n);

#endif
