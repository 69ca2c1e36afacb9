/* The index of descriptors, over sets that protoc would write of
 *
 *   a.proto  package p; message M { int32 f; oneof o { int32 g; } message N; enum E { V; } }
 *   b.proto  package p.q; import a; service S { rpc C } extend p.M { x = 100; y = 7; }
 *            message H { extend p.M { z = 20; } }
 *   c.proto  no package; service T; enum F { W; }
 *   d.proto  package p; message Unserved; extend M { w = 8; } */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "serverkit/reflection/reflection_index.h"

#define LIST(type, ...) ((type *[]){ __VA_ARGS__ })
#define ONE_OF(array)   (sizeof(array) / sizeof *(array))

typedef Google__Protobuf__FieldDescriptorProto field;

static field fields[8];
static size_t nfields;

static field *field_of(const char *name, int32_t number, const char *extendee)
{
    field *f = &fields[nfields++];
    google__protobuf__field_descriptor_proto__init(f);
    f->name = (char *)name;
    f->has_number = true;
    f->number = number;
    f->extendee = (char *)extendee;
    return f;
}

/* The set with the first @n files; free() it. */
static struct bytes pack_set(size_t first, size_t n)
{
    Google__Protobuf__EnumValueDescriptorProto
        v = GOOGLE__PROTOBUF__ENUM_VALUE_DESCRIPTOR_PROTO__INIT,
        w = v, *v_list = &v, *w_list = &w;
    Google__Protobuf__EnumDescriptorProto e = GOOGLE__PROTOBUF__ENUM_DESCRIPTOR_PROTO__INIT, f = e,
                                          *e_list = &e, *f_list = &f;
    Google__Protobuf__DescriptorProto m = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT, inner = m,
                                      h = m, u = m, *m_list = &m, *inner_list = &inner,
                                      *h_list = &h, *u_list = &u;
    Google__Protobuf__OneofDescriptorProto o = GOOGLE__PROTOBUF__ONEOF_DESCRIPTOR_PROTO__INIT,
                                           *o_list = &o;
    Google__Protobuf__MethodDescriptorProto c = GOOGLE__PROTOBUF__METHOD_DESCRIPTOR_PROTO__INIT,
                                            *c_list = &c;
    Google__Protobuf__ServiceDescriptorProto s = GOOGLE__PROTOBUF__SERVICE_DESCRIPTOR_PROTO__INIT,
                                             t = s, *s_list = &s, *t_list = &t;
    Google__Protobuf__FileDescriptorProto file[4], *files[4];
    Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    char *imports[] = { (char *)"a.proto" };

    nfields = 0;
    for (int i = 0; i < 4; i++) {
        google__protobuf__file_descriptor_proto__init(&file[i]);
        files[i] = &file[i];
    }
    v.name = (char *)"V";
    w.name = (char *)"W";
    e.name = (char *)"E";
    e.n_value = f.n_value = 1;
    e.value = &v_list;
    f.name = (char *)"F";
    f.value = &w_list;
    inner.name = (char *)"N";
    o.name = (char *)"o";

    m.name = (char *)"M";
    field *m_fields[] = { field_of("f", 1, NULL), field_of("g", 2, NULL) };
    m.n_field = 2;
    m.field = m_fields;
    m.n_oneof_decl = m.n_nested_type = m.n_enum_type = 1;
    m.oneof_decl = &o_list;
    m.nested_type = &inner_list;
    m.enum_type = &e_list;
    file[0].name = (char *)"a.proto";
    file[0].package = (char *)"p";
    file[0].n_message_type = 1;
    file[0].message_type = &m_list;

    c.name = (char *)"C";
    s.name = (char *)"S";
    s.n_method = 1;
    s.method = &c_list;
    h.name = (char *)"H";
    field *h_fields[] = { field_of("z", 20, ".p.M") };
    h.n_extension = 1;
    h.extension = h_fields;
    field *b_fields[] = { field_of("x", 100, ".p.M"), field_of("y", 7, ".p.M") };
    file[1].name = (char *)"b.proto";
    file[1].package = (char *)"p.q";
    file[1].n_dependency = 1;
    file[1].dependency = imports;
    file[1].n_service = file[1].n_message_type = 1;
    file[1].service = &s_list;
    file[1].message_type = &h_list;
    file[1].n_extension = 2;
    file[1].extension = b_fields;

    t.name = (char *)"T";
    file[2].name = (char *)"c.proto";
    file[2].n_service = file[2].n_enum_type = 1;
    file[2].service = &t_list;
    file[2].enum_type = &f_list;

    u.name = (char *)"Unserved";
    field *d_fields[] = { field_of("w", 8, ".p.M") };
    file[3].name = (char *)"d.proto";
    file[3].package = (char *)"p";
    file[3].n_dependency = 1;
    file[3].dependency = imports;
    file[3].n_message_type = 1;
    file[3].message_type = &u_list;
    file[3].n_extension = 1;
    file[3].extension = d_fields;

    set.n_file = n;
    set.file = files + first;
    const size_t len = google__protobuf__file_descriptor_set__get_packed_size(&set);
    uint8_t *bytes = malloc(len);
    cr_assert_not_null(bytes);
    google__protobuf__file_descriptor_set__pack(&set, bytes);
    return bytes_of(bytes, len);
}

static const char *const services[] = { "p.q.S", "T", "nobody" };

static struct bytes set;
static struct index *ix;

static void init(void)
{
    set = pack_set(0, 4);
    cr_assert_eq(index_new(&ix, set, services, ONE_OF(services)), 0);
}

static void fini(void)
{
    index_free(ix);
    free((void *)set.data);
}

TestSuite(reflection_index, .init = init, .fini = fini);

Test(reflection_index, knows_every_kind_of_name)
{
    const struct {
        const char *symbol, *file; /* NULL: not known */
    } rows[] = {
        { "p.M", "a.proto" },
        { "p.M.f", "a.proto" },
        { "p.M.g", "a.proto" },
        { "p.M.o", "a.proto" },
        { "p.M.N", "a.proto" },
        { "p.M.E", "a.proto" },
        { "p.M.V", "a.proto" },
        { "p.q.S", "b.proto" },
        { "p.q.S.C", "b.proto" },
        { "p.q.H", "b.proto" },
        { "p.q.H.z", "b.proto" },
        { "p.q.x", "b.proto" },
        { "p.q.y", "b.proto" },
        { "T", "c.proto" },
        { "F", "c.proto" },
        { "W", "c.proto" },
        { "p.M.E.V", NULL },
        { "p", NULL },
        { "", NULL },
        { "M", NULL },
        { ".p.M", NULL },
        { "p.M.", NULL },
        { "nobody", NULL },
        { "p.Unserved", NULL },
        { "p.w", NULL },
    };
    for (size_t i = 0; i < ONE_OF(rows); i++) {
        const struct index_file *f = index_find_symbol(ix, rows[i].symbol);
        cr_expect_eq(f == NULL, rows[i].file == NULL, "%s", rows[i].symbol);
        if (f != NULL && rows[i].file != NULL)
            cr_expect_str_eq(f->name, rows[i].file, "%s", rows[i].symbol);
    }
}

Test(reflection_index, knows_what_is_a_message)
{
    cr_assert(index_has_message(ix, "p.M"));
    cr_assert(index_has_message(ix, "p.M.N"));
    cr_assert(!index_has_message(ix, "p.M.E"));
    cr_assert(!index_has_message(ix, "p.q.S"));
    cr_assert(!index_has_message(ix, "p.Unserved"));
}

static struct bytes raw(const struct index_file *f, size_t i)
{
    return bytes_of(f->closure[i].data, f->closure[i].len);
}

Test(reflection_index, a_file_comes_with_what_it_imports)
{
    const struct index_file *a = index_find_file(ix, "a.proto"),
                            *b = index_find_file(ix, "b.proto"),
                            *c = index_find_file(ix, "c.proto");
    cr_assert(a != NULL && b != NULL && c != NULL);
    cr_assert_null(index_find_file(ix, "d.proto"), "not served, though it is in the set");
    cr_assert_null(index_find_file(ix, "e.proto"));
    cr_assert_eq(a->nclosure, 1);
    cr_assert_eq(c->nclosure, 1);
    cr_assert_eq(b->nclosure, 2);
    cr_assert(bytes_equal(raw(b, 1), raw(a, 0)));
    Google__Protobuf__FileDescriptorProto *m = google__protobuf__file_descriptor_proto__unpack(
        NULL, b->closure[0].len, b->closure[0].data);
    cr_assert_not_null(m);
    cr_assert_str_eq(m->name, "b.proto");
    google__protobuf__file_descriptor_proto__free_unpacked(m, NULL);
}

Test(reflection_index, knows_extensions_of_served_files)
{
    const int32_t *numbers;
    cr_assert_eq(index_extensions(ix, "p.M", &numbers), 3);
    cr_assert(numbers[0] == 7 && numbers[1] == 20 && numbers[2] == 100);
    cr_assert_eq(index_extensions(ix, "p.q.H", &numbers), 0);
    cr_assert_str_eq(index_find_extension(ix, "p.M", 20)->name, "b.proto");
    cr_assert_null(index_find_extension(ix, "p.M", 8));
    cr_assert_null(index_find_extension(ix, "p.M", 21));
    cr_assert_null(index_find_extension(ix, "p.N", 20));
}

Test(reflection_index, serves_nothing_without_services)
{
    struct index *none;
    cr_assert_eq(index_new(&none, set, NULL, 0), 0);
    const int32_t *numbers;
    cr_assert_null(index_find_file(none, "a.proto"));
    cr_assert_null(index_find_symbol(none, "p.M"));
    cr_assert_null(index_find_extension(none, "p.M", 7));
    cr_assert_eq(index_extensions(none, "p.M", &numbers), 0);
    index_free(none);
}

Test(reflection_index, refuses_what_is_no_set)
{
    struct index *none;
    const struct bytes b_only = pack_set(1, 1); /* without its import */
    cr_assert_eq(index_new(&none, b_only, services, 1), EINVAL);
    cr_assert_eq(index_new(&none, bytes_of(set.data, set.len - 1), services, 1), EINVAL);
    cr_assert_eq(index_new(&none, bytes_of("\x0a\x02xx", 4), services, 1), EINVAL);
    cr_assert_eq(index_new(&none, bytes_of("\x12\x00", 2), services, 1), EINVAL);
    free((void *)b_only.data);
}
