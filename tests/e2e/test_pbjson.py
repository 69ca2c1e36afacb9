"""Our JSON of messages and protobuf's own (google.protobuf.json_format), on random messages of
every kind of field, both ways; and where they are meant to differ.

PBJSON_SEED=7 PBJSON_ROUNDS=20000 for more of them."""
import base64
import json
import math
import os
import random
import struct
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

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


def prints(message, flags=0):
    return ask([("p", flags, message.DESCRIPTOR.full_name, message.SerializeToString())])[0]


def parses(text, cls=Every, flags=0):
    """The message, or the reason as a text."""
    body = text if isinstance(text, bytes) else text.encode()
    rv, out = ask([("j", flags, cls.DESCRIPTOR.full_name, body)])[0]
    return cls.FromString(out) if rv == 0 else out.decode()


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
