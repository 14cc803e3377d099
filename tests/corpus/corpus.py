"""Finding the .proto files of a corpus, and where the imports of each start from.

Packages hold protos in any folder, and nothing says which folders an import path is below. It follows from the imports: one called
a/b.proto that is found as x/y/a/b.proto starts from x/y.
"""
import hashlib
import os
import pathlib
import re

IMPORT = re.compile(r'^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"\s*;', re.M)
PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.M)


class Package:
    """One package's files: path below its folder to text."""

    def __init__(self, folder):
        self.name = folder.name
        self.folder = folder
        self.texts = {p.relative_to(folder).as_posix(): p.read_text(errors="replace")
                      for p in sorted(folder.rglob("*.proto")) if p.is_file()}
        self.by_basename = {}
        for path in self.texts:
            self.by_basename.setdefault(path.rpartition("/")[2], []).append(path)

    def find(self, wanted, near=""):
        """The path of an import: of several files that could be meant the one nearest to who imports it."""
        found = [p for p in self.by_basename.get(wanted.rpartition("/")[2], []) if p == wanted or p.endswith("/" + wanted)]
        return max(found, key=lambda p: (len(os.path.commonprefix([p, near])), -len(p)), default=None)


class Proto:
    """One file: its package, the folders its imports start from (absolute, innermost first), its name below one of them."""

    def __init__(self, package, path, roots):
        self.package = package
        self.path = path
        own = [r for r in roots if (package.folder / path).is_relative_to(r)]
        home = max(own, key=lambda r: len(r.parts))
        self.roots = [home, *sorted({*roots} - {home}, key=lambda r: (-len(r.parts), str(r)))]
        self.name = (package.folder / path).relative_to(home).as_posix()
        self.text = package.texts[path]
        self.label = f"{package.name}/{path}"
        self.order = hashlib.sha256(self.label.encode()).hexdigest()
        self.has_services = re.search(r"^\s*service\s+\w+\s*\{", self.text, re.M) is not None

    @property
    def group(self):
        return (self.package.name, tuple(self.roots), self.path.rpartition("/")[0])


def guess_root(path, text):
    """Of a file that imports nothing of its package: above the folders that are called as its `package`, else its own."""
    folder = pathlib.PurePosixPath(path).parent
    declared = PACKAGE.search(text)
    parts = declared.group(1).split(".") if declared else []
    if parts and list(folder.parts[-len(parts):]) == parts:
        return pathlib.PurePosixPath(*folder.parts[:-len(parts)])
    return folder


def roots_of(package, path, packages):
    roots, seen, waiting = [], {(package.name, path)}, [(package, path)]
    while waiting:
        holder, at = waiting.pop()
        for wanted in IMPORT.findall(holder.texts[at]):
            for other in [holder, *(p for p in packages if p is not holder)]:
                found = other.find(wanted, at if other is holder else "")
                if found is None:
                    continue
                root = other.folder / found[:len(found) - len(wanted)].rstrip("/")
                if root not in roots:
                    roots.append(root)
                if (other.name, found) not in seen:
                    seen.add((other.name, found))
                    waiting.append((other, found))
                break
    if not any((package.folder / path).is_relative_to(r) for r in roots):
        roots.append(package.folder / guess_root(path, package.texts[path]))
    return roots


def protos(folder):
    """All of them, in the order of a hash of their names: any number from the front is a sample."""
    packages = [Package(p) for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    # whose google/... others lean on
    packages.sort(key=lambda p: "googleapis_common" not in p.name)
    found = [Proto(p, path, roots_of(p, path, packages)) for p in packages for path in p.texts]
    return sorted(found, key=lambda f: f.order)
