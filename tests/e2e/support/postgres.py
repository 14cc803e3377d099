"""A PostgreSQL server of the test's own, on a socket in a folder of its own; no network, gone with the test."""
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import e2e


def _program(name):
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    return found


def why_not():
    """Why there can be none; "" when there can."""
    missing = [p for p in ("initdb", "postgres", "psql") if _program(p) is None]
    return f"no {' and no '.join(missing)} (Debian: postgresql)" if missing else ""


class Postgres:
    """`with Postgres() as db`: db.run(sql, *files) gives psql's standard output."""

    def __enter__(self):
        # the server refuses root, and a user of its own must get in
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="csvc-pg-"))
        self.folder.chmod(0o755)
        (self.folder / "data").mkdir()
        self.before = []
        if os.geteuid() == 0:
            self.before = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder / "data", "postgres")
            shutil.chown(self.folder, "postgres")
        e2e.run(*self.before, _program("initdb"), "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-sync", cwd="/", timeout=120)
        self.log = open(self.folder / "log", "wb")
        self.server = subprocess.Popen(
            [*self.before, _program("postgres"), "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=",
             "-c", "fsync=off", "-c", "max_connections=10", "-c", "shared_buffers=16MB"],
            cwd="/", stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        until = time.monotonic() + 60
        while self.server.poll() is None and time.monotonic() < until and self.run("SELECT 1;", check=None).returncode != 0:
            time.sleep(0.05)
        if self.server.poll() is not None or time.monotonic() >= until:
            e2e.fail(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
        return self

    def run(self, sql, check=0):
        """A script of psql's, which stops at the first error."""
        return e2e.run(_program("psql"), "-X", "-q", "-A", "-t", "-h", self.folder, "-U", "postgres", "-d", "postgres",
                       "-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages = warning;", *self._commands(sql), check=check)

    @staticmethod
    def _commands(sql):
        pathlib.Path("psql.sql").write_text(sql)
        return ["-f", "psql.sql"]

    def __exit__(self, kind, value, trace):
        # SIGINT: ends sessions and stops; runuser hands it on only by its own end, so the server is told itself
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, 2)
        self.server.wait(60)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
