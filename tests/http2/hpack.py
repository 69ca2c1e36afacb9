"""HPACK (RFC 7541): all of it for reading; for writing each representation by itself, so that a
test says which bytes go out. Nothing that is written here needs a table of the writer's own."""

# The static table, from index 1 on.
STATIC = [(name, value) for name, *values in (
    (":authority", ""), (":method", "GET", "POST"), (":path", "/", "/index.html"),
    (":scheme", "http", "https"), (":status", "200", "204", "206", "304", "400", "404", "500"),
    ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""),
    ("accept-ranges", ""), ("accept", ""), ("access-control-allow-origin", ""), ("age", ""),
    ("allow", ""), ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
    ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
    ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""),
    ("vary", ""), ("via", ""), ("www-authenticate", ""),
) for value in values]
DEFAULT_TABLE_SIZE = 4096  # bytes, until a setting says otherwise
ENTRY_OVERHEAD = 32  # bytes that an entry counts for besides its texts

# How many bits the Huffman code of a byte has: length -> ranges of bytes. The code is canonical, so
# the lengths are all that there is to know of it. 256 ends no text; it may not be sent.
EOS = 256
CODE_LENGTHS = {
    5: "48-50 97 99 101 105 111 115-116",
    6: "32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117",
    7: "58 66-87 89 106-107 113 118-122", 8: "38 42 44 59 88 90", 10: "33-34 40-41 63",
    11: "39 43 124", 12: "35 62", 13: "0 36 64 91 93 126", 14: "94 125", 15: "60 96 123",
    19: "92 195 208", 20: "128 130-131 162 184 194 224 226",
    21: "153 161 167 172 176-177 179 209 216-217 227 229-230",
    22: "129 132-134 136 146 154 156 160 163-164 169-170 173 178 181 185-187 189-190 196 198 228 "
        "232-233",
    23: "1 135 137-141 143 147 149-152 155 157-158 165-166 168 174-175 180 182-183 188 191 197 231 "
        "239",
    24: "9 142 144-145 148 159 171 206 215 225 236-237", 25: "199 207 234-235",
    26: "192-193 200-202 205 210 213 218-219 238 240 242-243 255",
    27: "203-204 211-212 214 221-223 241 244-248 250-254",
    28: "2-8 11-12 14-21 23-31 127 220 249", 30: "10 13 22 256",
}


def canonical_codes():
    """symbol -> its code, as a text of 0 and 1."""
    codes, code, before = {}, 0, 0
    for length, ranges in CODE_LENGTHS.items():
        for first, _, last in (text.partition("-") for text in ranges.split()):
            for symbol in range(int(first), int(last or first) + 1):
                code <<= length - before
                before = length
                codes[symbol] = f"{code:0{length}b}"
                code += 1
    return codes


CODES = canonical_codes()
SYMBOLS = {code: symbol for symbol, code in CODES.items()}


class Damaged(Exception):
    """What a block says cannot be meant."""


# --- writing --------------------------------------------------------------------------------


def number(value, bits, kind=0):
    """A number whose first byte has so many bits for it, and kind above them."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([kind | value])
    out, value = [kind | most], value - most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def plain(text):
    raw = text.encode() if isinstance(text, str) else text
    return number(len(raw), 7) + raw


def bits_to_bytes(bits, padding="1"):
    bits += padding * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def coded(raw):
    """A text of exactly these bytes, said to be a Huffman code."""
    return number(len(raw), 7, 0x80) + raw


def huffman(text):
    return coded(bits_to_bytes("".join(CODES[byte] for byte in text.encode())))


NOT_KEPT, NEVER_KEPT, KEPT = (4, 0), (4, 0x10), (6, 0x40)  # in the table


def literal(name, value, how=NOT_KEPT, form=plain):
    """name: in full, or as the index of an entry that has it."""
    if isinstance(name, int):
        return number(name, *how) + form(value)
    return number(0, *how) + form(name) + form(value)


def indexed(index):
    return number(index, 7, 0x80)


def resize(size):
    """From here on the table has this size."""
    return number(size, 5, 0x20)


def index_of(name, value):
    return STATIC.index((name, value)) + 1


def block(*fields):
    """Fields are pairs of texts, or bytes that are a block's part already."""
    return b"".join(field if isinstance(field, bytes) else literal(*field) for field in fields)


def request_headers(path, *more):
    return block((":method", "POST"), (":scheme", "http"), (":path", path),
                 (":authority", "localhost"), ("te", "trailers"),
                 ("content-type", "application/grpc"), *more)


# --- reading --------------------------------------------------------------------------------


class Decoder:
    """One direction of a connection; blocks come in order."""

    def __init__(self):
        self.newest_first, self.size, self.limit = [], 0, DEFAULT_TABLE_SIZE

    def entry(self, index):
        if index == 0 or index > len(STATIC) + len(self.newest_first):
            raise Damaged(f"there is no entry {index}")
        return STATIC[index - 1] if index <= len(STATIC) else \
            self.newest_first[index - len(STATIC) - 1]

    def keep(self, name, value):
        self.newest_first.insert(0, (name, value))
        self.size += entry_size(name, value)
        self.shrink()

    def shrink(self):
        while self.size > self.limit:
            self.size -= entry_size(*self.newest_first.pop())

    def decode(self, part):
        """A dict of the block's headers."""
        return dict(self.pairs(part))

    def pairs(self, part):
        """The block's headers as they came, each a pair of texts."""
        pairs, at = [], 0
        while at < len(part):
            first = part[at]
            if first & 0x80:
                index, at = integer(part, at, 7)
                pairs.append(self.entry(index))
            elif first & 0xe0 == 0x20:
                self.limit, at = integer(part, at, 5)
                if pairs or self.limit > DEFAULT_TABLE_SIZE:
                    raise Damaged(f"a table of {self.limit} bytes after {pairs}")
                self.shrink()
            else:
                pair, at = self.literal(part, at, first & 0x40)
                pairs.append(pair)
        return pairs

    def literal(self, part, at, kept):
        index, at = integer(part, at, 6 if kept else 4)
        name, at = (self.entry(index)[0], at) if index else text(part, at)
        value, at = text(part, at)
        if kept:
            self.keep(name, value)
        return (name, value), at


def entry_size(name, value):
    return len(name.encode()) + len(value.encode()) + ENTRY_OVERHEAD


def integer(part, at, bits):
    most = (1 << bits) - 1
    value, at, shift = part[at] & most, at + 1, 0
    if value < most:
        return value, at
    while True:
        byte, at = part[at], at + 1
        value += (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def text(part, at):
    is_code = part[at] & 0x80
    length, at = integer(part, at, 7)
    raw = part[at:at + length]
    return (decode_huffman(raw) if is_code else raw.decode()), at + length


def decode_huffman(raw):
    out, code = bytearray(), ""
    for bit in "".join(f"{byte:08b}" for byte in raw):
        code += bit
        if code in SYMBOLS:
            out.append(SYMBOLS[code])  # not of EOS, which is no byte
            code = ""
    if len(code) > 7 or "0" in code:
        raise Damaged(f"a Huffman code is padded with {code}")
    return out.decode()
