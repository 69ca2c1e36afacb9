/* Templates of paths and paths: what a variable is lies in the path, and what was made of a
 * template matches itself where it has no variables. */
#include "fuzz.h"
#include "web/path_template.h"
#include "web/url.h"

static void check_value(struct bytes path, struct bytes value)
{
    cr_assert(value.len > 0 && value.data > path.data);
    cr_assert(value.data[-1] == '/' && value.data + value.len <= path.data + path.len);
}

static void decode(struct bytes text)
{
    uint8_t room[4096];
    size_t n = 0;
    for (int part = URL_SEGMENT; text.len <= sizeof room && part <= URL_QUERY; part++)
        if (url_decode(room, text, (enum url_part)part, &n))
            cr_assert_leq(n, text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size), values[PATH_VARIABLES_MAX], name, value;
    const struct bytes text = fuzz_bytes(&in, fuzz_byte(&in));
    struct path_template t, again;
    struct url url = url_of(in);
    decode(in);
    while (url_query_next(&url.query, &name, &value))
        cr_assert_leq(name.len + value.len, size);
    if (!path_template_read(&t, text))
        return 0;
    cr_assert(path_template_read(&again, text) && path_template_same(&t, &again));
    if (path_template_match(&t, url.path, values))
        for (unsigned i = 0; i < t.nvariables; i++)
            check_value(url.path, values[i]);
    if (t.nvariables == 0)
        cr_assert(path_template_match(&t, text, values));
    return 0;
}
