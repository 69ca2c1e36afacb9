#include "identity.h"

#include <stdlib.h>
#include <string.h>

static char *put_text(char *to, struct bytes text)
{
    if (text.len > 0)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    return to;
}

struct identity *identity_new(struct bytes name, struct bytes scopes, int64_t expires_s)
{
    struct identity *id = malloc(sizeof *id + name.len + 1 + scopes.len + 1);
    if (id == NULL)
        return NULL;
    char *text = (char *)(id + 1);
    id->name = put_text(text, name);
    id->scopes = put_text(text + name.len + 1, scopes);
    id->expires_s = expires_s;
    id->refs = 1;
    return id;
}

struct identity *identity_ref(struct identity *id)
{
    id->refs++;
    return id;
}

void identity_unref(struct identity *id)
{
    if (id != NULL && --id->refs == 0)
        free(id);
}

bool identity_may(const struct identity *id, const char *scope)
{
    const size_t n = strlen(scope);
    for (const char *word = id->scopes; *word != '\0';) {
        const char *end = strchrnul(word, ' ');
        if ((size_t)(end - word) == n && memcmp(word, scope, n) == 0)
            return true;
        word = end;
        while (*word == ' ')
            word++;
    }
    return false;
}
