#!/usr/bin/env python3
"""tests/corpus/fetch.py FOLDER: the .proto files of the packages listed beside it, in FOLDER/NAME each.

The registries' own clients download (pip, npm, apt-get), nothing of a package is run or installed. A package that is there already
is left alone, one that is listed no more goes. Ends with 1 when one could not be had.
"""
import concurrent.futures
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

LIST = pathlib.Path(__file__).resolve().parent / "packages"


def listed():
    lines = (line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#"))
    return {f"{client}-{re.sub('[^a-zA-Z0-9.]+', '_', what).strip('_')}": (client, what) for client, what in lines}


def protos_of(archive):
    """Pairs of path and bytes; paths that lead out of the archive are nobody's .proto."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            found = [(name, opened.read(name)) for name in opened.namelist() if name.endswith(".proto")]
    else:
        packed = archive.read_bytes()
        if archive.suffix == ".deb":
            packed = subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE, check=True, timeout=600).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
            found = [(member.name, opened.extractfile(member).read()) for member in opened
                     if member.isfile() and member.name.endswith(".proto")]
    return [(name, text) for name, text in found
            if not name.startswith("/") and ".." not in pathlib.PurePosixPath(name).parts]


def fetch(folder, name, client, what):
    with tempfile.TemporaryDirectory() as temporary:
        command = {"pip": [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                           "--only-binary", ":all:", "--dest", temporary, what],
                   "npm": ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", temporary, what],
                   "deb": ["apt-get", "-q", "download", what]}[client]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, cwd=temporary, check=False)
        archives = list(pathlib.Path(temporary).iterdir())
        if done.returncode != 0 or len(archives) != 1:
            return f"{what}: {' '.join(command)}: exit code {done.returncode}\n{done.stderr}"
        fresh = folder / f".{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        n = 0
        for path, text in protos_of(archives[0]):
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
            n += 1
        fresh.rename(folder / name)
        print(f"{what}: {n} .proto files", flush=True)
        return None if n else f"{what}: has no .proto file"


def fetch_all(folder, wanted):
    """The complaints, by name."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return {name: c for name, c in zip(wanted, pool.map(lambda item: fetch(folder, item[0], *item[1]), wanted.items())) if c}


def refresh_debian():
    """Its list of packages may be older than its archive, or not there at all."""
    command = [*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "-q", "update"]
    print("+", *command, flush=True)
    subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=600)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = listed()
    for there in folder.iterdir():
        if there.name not in wanted:
            shutil.rmtree(there)
    missing = {name: what for name, what in wanted.items() if not (folder / name).exists()}
    complaints = fetch_all(folder, missing)
    if any(missing[name][0] == "deb" for name in complaints):
        refresh_debian()
        complaints = fetch_all(folder, {name: missing[name] for name in complaints})
    for complaint in complaints.values():
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
