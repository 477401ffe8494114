#!/usr/bin/env python3
"""Run the steps of the Dockerfile in a clean root, and the server in what they made.

For machines without a container engine. Every stage gets a copy of a bare root, made by
``debootstrap --include=python3,python3-venv,ca-certificates bookworm ROOT``; every instruction is
carried out in it by ``chroot``. The entry point then runs as the image's user on a read-only root,
until the health check passes and a signal ends it. It knows the instructions that our Dockerfile
has and stops at any other. It is no container engine: network, cgroups and capabilities are those
of the machine, and the bare root is Debian's and not the Python image's.

Needs root, for mounts in a namespace of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

INSIDE = "SUREFLOW_REHEARSAL"
HEALTHY_S = 120
SKIPPED = ("EXPOSE", "STOPSIGNAL", "VOLUME")


@dataclass
class Stage:
    """A root under construction, and what instructions have said about it."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    said: dict[str, list[str]] = field(default_factory=dict)

    def run(self, shell: str, env: dict[str, str]) -> None:
        """Run a shell command inside."""
        print(f"  $ {shell}", flush=True)
        command = [*self._chroot(), "/bin/sh", "-ec", f"cd {shlex.quote(self.workdir)}; {shell}"]
        subprocess.run(command, env={**PATH, **env, **self.arguments, **self.env}, check=True)

    def spawn(self, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a command inside, without a shell."""
        return subprocess.Popen([*self._chroot(), *command], env={**PATH, **env, **self.env})

    def _chroot(self) -> list[str]:
        return ["chroot", f"--userspec={self.user}", str(self.root)]


PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def instructions(text: str) -> list[tuple[str, str]]:
    """Pairs of an instruction and its rest, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = (line.partition(" ")[::2] for line in joined.splitlines())
    return [(name.upper(), rest.strip()) for name, rest in pairs]


class Rehearsal:
    """Carries out a Dockerfile."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.given = dict(pair.split("=", 1) for pair in chosen.build_arg)
        self.env = dict(pair.split("=", 1) for pair in chosen.env)
        self.stages: dict[str, Stage] = {}

    def build(self, target: str) -> Stage:
        """Build the stages that the target needs; returns its own."""
        blocks: dict[str, list[tuple[str, str]]] = {}
        for name, rest in instructions(Path("Dockerfile").read_text()):
            if name == "FROM":
                block = blocks[rest.split()[-1]] = [(name, rest)]
            elif blocks:
                block.append((name, rest))
        self._stage(target, blocks)
        return self.stages[target]

    def _stage(self, name: str, blocks: dict[str, list[tuple[str, str]]]) -> None:
        if name in self.stages:
            return
        base = blocks[name][0][1].split()[0]
        if base in blocks:
            self._stage(base, blocks)
        for instruction, rest in blocks[name]:
            if instruction == "COPY" and (source := re.match(r"--from=(\S+)", rest)):
                self._stage(source[1], blocks)
        print(f"stage {name}", flush=True)
        stage = self.stages[name] = self._begin(name, self.stages.get(base))
        for instruction, rest in blocks[name][1:]:
            self._obey(stage, instruction, rest)

    def _begin(self, name: str, base: Stage | None) -> Stage:
        root = self.chosen.work / name
        source = self.chosen.root if base is None else base.root
        shutil.rmtree(root, ignore_errors=True)
        # Mounts of the base are not part of it.
        command = ["cp", "-a", "--one-file-system", "--reflink=auto", str(source), str(root)]
        subprocess.run(command, check=True)
        stage = Stage(root)
        if base is not None:
            stage.env, stage.workdir, stage.user = {**base.env}, base.workdir, base.user
            stage.said = {**base.said}
        for place in ("/dev", "/proc", *self.chosen.bind):
            _bind(place, root)
        return stage

    def _obey(self, stage: Stage, instruction: str, rest: str) -> None:
        if instruction == "ARG":
            name, _, default = rest.partition("=")
            stage.arguments[name] = self.given.get(name, default.strip('"'))
        elif instruction == "ENV":
            for name, value in (pair.split("=", 1) for pair in shlex.split(rest)):
                stage.env[name] = value.replace("$PATH", stage.env.get("PATH", PATH["PATH"]))
        elif instruction == "WORKDIR":
            stage.workdir = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif instruction == "USER":
            stage.user = rest
        elif instruction == "COPY":
            self._copy(stage, rest)
        elif instruction == "RUN":
            stage.run(rest, self.env)
        elif instruction in ("ENTRYPOINT", "CMD"):
            stage.said[instruction] = json.loads(rest)
        elif instruction == "HEALTHCHECK":
            stage.said[instruction] = json.loads(rest.partition(" CMD ")[2])
        elif instruction not in SKIPPED:
            sys.exit(f"rehearse: no idea how to {instruction}")

    def _copy(self, stage: Stage, rest: str) -> None:
        *sources, place = rest.split()
        origin = Path()
        if sources[0].startswith("--from="):
            origin = self.stages[sources.pop(0).removeprefix("--from=")].root
        target = stage.root / os.path.join(stage.workdir, place).lstrip("/")
        for source in (origin / each.lstrip("/") for each in sources):
            print(f"  copy {source} to {place}", flush=True)
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, target, symlinks=True, ignore=skip, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True) if place.endswith(("/", ".")) else None
                shutil.copy2(source, target)

    def serve(self, stage: Stage) -> None:
        """Run the entry point on a read-only root until it is healthy, then end it."""
        root = stage.root
        uid, gid = stage.user.split(":")
        _mount("--bind", str(root), str(root))
        _mount("-o", "remount,bind,ro", str(root))
        for place in ("/dev", "/proc"):
            _bind(place, root)
        _mount("-t", "tmpfs", "tmpfs", str(root / "tmp"))
        _mount("-t", "tmpfs", "-o", f"uid={uid},gid={gid},mode=700", "tmpfs", str(root / "data"))
        stage.env |= dict(pair.split("=", 1) for pair in self.chosen.set)
        command = [*stage.said["ENTRYPOINT"], *stage.said["CMD"], *self.chosen.option]
        print(f"serve as {stage.user}, root read-only: {shlex.join(command)}", flush=True)
        server = stage.spawn(command, {})
        begun = time.monotonic()
        while stage.spawn(stage.said["HEALTHCHECK"], {}).wait():
            if server.poll() is not None or time.monotonic() - begun > HEALTHY_S:
                server.kill()
                sys.exit("rehearse: the server did not become healthy")
            time.sleep(1)
        print(f"healthy after {time.monotonic() - begun:.0f} s", flush=True)
        server.send_signal(signal.SIGTERM)
        print(f"exit code after SIGTERM: {server.wait()}", flush=True)
        sys.exit(server.returncode)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _bind(place: str, root: Path) -> None:
    target = root / place.lstrip("/")
    if Path(place).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount("--rbind", place, str(target))


def main() -> None:
    """Parse the command line, move to a mount namespace, rehearse."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, help="bare root made by debootstrap")
    parser.add_argument("work", type=Path, help="folder for the roots of the stages")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                        help="for RUN alone, such as PIP_INDEX_URL")  # fmt: skip
    parser.add_argument("--bind", action="append", default=[], metavar="PATH",
                        help="path of this machine to show inside while building")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="environment of the server")  # fmt: skip
    parser.add_argument("--option", action="append", default=[], help="more for the server")
    chosen = parser.parse_args()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    chosen.work.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(chosen)
    rehearsal.serve(rehearsal.build(chosen.target))


if __name__ == "__main__":
    main()
