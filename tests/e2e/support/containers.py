"""Images without a registry: a base image of the Debian packages that are installed here, and a podman whose store is the test's."""
import os
import pathlib
import re
import subprocess
import e2e

BASE = "localhost/debian-base:1"
# containers of a build get no namespaces of their own, which a sandbox may not give
BUILD = ("--layers=false", "--isolation=chroot", "--network=host")


def podman():
    """The command of one that can build here, or None with a reason."""
    store = pathlib.Path.cwd() / "podman"
    trial = pathlib.Path("trial")
    trial.mkdir()
    (trial / "true.c").write_text("int main(void)\n{\n    return 0;\n}\n")
    e2e.run("cc", "-static", "-o", trial / "true", trial / "true.c")
    (trial / "Dockerfile").write_text('FROM scratch\nCOPY true /true\nRUN ["/true"]\n')
    why = "nothing was tried"
    for driver in ("overlay", "vfs"):
        command = ["podman", "--root", f"{store}/{driver}", "--runroot", f"{store}/{driver}-run", "--storage-driver", driver,
                   "--cgroup-manager", "cgroupfs"]
        try:
            done = subprocess.run([*command, "build", *BUILD, "-t", "trial", trial], capture_output=True, text=True, timeout=120,
                                  env=e2e.environment(), check=False)
        except FileNotFoundError:
            return None, "there is no podman"
        if done.returncode == 0:
            return command, None
        why = done.stderr.strip()[-200:]
    return None, why


def closure(wanted):
    """These packages, the essential ones, and all that they depend on, of what is installed."""
    depends, provides, names = {}, {}, ["apt", *wanted]
    form = "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    for line in e2e.run("dpkg-query", "-W", "-f", form).stdout.splitlines():
        name, essential, needs, gives = line.split("\t")
        depends[name] = [[re.split(r"[ :(]", a.strip())[0] for a in one.split("|")] for one in needs.split(",") if one.strip()]
        for given in filter(None, map(str.strip, gives.split(","))):
            provides.setdefault(re.split(r"[ (]", given)[0], []).append(name)
        if essential == "yes":
            names.append(name)
    found = set()
    while names:
        name = names.pop()
        if name in found:
            continue
        if name not in depends:
            names += provides.get(name, [])[:1]
            continue
        found.add(name)
        names += [next((a for a in one if a in depends or a in provides), one[0]) for one in depends[name]]
    missing = [w for w in wanted if w not in found]
    if missing:
        e2e.fail(f"the Dockerfile installs what is not installed here: {missing}")
    return sorted(found)


def base_image(command, packages):
    """Imports BASE: the files of those packages, apt with no source to load from, so that it installs what is there."""
    files = set(e2e.run("dpkg", "-L", *closure(packages)).stdout.splitlines())
    files |= {"/bin", "/sbin", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/ssl/certs/ca-certificates.crt"}
    for folder in ("/usr/bin", "/etc/alternatives"):
        files |= {e.path for e in os.scandir(folder) if e.is_symlink() and (folder != "/usr/bin" or
                  os.readlink(e.path).startswith("/etc/alternatives/"))}
    # /bin/sh by the name it has where /bin is a link
    files = {os.path.join(os.path.realpath(os.path.dirname(f)), os.path.basename(f)) for f in files if f.startswith("/")}

    def wanted(name):
        if not os.path.lexists(name) or re.match(r"/usr/share/(doc|man|locale|info|lintian|i18n)/|/usr/lib/.*/gconv/", name):
            return False
        # of static libraries, those of the compiler
        return not name.endswith(".a") or os.path.getsize(name) < 100000 or "/gcc/" in name

    pathlib.Path("base.list").write_text("".join(f"{f}\n" for f in sorted(files - {"/"}) if wanted(f)))
    more = pathlib.Path("base")
    (more / "var/lib/dpkg").mkdir(parents=True)
    (more / "etc/apt").mkdir(parents=True)
    (more / "var/lib/dpkg/status").write_bytes(pathlib.Path("/var/lib/dpkg/status").read_bytes())
    (more / "etc/apt/sources.list").write_text("")
    e2e.run("tar", "-C", "/", "--no-recursion", "-cf", "base.tar", "-T", "base.list")
    e2e.run("tar", "-C", more, "-rf", "base.tar", "var/lib/dpkg/status", "etc/apt/sources.list")
    e2e.run(*command, "import", "base.tar", BASE)
    pathlib.Path("base.tar").unlink()
