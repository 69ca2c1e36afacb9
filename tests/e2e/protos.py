"""The message classes of proto/ with what a build makes of it, and of the original's protos.

Both define packages v1.user and v1.post, so each set has a descriptor pool of
its own.

    from protos import post, user
    post.ListPostsRequest(page_size=10)
"""
import os
import pathlib
import subprocess
import types
from collections import namedtuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTRACT = [ROOT / "proto", ROOT / os.environ.get("BUILD", "build") / "gen/proto"]
ORIGINAL = pathlib.Path(__file__).resolve().parent / "original"

# An RPC: classes of its messages, and whether there are many of them.
Method = namedtuple("Method", "request response many_requests many_responses")


class Protos:
    """packages: name -> its message classes; methods: path -> Method."""

    def __init__(self, *folders):
        files = compile_folders(*folders)
        pool = descriptor_pool.DescriptorPool()
        for file in files:
            pool.Add(file)
        factory = message_factory.MessageFactory(pool)
        self.packages, self.methods = {}, {}

        def class_of(full_name):
            return factory.GetPrototype(pool.FindMessageTypeByName(full_name.lstrip(".")))

        for file in files:
            classes = self.packages.setdefault(file.package, types.SimpleNamespace())
            for message in file.message_type:
                setattr(classes, message.name, class_of(f"{file.package}.{message.name}"))
        for file in files:
            for service in file.service:
                for m in service.method:
                    self.methods[f"/{file.package}.{service.name}/{m.name}"] = Method(
                        class_of(m.input_type), class_of(m.output_type), m.client_streaming,
                        m.server_streaming)


def compile_folders(*folders):
    """FileDescriptorProtos, what is imported first."""
    names = [path for folder in folders for path in sorted(folder.rglob("*.proto"))]
    done = subprocess.run(["protoc", *(f"-I{folder}" for folder in folders), "--include_imports",
                           "--descriptor_set_out=/dev/stdout", *names],
                          check=True, capture_output=True, timeout=60)
    return descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file


current = Protos(*CONTRACT)
original = Protos(ORIGINAL)

post = current.packages["v1.post"]
user = current.packages["v1.user"]
