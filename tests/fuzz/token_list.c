/* Token files: refused with one line, which names a line of the file, or every
 * entry has a name, of one word. */
#include <ctype.h>
#include <stdlib.h>

#include "fuzz.h"
#include "serverkit/auth/token_list.h"

static void check_error(const char *error, struct bytes text)
{
    unsigned number = 0, lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    cr_assert_eq(sscanf(error, "line %u: ", &number), 1);
    cr_assert(number >= 1 && number <= lines);
    for (; *error != '\0'; error++)
        cr_assert(isprint((unsigned char)*error));
}

static bool read_hash(struct bytes text, uint8_t hash[TOKEN_HASH_BYTES])
{
    for (size_t i = 0; i < TOKEN_HASH_BYTES; i++) {
        char digits[3] = { (char)text.data[2 * i], (char)text.data[2 * i + 1] };
        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return false;
        hash[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

/* Wherever 64 digits are. */
static void look_up(const struct token_list *list, struct bytes text)
{
    uint8_t hash[TOKEN_HASH_BYTES];
    for (size_t i = 0; i + 2 * TOKEN_HASH_BYTES <= text.len; i++) {
        if (!read_hash(bytes_of(text.data + i, 2 * TOKEN_HASH_BYTES), hash))
            continue;
        const struct identity *id = token_list_find(list, hash);
        if (id != NULL)
            cr_assert(id->name[0] != '\0' && strpbrk(id->name, " \t\n") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct token_list *list = NULL;
    char error[TOKEN_LIST_ERROR] = "";
    if (token_list_parse(&list, text, error) == 0)
        look_up(list, text);
    else
        check_error(error, text);
    token_list_free(list);
    return 0;
}
