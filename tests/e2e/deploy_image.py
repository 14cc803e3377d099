#!/usr/bin/env python3
"""make image: built by podman of Debian's packages; small, nobody's, nothing but what runs; it serves, and answers --health."""
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import containers
import e2e

MAX_MB = 40

# what podman mounts goes with this process, however it ends
if "CSVC_TEST_MOUNTS" not in os.environ:
    within = e2e.own_mounts()
    if within is None:
        e2e.not_tried("make image", "nobody may mount here")
        sys.exit(0)
    os.environ["CSVC_TEST_MOUNTS"] = "own"
    os.execvp(within[0], [*within, sys.executable, *sys.argv])

e2e.run("c-svc", "new-service", "user-service", "--proto", e2e.USER_PROTO)
project = pathlib.Path("user-service").absolute()
dockerfile = (project / "deploy/Dockerfile").read_text()
packages = re.search(r"--no-install-recommends (.*?)&&", dockerfile, re.S).group(1).replace("\\", " ").split()
podman, why = containers.podman()
if podman is None:
    e2e.not_tried("make image", why)
    sys.exit(0)


def image(*more, check=0):
    return e2e.run("make", "-C", project, "image", f"CONTAINER={' '.join(podman)}",
                   f"IMAGE_FLAGS={' '.join(containers.BUILD)}", *more, check=check, timeout=500)


# who has neither podman nor docker, or no Debian, is told
done = e2e.run("make", "-C", project, "image", "CONTAINER=", check=2)
if "neither podman nor docker" not in done.stderr:
    e2e.fail(f"make image without podman: {done.stderr}")
done = image("BASE=docker.io/library/fedora:43", check=2)
if "make image C_SVC_SOURCE=" not in done.stderr:
    e2e.fail(f"make image on another distribution: {done.stderr}")

containers.base_image(podman, packages)
image(f"BASE={containers.BASE}")

mount = subprocess.run([*podman, "image", "mount", "user-service:latest"], capture_output=True, text=True, check=False)
if mount.returncode != 0:
    e2e.not_tried("the files of the image", mount.stderr.strip()[-200:])
    sys.exit(0)
root = pathlib.Path(mount.stdout.strip())
files = [p for p in root.rglob("*") if p.is_file() and not p.is_symlink()]
size = sum(p.stat().st_size for p in files) / 1e6
print(f"the image has {size:.1f} MB in {len(files)} files")
if size >= MAX_MB:
    e2e.fail(f"the image has {size:.1f} MB")
names = sorted(str(p.relative_to(root)) for p in files)
others = [n for n in names if not re.search(r"\.so(\.|$)", n)]
e2e.equal(others, ["etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/bin/user-service"], "files that are no libraries")
e2e.equal([str(p) for p in files if p.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)], [], "files that run as somebody else")
inspect = e2e.run(*podman, "image", "inspect", "--format", "{{.Config.User}} {{.Config.Entrypoint}} {{.Config.StopSignal}}",
                  "user-service:latest").stdout.split()
e2e.equal(inspect, ["65532:65532", "[/usr/bin/user-service]", "SIGTERM"], "user, program, signal")
e2e.equal((root / "data").stat().st_uid, 65532, "who /data belongs to")
variables = dict(v.split("=", 1) for v in e2e.run(*podman, "image", "inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}",
                                                  "user-service:latest").stdout.split())
e2e.equal(variables["DATABASE_URL"], "sqlite:/data/user-service.db", "where rows are kept")


def serves(start, run_in, stop):
    """Starts it, waits until --health says that it is ready, stops it."""
    process = start()
    until = time.monotonic() + 60
    while True:
        health = run_in()
        if health.returncode == 0:
            break
        if time.monotonic() > until or process.poll() is not None:
            process.kill()
            e2e.fail(f"the image does not serve: {process.communicate()} {health}")
        time.sleep(0.1)
    stop(process)
    out, err = process.communicate(timeout=60)
    e2e.equal(process.returncode, 0, f"how it ended: {out}{err}")
    for line in ('"event": "listening"', '"event": "stopped"'):
        if line not in out + err:
            e2e.fail(f"its log has no {line}:\n{out}{err}")


PIPES = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
# ports that are free here: containers of this test share the host's network
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    admin = f"127.0.0.1:{s.getsockname()[1]}"
where = ["--env", "GRPC_ADDR=127.0.0.1:0", "--env", f"ADMIN_ADDR={admin}"]
run = [*podman, "run", "--network=host", "--cgroups=disabled", "--read-only", "--name=user-service", *where]
trial = subprocess.run([*run, "--rm", "user-service:latest", "--version"], check=False, timeout=120, **PIPES)
if trial.returncode == 0:
    serves(lambda: subprocess.Popen([*run, "--rm", "user-service:latest"], **PIPES),
           lambda: subprocess.run([*podman, "exec", "user-service", "/usr/bin/user-service", "--health"], check=False, **PIPES),
           lambda process: e2e.run(*podman, "stop", "user-service"))
else:
    e2e.not_tried("podman run", trial.stderr.strip().splitlines()[-1][-160:])
    # the same files, user and variables, without podman
    copy = pathlib.Path("root").absolute()
    shutil.copytree(root, copy, symlinks=True)
    os.chown(copy / "data", 65532, 65532)
    (copy / "dev").mkdir()
    for device, number in (("null", "3"), ("urandom", "9")):
        subprocess.run(["mknod", "-m", "666", copy / "dev" / device, "c", "1", number], check=False)
    inside = ["chroot", "--userspec=65532:65532", str(copy), "/usr/bin/user-service"]
    env = {**variables, "GRPC_ADDR": "127.0.0.1:0", "ADMIN_ADDR": admin}
    if os.getuid() != 0 or not (copy / "dev/null").exists():
        e2e.not_tried("the image's program in a chroot", "only root may")
    else:
        serves(lambda: subprocess.Popen(inside, env=env, **PIPES),
               lambda: subprocess.run([*inside, "--health"], env=env, check=False, **PIPES),
               lambda process: process.terminate())
