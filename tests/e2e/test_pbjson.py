"""Our JSON of messages and protobuf's own (google.protobuf.json_format), on random messages of
every kind of field, both ways; and where they are meant to differ.

PBJSON_SEED=7 PBJSON_ROUNDS=20000 for more of them."""
import json
import math
import os
import random
import struct
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError

from protos import ROOT

PEER = ROOT / os.environ.get("BUILD", "build") / "json-peer"
SET = ROOT / os.environ.get("BUILD", "build") / "gen/every_type.pb"
SEED = int(os.environ.get("PBJSON_SEED", random.randrange(1 << 32)))
ROUNDS = int(os.environ.get("PBJSON_ROUNDS", "500"))
PROTO_NAMES, DEFAULTS, NUMBERS64, ENUM_NUMBERS, INDENT, IGNORE_UNKNOWN = 1, 2, 4, 8, 16, 32

POOL = descriptor_pool.DescriptorPool()
for each in descriptor_pb2.FileDescriptorSet.FromString(SET.read_bytes()).file:
    POOL.Add(each)
FACTORY = message_factory.MessageFactory(POOL)


def class_of(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(name))


Every, Legacy = class_of("every.Every"), class_of("every.Legacy")


def ask(questions):
    """(op, flags, type, bytes) each; the answers: (error or 0, bytes)."""
    data = b"".join(struct.pack("<BB", ord(op), flags) + struct.pack("<I", len(name))
                    + name.encode() + struct.pack("<I", len(body)) + body
                    for op, flags, name, body in questions)
    done = subprocess.run([PEER], input=data, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answers, at = [], 0
    while at < len(done.stdout):
        rv, n = struct.unpack_from("<BI", done.stdout, at)
        answers.append((rv, done.stdout[at + 5:at + 5 + n]))
        at += 5 + n
    assert len(answers) == len(questions)
    return answers


# --- Random messages ----------------------------------------------------------------------

CHARACTERS = "ab \"\\/\n\t\0\x1f\x7f\x85\xa0é€\u2028😀{}[]:,_"


def text(rnd):
    return "".join(rnd.choice(CHARACTERS) for _ in range(rnd.randrange(12)))


def double(rnd):
    return rnd.choice([
        lambda: 0.0, lambda: -0.0, lambda: math.nan, lambda: math.inf, lambda: -math.inf,
        lambda: 5e-324, lambda: 1.7976931348623157e308, lambda: float(rnd.randrange(-1000, 1000)),
        lambda: rnd.uniform(-1, 1), lambda: plain(struct.unpack("<d", rnd.randbytes(8))[0])])()


def plain(value):
    """What is no number has many bits, of which JSON knows none."""
    return math.nan if math.isnan(value) else value


def single(rnd):
    """As a float has it; never the largest: Python does not read back what it prints of it."""
    value = rnd.choice([lambda: double(rnd), lambda: plain(struct.unpack("<f", rnd.randbytes(4))[0])])()
    return value if not math.isfinite(value) or abs(value) < 3.4e38 else 1.5


def number(rnd, bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return rnd.choice([0, 1, low, high, rnd.randint(low, high), max(low, -1)])


def scalar(rnd, field):
    t = field.type
    names = {t.number: t.name for t in
             descriptor_pb2.FieldDescriptorProto.DESCRIPTOR.enum_types_by_name["Type"].values}
    kind = names[t].removeprefix("TYPE_").lower()
    if kind == "double":
        return double(rnd)
    if kind == "float":
        return single(rnd)
    if kind == "bool":
        return rnd.random() < 0.5
    if kind == "string":
        return text(rnd)
    if kind == "bytes":
        return rnd.randbytes(rnd.randrange(9))
    if kind == "enum":
        values = [v.number for v in field.enum_type.values]
        closed = field.enum_type.file.name == "every_legacy.proto"
        null = field.enum_type.name == "NullValue"
        return rnd.choice(values + ([] if closed or null else [77, -5]))
    return number(rnd, 64 if "64" in kind else 32, kind not in
                  ("uint32", "uint64", "fixed32", "fixed64"))


def fill_value(rnd, value, depth):
    kind = rnd.randrange(6 if depth > 0 else 4)
    if kind == 0:
        value.null_value = 0
    elif kind == 1:
        value.number_value = rnd.choice([0.0, 1.0, -2.5, 1e300, 1e-9])
    elif kind == 2:
        value.string_value = text(rnd)
    elif kind == 3:
        value.bool_value = rnd.random() < 0.5
    elif kind == 4:
        value.struct_value.SetInParent()
        for _ in range(rnd.randrange(3)):
            fill_value(rnd, value.struct_value.fields[text(rnd)], depth - 1)
    else:
        value.list_value.SetInParent()
        for _ in range(rnd.randrange(3)):
            fill_value(rnd, value.list_value.values.add(), depth - 1)


def fill_any(rnd, any_value, depth):
    name = rnd.choice(["every.Every.Inner", "every.Every", "google.protobuf.Timestamp",
                       "google.protobuf.Int64Value", "google.protobuf.Empty",
                       "google.protobuf.Struct", "google.protobuf.Any"])
    inner = class_of(name)()
    fill(rnd, inner, depth - 1)
    any_value.type_url = f"type.googleapis.com/{name}"
    any_value.value = inner.SerializeToString()


def fill(rnd, message, depth=3):
    """Some fields of a message."""
    name = message.DESCRIPTOR.full_name.removeprefix("google.protobuf.")
    if name == "Timestamp":
        message.seconds = rnd.randint(-62135596800, 253402300799)
        message.nanos = rnd.choice([0, 5 * 10**8, 1000, 1, 999999999])
    elif name == "Duration":
        sign = rnd.choice([1, -1])
        message.seconds = sign * rnd.choice([0, 1, 315575999999])
        message.nanos = sign * rnd.choice([0, 5 * 10**8, 1000, 1, 999999999])
    elif name == "FieldMask":
        message.paths.extend(rnd.sample(["a", "create_time", "a.b_c.d", "x9"], rnd.randrange(4)))
    elif name == "Value":
        fill_value(rnd, message, min(depth, 3))
    elif name == "Struct":
        for _ in range(rnd.randrange(3)):
            fill_value(rnd, message.fields[text(rnd)], min(depth, 3))
    elif name == "ListValue":
        for _ in range(rnd.randrange(3)):
            fill_value(rnd, message.values.add(), min(depth, 3))
    elif name == "Any":
        if depth > 0:
            fill_any(rnd, message, depth)
    else:
        few = rnd.choice([0.03, 0.1, 0.4])
        for field in message.DESCRIPTOR.fields:
            if field.name == "null_values":
                continue  # Python does not read those that it prints
            if field.label == field.LABEL_REQUIRED or (rnd.random() < few and
                                                       field.type != field.TYPE_GROUP):
                fill_field(rnd, message, field, depth)


def fill_field(rnd, message, field, depth):
    is_message = field.message_type is not None
    if is_message and depth == 0:
        return
    to = getattr(message, field.name)
    if is_message and field.message_type.GetOptions().map_entry:
        key, value = (field.message_type.fields_by_name[n] for n in ("key", "value"))
        for _ in range(rnd.randrange(4)):
            if value.message_type is not None:
                fill(rnd, to[scalar(rnd, key)], depth - 1)
            else:
                to[scalar(rnd, key)] = scalar(rnd, value)
    elif field.label == field.LABEL_REPEATED:
        for _ in range(rnd.randrange(4)):
            if is_message:
                fill(rnd, to.add(), depth - 1)
            else:
                to.append(scalar(rnd, field))
    elif is_message:
        to.SetInParent()
        fill(rnd, to, depth - 1)
    else:
        setattr(message, field.name, scalar(rnd, field))


def messages(n, cls=None):
    print(f"PBJSON_SEED={SEED}")
    rnd = random.Random(SEED)
    made = []
    for _ in range(n):
        made.append((cls or rnd.choice([Every, Every, Every, Legacy]))())
        fill(rnd, made[-1])
    return made


def scattered(rnd, data):
    """The same message: its fields in another order, those of one number as they were; it is cut
    in two sometimes, and everything comes twice as fields that count once."""
    fields = split(data)
    numbers = sorted({number for number, _ in fields}, key=lambda _: rnd.random())
    queues = {number: [f for n, f in fields if n == number] for number in numbers}
    out = []
    while queues:
        number = rnd.choice(list(queues))
        out.append(queues[number].pop(0))
        if not queues[number]:
            del queues[number]
    return b"".join(out)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def split(data):
    """[(number, bytes of the field)]"""
    fields, at = [], 0
    while at < len(data):
        begin = at
        tag, at = varint(data, at)
        if tag & 7 == 0:
            _, at = varint(data, at)
        elif tag & 7 == 2:
            n, at = varint(data, at)
            at += n
        else:
            at += 8 if tag & 7 == 1 else 4
        fields.append((tag >> 3, data[begin:at]))
    return fields


# --- The same as protobuf's own -------------------------------------------------------------

def loaded(data):
    """JSON as values; a key that comes twice is not valid. Floats by their bits."""
    def pairs(items):
        assert len({k for k, _ in items}) == len(items), items
        return dict(items)
    return json.loads(data, object_pairs_hook=pairs, parse_float=lambda t: float(t),
                      parse_int=lambda t: -0.0 if t == "-0" else int(t))


def as_single(value):
    return struct.pack("<f", value) if 1e-46 < abs(value) < 1.2e-38 else value


def differ(a, b, path=""):
    """The first place where they do, or None. Numbers may differ in form: 1.0 and 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in {*a, *b}:
            if key not in a or key not in b:
                return f"{path}.{key} is only in one"
        return next(filter(None, (differ(a[k], b[k], f"{path}.{k}") for k in a)), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return next(filter(None, (differ(x, y, f"{path}[{i}]")
                                  for i, (x, y) in enumerate(zip(a, b)))), None)
    if isinstance(a, bool) == isinstance(b, bool) and a == b:
        return None
    if isinstance(a, float) and isinstance(b, float) and as_single(a) == as_single(b):
        return None  # of a float that is nearly 0 Python prints more digits than it needs
    return f"{path}: {a!r} and {b!r}"


@pytest.mark.parametrize("flags, options", [
    (0, {}),
    (PROTO_NAMES | INDENT, {"preserving_proto_field_name": True}),
    (DEFAULTS, {"including_default_value_fields": True}),
])
def test_prints_what_protobuf_prints(flags, options):
    made = messages(ROUNDS, Every if flags & DEFAULTS else None)
    rnd = random.Random(SEED)
    answers = ask([("p", flags, m.DESCRIPTOR.full_name, scattered(rnd, m.SerializeToString()))
                   for m in made])
    for m, (rv, out) in zip(made, answers):
        want = json_format.MessageToJson(m, descriptor_pool=POOL, **options)
        assert rv == 0, (out, m)
        assert differ(loaded(out), loaded(want)) is None


def pythons_print(cls, data):
    """Its JSON, or None."""
    try:
        return json_format.MessageToJson(cls.FromString(data), descriptor_pool=POOL)
    except (json_format.SerializeToJsonError, DecodeError, ValueError, TypeError,
            OverflowError):
        return None


def test_prints_messages_in_pieces():
    """Two messages one behind the other are one; what is in them may come in any order."""
    made = messages(ROUNDS, Every)
    rnd = random.Random(SEED)
    whole = [scattered(rnd, a.SerializeToString() + b.SerializeToString())
             for a, b in zip(made, made[1:])]
    answers = ask([("p", 0, "every.Every", data) for data in whole])
    for data, (rv, out) in zip(whole, answers):
        want = pythons_print(Every, data)
        assert (rv == 0) == (want is not None), (out, data)  # two signs in one duration
        assert rv != 0 or differ(loaded(out), loaded(want)) is None


@pytest.mark.filterwarnings("ignore:Unexpected end-group tag")
def test_prints_damaged_messages_as_protobuf_reads_them():
    """Bytes that changed: both say the same, or we say more strictly why not."""
    rnd = random.Random(SEED)
    damaged = []
    for m in messages(ROUNDS, Every):
        data = bytearray(m.SerializeToString())
        for _ in range(rnd.choice([0, 1, 1, 3]) if data else 0):
            data[rnd.randrange(len(data))] = rnd.choice([0, 1, 8, 10, 127, 128, 255,
                                                         rnd.randrange(256)])
        damaged.append(bytes(data))
    answers = ask([("p", 0, "every.Every", data) for data in damaged])
    for data, (rv, out) in zip(damaged, answers):
        want = pythons_print(Every, data)
        if rv == 0 and want is not None:
            assert differ(loaded(out), loaded(want)) is None, data
        elif rv != 0 and want is not None:
            assert any(word in out.decode() for word in REFUSED_HERE), (out, want, data)


# A group, and a field of number 0, with which Python takes a message to be over; times out of range,
# of which Python prints something; numbers that are none, in a Value; paths that are no names.
REFUSED_HERE = ("group", "damaged", "the time is", "infinite", "field mask")


@pytest.mark.parametrize("flags", [0, PROTO_NAMES, NUMBERS64, ENUM_NUMBERS, DEFAULTS, INDENT])
def test_protobuf_reads_what_is_printed(flags):
    made = messages(ROUNDS)
    answers = ask([("p", flags, m.DESCRIPTOR.full_name, m.SerializeToString()) for m in made])
    for m, (rv, out) in zip(made, answers):
        assert rv == 0, (out, m)
        back = json_format.Parse(out, type(m)(), descriptor_pool=POOL)
        assert equal(back, m), (out.decode(), back, m)


def in_order(message):
    """The same with the entries of maps and the insides of Anys in one order."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.label != field.LABEL_REPEATED:
            in_order(value)
        elif not field.message_type.GetOptions().map_entry:
            for item in value:
                in_order(item)
        elif field.message_type.fields_by_name["value"].message_type is not None:
            for key in value:
                in_order(value[key])
    if message.DESCRIPTOR.full_name == "google.protobuf.Any" and message.type_url:
        inner = class_of(message.TypeName()).FromString(message.value)
        message.value = in_order(inner).SerializeToString(deterministic=True)
    return message


def equal(a, b):
    return (in_order(a).SerializePartialToString(deterministic=True)
            == in_order(b).SerializePartialToString(deterministic=True))


@pytest.mark.parametrize("options", [{}, {"preserving_proto_field_name": True},
                                     {"including_default_value_fields": True},
                                     {"use_integers_for_enums": True}])
def test_reads_what_protobuf_prints(options):
    made = messages(ROUNDS)
    texts = [json_format.MessageToJson(m, descriptor_pool=POOL, **options).encode() for m in made]
    answers = ask([("j", 0, m.DESCRIPTOR.full_name, t) for m, t in zip(made, texts)])
    for m, t, (rv, out) in zip(made, texts, answers):
        assert rv == 0, (out, t)
        want = json_format.Parse(t, type(m)(), descriptor_pool=POOL)
        assert equal(type(m).FromString(out), want), (t.decode(), m)


@pytest.mark.parametrize("flags", [0, PROTO_NAMES | NUMBERS64, ENUM_NUMBERS | DEFAULTS | INDENT])
def test_reads_what_is_printed(flags):
    made = messages(ROUNDS)
    texts = ask([("p", flags, m.DESCRIPTOR.full_name, m.SerializeToString()) for m in made])
    answers = ask([("j", 0, m.DESCRIPTOR.full_name, t) for m, (_, t) in zip(made, texts)])
    again = ask([("p", flags, m.DESCRIPTOR.full_name, out) for m, (_, out) in zip(made, answers)])
    for m, (_, t), (rv, out), (_, second) in zip(made, texts, answers, again):
        assert rv == 0, (out, t)
        assert t == second


# --- Texts ----------------------------------------------------------------------------------

# Both refuse each of these, or both read the same message from it.
ALIKE = [
    "{}", " {\n}\t", "[1]", "null", "1", '"x"', "", " ", "{", "}", "{}}", "{} {}", "{,}", '{"a"}',
    '{"int32Value": 1', '{"int32Value": 1,}', '{"int32Value" 1}', "{'int32Value': 1}",
    '{int32Value: 1}', '{"int32Value": 1 "boolValue": true}', '{"int32Value": }',
    # Names.
    '{"int32_value": 1}', '{"Int32Value": 1}', '{"int32value": 1}', '{"gone": 1}', '{"": 1}',
    '{"int32Value": 1, "int32Value": 1}', '{"other-name \\"é\\"": "x"}', '{"renamed": "x"}',
    '{"\\u0069nt32Value": 3}', '{"OddName9x": "a"}', '{"_odd__name_9x": "a"}',
    '{"[every.extra]": 1}',
    # Integers.
    *(f'{{"int32Value": {n}}}' for n in (
        "0", "-0", "1.0", "1e3", "1E3", "1e+3", "10e-1", "1.5", "0.1e1", "2147483647",
        "2147483648", "-2147483648", "-2147483649", "2147483647.0", "1e10", "01", "+1", ".5",
        "1.", "1e", "-", "0x1", "1_0", "NaN", "Infinity", "true", '"1"', '"-5"', '"+"', '""',
        '" 1"', '"1 "', '"1.5"', '"x"', '"true"', "{}", "[]", "[1]", "1e999999999")),
    *(f'{{"uint32Value": {n}}}' for n in ("4294967295", "4294967296", "-1", "4.294967295e9", "-0")),
    *(f'{{"sint32Value": {n}}}' for n in ("-2147483648", "-1", "2147483648")),
    *(f'{{"fixed32Value": {n}}}' for n in ("-1", "4294967295")),
    *(f'{{"int64Value": {n}}}' for n in (
        "9223372036854775807", '"9223372036854775807"', '"9223372036854775808"',
        "-9223372036854775808", "9223372036854775808", "9007199254740993")),
    *(f'{{"uint64Value": {n}}}' for n in (
        "18446744073709551615", '"18446744073709551615"', "18446744073709551616", "-1")),
    # Floats.
    *(f'{{"doubleValue": {n}}}' for n in (
        "1", "-0.0", "1e308", "5e-324", "1e-400", '"1.5"', '"NaN"', '"Infinity"', '"-Infinity"',
        '"x"', '""', "1.7976931348623157e308", "NaN", "[]", '"nan"')),
    *(f'{{"floatValue": {n}}}' for n in ("3.4e38", "3.5e38", "-3.5e38", "1e-50", '"1"', "1e39")),
    # Booleans, texts, bytes.
    *(f'{{"boolValue": {n}}}' for n in ("true", "false", '"true"', "1", "0", "null", "True")),
    *(f'{{"stringValue": {n}}}' for n in (
        '"\\u00e9\\ud83d\\ude00\\n\\/"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\ud83dx"', '"\\x"',
        '"\\u12"', '"\\u12g4"', '"\\u0000"', '"', '"\\', '"\t"', '"\x01"', '"\x7f"', "1", "[]",
        '"é😀"', '"\\"')),
    *(f'{{"bytesValue": {n}}}' for n in ('""', '"AQI="', '"AQI"', '"_-8="', '"/+8="', '"_-8"', "1")),
    # Enums.
    *(f'{{"color": {n}}}' for n in (
        '"COLOR_RED"', '"COLOR_ROT"', '"COLOR_FAR"', "2", "77", "-5", '"2"', '"RED"', '"color_red"',
        '""', "[]", "null", '"1x"')),
    # Null is absent.
    '{"int32Value": null, "inner": null, "int32s": null, "textMap": null, "maybeInt32": null}',
    '{"int32s": [null]}', '{"inners": [null]}', '{"values": [null]}', '{"textMap": {"a": null}}',
    '{"valueMap": {"1": null}}', '{"timestamps": [null]}',
    '{"nullValue": null}', '{"nullValue": "NULL_VALUE"}', '{"value": null}', '{"oneNull": null}',
    '{"oneValue": null}', '{"wrappedInt32": null}', '{"wrappedInt64s": [null]}',
    # Presence and oneofs.
    '{"maybeInt32": 0, "maybeString": "", "maybeColor": "COLOR_NONE"}',
    '{"oneNumber": 0}', '{"oneNumber": 1, "oneText": "x"}', '{"oneNumber": 1, "oneText": null}',
    # Lists and maps.
    '{"int32s": [1, "2", 3.0]}', '{"int32s": 1}', '{"int32s": []}', '{"int32s": {}}',
    '{"int32s": [1,]}', '{"int32s": [,1]}', '{"int32s": [1 2]}', '{"int32s": [1}', '{"int32s": [[1]]}',
    '{"textMap": {"a": "b", "c": "d"}}', '{"textMap": {"a": "b", "a": "c"}}', '{"textMap": []}',
    '{"textMap": {"": ""}}', '{"innerMap": {"1": {"number": 2}, "-3": {}}}',
    '{"innerMap": {"x": {}}}', '{"innerMap": {"2147483648": {}}}', '{"innerMap": {"1.5": {}}}',
    '{"innerMap": {"1": 2}}', '{"innerMap": {"1": {}, "1": {}}}', '{"colorMap": {"true": 1, "false": 2}}',
    '{"colorMap": {"True": 1}}', '{"colorMap": {"1": 1}}', '{"doubleMap": {"18446744073709551615": 1}}',
    '{"doubleMap": {"-1": 1}}',
    # Times.
    *(f'{{"timestamp": "{t}"}}' for t in (
        "2020-10-25T09:00:00Z", "2020-10-25T09:00:00.5Z", "2020-10-25T09:00:00.123456789Z",
        "2020-10-25T09:00:00.1234567890Z", "2020-10-25T09:00:00+09:00", "2020-10-25T09:00:00-00:30",
        "2020-10-25T09:00:00", "2020-10-25t09:00:00Z", "2020-10-25T09:00:00z", "2020-10-25 09:00:00Z",
        "2020-13-01T00:00:00Z", "2020-02-30T00:00:00Z", "2021-02-29T00:00:00Z", "2020-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z", "0000-01-01T00:00:00Z", "2020-10-25T24:00:00Z",
        "2020-10-25T09:60:00Z", "2020-10-25", "x", "", "2020-10-25T09:00:00Zx",
        "2020-10-25T09:00:00+09", "2020-10-25T09:00:00.Zx")),
    '{"timestamp": 1}', '{"timestamp": {}}',
    *(f'{{"duration": "{t}"}}' for t in (
        "1s", "0s", "-1s", "1.5s", "-0.5s", "1.000000001s", "-1.999999999s", "315576000000s",
        "315576000001s", "-315576000000s", "1", "s", "", "1.5", "1ss", "x1s", "1e3s",
        "9999999999999999999999s")),
    '{"duration": 1}',
    # Masks.
    *(f'{{"fieldMask": "{t}"}}' for t in ("", "a", "aB,c.dE", "a_b", "x9")), '{"fieldMask": []}',
    # Any JSON.
    '{"value": 1}', '{"value": "x"}', '{"value": [1, [], {}, null, true]}', '{"value": {"a": {"b": 1}}}',
    '{"value": {"a": 1, "a": 2}}', '{"struct": {"a": null}}', '{"struct": []}', '{"struct": null}',
    '{"listValue": [1]}', '{"listValue": {}}', '{"listValue": null}', '{"value": {"a": }}',
    # Wrappers.
    '{"wrappedInt64": "5", "wrappedBool": false, "wrappedString": "", "wrappedBytes": "AQI="}',
    '{"wrappedInt32": {"value": 1}}', '{"wrappedDouble": "NaN"}',
    # Any.
    '{"any": {}}', '{"any": {"@type": "type.googleapis.com/every.Every.Inner", "number": 3}}',
    '{"any": {"number": 3, "@type": "type.googleapis.com/every.Every.Inner"}}',
    '{"any": {"@type": "every.Every.Inner"}}', '{"any": {"@type": "type.googleapis.com/gone"}}',
    '{"any": {"number": 3}}', '{"any": {"@type": "x/every.Every.Inner", "gone": 3}}',
    '{"any": {"@type": "x/google.protobuf.Duration", "value": "1s"}}',
    '{"any": {"@type": "x/google.protobuf.Duration"}}', '{"any": []}', '{"any": {"@type": 1}}',
    '{"any": {"@type": "x/google.protobuf.Any", "value": {"@type": "x/every.Every.Inner"}}}',
    '{"any": {"@type": "x/google.protobuf.Value", "value": null}}',
    '{"any": {"@type": "x/every.Every.Inner", "@type": "x/every.Every.Inner"}}',
    '{"empty": {}}', '{"empty": {"a": 1}}', '{"empty": [1]}',
    # Depth.
    '{"value": ' + "[" * 40 + "]" * 40 + "}", '{"inner": {"every": ' * 20 + "{}" + "}}" * 20,
    '{"inner": {"every": ' * 60 + "{}" + "}}" * 60,
]

# What we take and Python refuses, or the other way round, and why it is meant so.
OURS_ONLY = [
    '{"int32Value": "1e3"}', '{"int32Value": "1.0"}',  # a number in quotes is one
    '{"floatValue": 3.4028235e38}',                    # Python refuses what it prints of the largest
    '{"nullValues": [null]}',                          # and of these
    '{"any": {"@type": "x/google.protobuf.Empty", "value": {}}}',  # as Go writes it
    '{"innerMap": {"1e1": {}}}',                       # as in quotes elsewhere
]
PYTHONS_ONLY = [
    # Two names of one field, and two fields of a oneof: it may mean either.
    '{"int32Value": 1, "int32_value": 1}', '{"int32Value": null, "int32_value": 1}',
    '{"oneInner": {}, "oneNull": null}',
    # No JSON numbers.
    '{"int32Value": "01"}', '{"int32Value": "+1"}', '{"int32Value": "1_0"}', '{"color": "+1"}',
    '{"doubleValue": "1_0"}', '{"doubleValue": " 1"}', '{"doubleValue": "inf"}',
    '{"doubleValue": "-NaN"}',
    # Of another kind, or out of range.
    "[]", '{"empty": []}', '{"doubleValue": true}', '{"color": true}', '{"color": 2147483648}',
    # No base64: Python leaves out what it does not know.
    '{"bytesValue": "A!QI="}', '{"bytesValue": "_+8="}', '{"bytesValue": "A\\nQI="}',
    # No RFC 3339, or not within the years that there are.
    '{"timestamp": "2020-1-2T3:4:5Z"}', '{"timestamp": "2020-10-25T09:00:00.Z"}',
    '{"timestamp": "2020-10-25T09:00:00+99:99"}', '{"timestamp": "0001-01-01T00:00:00+01:00"}',
    '{"duration": "+1s"}', '{"duration": "1.s"}', '{"duration": "1_0s"}', '{"duration": "1 s"}',
    # No names of fields.
    '{"fieldMask": "a,,b"}', '{"fieldMask": "a-b"}', '{"fieldMask": "a b"}',
]


def pythons(text, cls=Every):
    """Its message, or None."""
    try:
        return json_format.Parse(text, cls(), descriptor_pool=POOL)
    except (json_format.ParseError, ValueError, TypeError, AttributeError, OverflowError, KeyError,
            RecursionError):
        return None


def ours(texts):
    answers = ask([("j", 0, "every.Every", text.encode()) for text in texts])
    return [Every.FromString(out) if rv == 0 else None for rv, out in answers]


def test_texts_are_taken_alike():
    wrong = []
    for text, mine in zip(ALIKE, ours(ALIKE)):
        theirs = pythons(text)
        if (mine is None) != (theirs is None) or (mine is not None and not equal(mine, theirs)):
            wrong.append((text[:80], str(mine), str(theirs)))
    assert wrong == []


def test_texts_that_are_taken_here_only():
    assert [t for t, m in zip(OURS_ONLY, ours(OURS_ONLY)) if m is None] == []
    assert [t for t in OURS_ONLY if pythons(t) is not None] == []


def test_texts_that_python_takes_only():
    assert [t for t, m in zip(PYTHONS_ONLY, ours(PYTHONS_ONLY)) if m is not None] == []
    assert [t for t in PYTHONS_ONLY if pythons(t) is None] == []
