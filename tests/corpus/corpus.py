"""What a corpus program is, and where its files are; shared by `build` and `check`.

A program is a folder with a `program.toml`:

    about = "one sentence"

    [[source]]                  # fetched, checked, never committed
    registry = "cargo"          # cargo | npm
    package = "libz-sys"
    version = "1.1.31"
    sha256 = "..."              # of the archive the registry serves

    [build]                     # C to compile, ours and theirs
    sources = ["main.c", "libz-sys:src/zlib/*.c"]
    exclude = ["libz-sys:src/zlib/gz*.c"]
    include = ["libz-sys:src/zlib"]
    flags = []                  # also: wasm-flags, native-flags

    [prebuilt]                  # or, instead of [build], finished files
    wasm = "@esbuild/wasi-preview1:esbuild.wasm"
    native = "@esbuild/linux-x64:bin/esbuild"

    [run]
    args = []
    stdin = "workload.js"
    dir = false                 # true: it may use its working directory, which
                                # is compared as well
    compile-only = false        # true where there is nothing to compare with
    host = "ruby-host"          # instead: an example that runs the module, and
                                # prints what is in the file `stdout` beside it

    [[run.step]]                # instead of args and stdin: several processes,
    args = []                   # one after the other in the same directory
    stdin = "first.sql"
    status = 0                  # what the native build has to end with

A path `package:path` lies in that package, any other in the program's folder;
both may be glob patterns.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
OUT = TARGET / "corpus"


class Failure(Exception):
    """Something the user has to act on; printed without a traceback."""


@dataclass(frozen=True)
class Source:
    """A package of a registry, pinned by version and checksum."""

    registry: str
    package: str
    version: str
    sha256: str

    @property
    def folder(self):
        """Where the unpacked archive lies."""
        return OUT / "src" / f"{self.package.replace('/', '+')}-{self.version}"


@dataclass(frozen=True)
class Step:
    """One process of a run."""

    args: list
    stdin: Path
    status: int


@dataclass(frozen=True)
class Program:
    """One folder of the corpus."""

    name: str
    folder: Path
    sources: list
    spec: dict

    @property
    def build(self):
        return self.spec.get("build")

    @property
    def prebuilt(self):
        """Finished files by the suffix they get in `OUT`."""
        return self.spec.get("prebuilt", {})

    @property
    def run(self):
        return self.spec.get("run", {})

    @property
    def compile_only(self):
        return self.run.get("compile-only", False)

    @property
    def uses_dir(self):
        return self.run.get("dir", False)

    @property
    def host(self):
        """The folder of the example that runs it, if one does."""
        return ROOT / "examples" / self.run["host"] if "host" in self.run else None

    @property
    def steps(self):
        """The processes of a run."""
        return [
            Step(step.get("args", []),
                 self.paths([step["stdin"]])[0] if "stdin" in step else Path(os.devnull),
                 step.get("status", 0))
            for step in self.run.get("step", [self.run])
        ]

    @property
    def native(self):
        return OUT / f"{self.name}.native"

    @property
    def modules(self):
        """The wasm files: plain, and with SIMD where we compile them."""
        names = [self.name, f"{self.name}.simd"] if self.build else [self.name]
        return [OUT / f"{name}.wasm" for name in names]

    def paths(self, patterns):
        """The files that `patterns` name, in a fixed order, without doubles."""
        found = {}
        for pattern in patterns:
            base, _, path = pattern.rpartition(":")
            matches = sorted(self._base(base).glob(path)) if path != "." else [self._base(base)]
            if not matches:
                raise Failure(f"{self.name}: nothing matches {pattern}")
            found.update(dict.fromkeys(matches))
        return list(found)

    def _base(self, package):
        if not package:
            return self.folder
        for source in self.sources:
            if source.package == package:
                return source.folder
        raise Failure(f"{self.name}: no source is called {package}")


def load(names=()):
    """All programs, or those in `names`."""
    programs = []
    for file in sorted(HERE.glob("*/program.toml")):
        spec = tomllib.loads(file.read_text())
        sources = [Source(**source) for source in spec.get("source", [])]
        programs.append(Program(file.parent.name, file.parent, sources, spec))
    unknown = set(names) - {program.name for program in programs}
    if unknown:
        raise Failure(f"no such program: {', '.join(sorted(unknown))}")
    return [program for program in programs if not names or program.name in names]
