#!/usr/bin/env python3
"""make check-layers: what a file includes must be of its own layer or of one below.

    layers.py LAYER:FOLDER:BELOW... ...

The layers come from mk/layers.mk. Two more rules: in the runtime, <grpc/...> stands only in
grpc_core/ and <nghttp2/...> only in http/; and the folders of serverkit stand on one another in one
order.
Headers that protoc makes (*.pb-c.h) are below everything."""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
ONLY_IN = {"grpc/": "src/weir/grpc_core/", "nghttp2/": "src/weir/http/"}
# Each knows those before it.
KIT = ["metrics", "health", "reflection", "intercept", "auth", "daemon"]


def kit_of(path):
    """The place of its folder in KIT, or None."""
    parts = path.parts
    return KIT.index(parts[2]) if parts[:2] == ("src", "serverkit") else None


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

    def wrongs(self, path):
        """What is not as it has to be in this file."""
        for quote, name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            if quote == "<" or name.endswith(".pb-c.h"):
                yield from (f"only {folder} may include <{name}>" for start, folder in
                            ONLY_IN.items() if quote == "<" and name.startswith(start)
                            and not str(path).startswith(folder))
                continue
            target = next((p for p in (path.parent / name, Path("src") / name, Path(name))
                           if p.exists()), None)
            if target is None:
                yield f"{name} is nowhere"
                continue
            layer, other = self.of(path), self.of(target)
            if other not in self.below[layer]:
                yield f"{layer} stands below {other}, or beside it: no {name} here"
            elif kit_of(path) is not None and (kit_of(target) or 0) > kit_of(path):
                yield f"serverkit/{KIT[kit_of(path)]} may not know serverkit/{KIT[kit_of(target)]}"


def main():
    layers = Layers(sys.argv[1:])
    wrong = [f"{path}: {what}" for path in layers.files() for what in layers.wrongs(path)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
