#!/usr/bin/env python3
"""make check-layers: what a file includes must be of its own layer or of one below.

    layers.py LAYER:FOLDER:BELOW... ...

The layers come from mk/layers.mk. More rules: in the runtime <grpc/...> stands only in grpc_core/
and <nghttp2/...> only in http/, and those two do not know each other; <postgresql/...> stands only
in src/store/postgres/; the folders of serverkit stand on one another in one order; what protoc
makes of v1/, our services' contract, is known from streams/ up."""
import os
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
ONLY_IN = {"grpc/": "src/weir/grpc_core/", "nghttp2/": "src/weir/http/",
           "postgresql/": "src/store/postgres/"}
APART = ("src/weir/grpc_core/", "src/weir/http/")
# Each knows those before it.
KIT = ["metrics", "health", "reflection", "intercept", "auth", "daemon"]
WITHOUT_CONTRACT = {"base", "pbjson", "weir", "web", "serverkit", "store"}


def kit_of(path):
    """The place of its folder in KIT, or None."""
    parts = path.parts
    return KIT.index(parts[2]) if parts[:2] == ("src", "serverkit") else None


def are_apart(path, target):
    return any(str(path).startswith(a) and str(target).startswith(b)
               for a, b in (APART, APART[::-1]))


class Layers:
    def __init__(self, words):
        rows = [word.split(":") for word in words]
        self.folders = {name: Path(folder) for name, folder, _ in rows}
        self.below = {name: {name, *below.split()} for name, _, below in rows}

    def of(self, path):
        return next((name for name, folder in self.folders.items()
                     if folder in path.parents), None)

    def files(self):
        for folder in self.folders.values():
            yield from sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h"))

    def wrong(self, path, name):
        """What is not as it has to be when this file includes that name, or None."""
        if name.endswith(".pb-c.h"):
            known = not name.startswith("v1/") or self.of(path) not in WITHOUT_CONTRACT
            return None if known else f"{self.of(path)} does not know what is in {name}"
        places = (path.parent / name, Path("src") / name, Path(name))
        target = next((Path(os.path.normpath(p)) for p in places if p.exists()), None)
        if target is None:
            folder = next((f for start, f in ONLY_IN.items() if name.startswith(start)), "")
            return None if str(path).startswith(folder) else f"only {folder} may include {name}"
        layer, other = self.of(path), self.of(target)
        if other not in self.below[layer]:
            return f"{layer} stands below {other}, or beside it: no {name} here"
        if kit_of(path) is not None and (kit_of(target) or 0) > kit_of(path):
            return f"serverkit/{KIT[kit_of(path)]} may not know serverkit/{KIT[kit_of(target)]}"
        return f"{name} is of the other transport" if are_apart(path, target) else None

    def wrongs(self):
        for path in self.files():
            for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                wrong = self.wrong(path, name)
                if wrong is not None:
                    yield f"{path}: {wrong}"


def main():
    wrongs = list(Layers(sys.argv[1:]).wrongs())
    if wrongs:
        sys.exit("\n".join(wrongs))


if __name__ == "__main__":
    main()
