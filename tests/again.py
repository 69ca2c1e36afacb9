"""What fails is run once more before it counts; but a test that passes only then is counted.

    again.py NOTE [--if STATUS] FIRST… -- SECOND…    runs FIRST and, if it fails, SECOND
    again.py NOTE --report                           says which tests that was, last and at once

FIRST's output passes, and names the tests that failed: as pytest does, or Criterion; a command
that names none stands for itself. If SECOND passes they go into the file NOTE. The status is that
of the last run; with --if, a first one that ends otherwise than with 0 or STATUS is the last.

A machine that others use, too, may be too slow for a test or two: with more of them --report
fails."""
import re
import shlex
import subprocess
import sys
from pathlib import Path

MOST = 2
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FAILED = re.compile(r"(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?|\[FAIL\] (\w+::\w+): .*")


def failed_tests(lines):
    """Each once: a test can fail and then have an error."""
    found = (FAILED.fullmatch(COLOUR.sub("", line).strip()) for line in lines)
    return list(dict.fromkeys(match[1] or match[2] for match in found if match))


def run(command):
    """Its status and what it said, which passes at once."""
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while chunk := process.stdout.read1():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            said.append(chunk)
    return process.returncode, b"".join(said).decode(errors="replace").splitlines()


def run_again(note, first, second, only_if):
    status, said = run(first)
    if status == 0 or status != (only_if or status):
        return status
    print("== what failed, once more", flush=True)
    status = subprocess.run(second, check=False).returncode
    if status == 0:
        with open(note, "a", encoding="utf-8") as flakes:
            flakes.writelines(f"{name}\n" for name in failed_tests(said) or [shlex.join(first)])
    return status


def report(note):
    flakes = note.read_text(encoding="utf-8").splitlines() if note.exists() else []
    if not flakes:
        return 0
    too_many = len(flakes) > MOST
    print("\n" + "=" * 80)
    print(f"{len(flakes)} failed at first and passed when run once more:\n")
    print("\n".join(f"    {name}" for name in flakes))
    print(f"\nThat is more than {MOST}: the run has failed." if too_many else
          f"\nUp to {MOST} are forgiven. Their first runs are above.")
    print("=" * 80, flush=True)
    return int(too_many)


def main(args):
    note = Path(args.pop(0))
    if args == ["--report"]:
        return report(note)
    only_if = None
    if args[0] == "--if":
        only_if, args = int(args[1]), args[2:]
    dashes = args.index("--")
    return run_again(note, args[:dashes], args[dashes + 1:], only_if)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
