#!/usr/bin/env python3
"""Several services in one project, and several projects on one tree of protos: --in-place, what make does when the tree changes, and when
it is not there."""
import hashlib
import os
import pathlib
import shutil
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

FILES = {
    "acme/common/money.proto": '''syntax = "proto3";
package acme.common;
message Money { int64 units = 1; string currency = 2; }
''',
    "acme/user/v1/user.proto": '''syntax = "proto3";
package acme.user.v1;
import "acme/common/money.proto";
message GetUserRequest { int64 id = 1; }
message GetUserResponse { int64 id = 1; acme.common.Money credit = 2; }
service UserService { rpc GetUser(GetUserRequest) returns (GetUserResponse); }
service AdminService { rpc Ban(GetUserRequest) returns (GetUserResponse); }
''',
    "acme/mail/v1/mail.proto": '''syntax = "proto3";
package acme.mail.v1;
import "acme/user/v1/user.proto";
message Letter { int64 id = 1; acme.user.v1.GetUserResponse to = 2; }
message SendRequest { Letter letter = 1; }
message SendResponse { bool sent = 1; }
service MailService { rpc Send(SendRequest) returns (SendResponse); }
''',
    "acme/order/v1/order.proto": '''syntax = "proto3";
package acme.order.v1;
import "acme/common/money.proto";
message PayRequest { acme.common.Money sum = 1; }
message PayResponse { bool paid = 1; }
service OrderService { rpc Pay(PayRequest) returns (PayResponse); }
''',
}
api = pathlib.Path("api")
for name, text in FILES.items():
    path = api / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
pathlib.Path("services").mkdir()
without = {**e2e.environment(), "PATH": os.environ["PATH"].replace(f"{e2e.STAGE}/bin:", "")}


def make(home, *arguments, check=0, env=None):
    return e2e.run("make", "-C", home, "-j2", "CFLAGS=-O0", *e2e.make_args(), *arguments, check=check, env=env)


def new(name, *protos, folders=("-I", "api")):
    e2e.run("c-svc", "new-service", name, "--dir", f"services/{name}", "--in-place", "--without", "all", *folders,
            *(word for proto in protos for word in ("--proto", f"api/{proto}")))
    home = pathlib.Path.cwd() / "services" / name
    if (home / "proto").exists():
        e2e.fail(f"{name}: protos were copied")
    e2e.has((home / "c-svc.yaml").read_text(), "include: [../../api]")
    return home


# Two projects, one of them with three services out of two files; the other one finds the folder by itself.
both = new("front", "acme/user/v1/user.proto", "acme/order/v1/order.proto")
order = new("order", "acme/order/v1/order.proto", folders=())
e2e.has((both / "c-svc.yaml").read_text(), "protos: [../../api/acme/user/v1/user.proto, ../../api/acme/order/v1/order.proto]")
e2e.equal(sorted(p.name for p in (both / "server").iterdir() if p.is_dir()),
          ["acme_order_v1_order_service", "acme_user_v1_admin_service", "acme_user_v1_user_service"], "a folder a service")
make(both)
make(both, "test")
make(order)
for home in (both, order):
    e2e.has(make(home, env=without).stdout, "Nothing to be done")
    e2e.has(e2e.run("c-svc", "update", cwd=home).stdout, "up to date")
with e2e.Server(both / "build/front", cwd=both) as server:
    for rpc in ("get-user", "ban", "pay"):
        e2e.has(e2e.run(both / "build/front-client", "--addr", server.address, rpc, check=64 + 12).stderr, "UNIMPLEMENTED")

# What is only imported is not served: that is another project's. Its messages and clients are there; naming the file serves it.
mail = new("mail", "acme/mail/v1/mail.proto")


def served():
    return sorted(p.name for p in (mail / "server").iterdir() if p.is_dir())


e2e.equal(served(), ["acme_mail_v1_mail_service"], "services of a project that imports another's proto")
make(mail)
make(mail, "test")
with e2e.Server(mail / "build/mail", cwd=mail) as server:
    client = [mail / "build/mail-client", "--addr", server.address]
    e2e.has(e2e.run(*client, "send", check=64 + 12).stderr, "UNIMPLEMENTED")
    e2e.has(e2e.run(*client, "get-user", check=2).stderr, "get-user")
if not (mail / "gen/acme/user/v1/user.csvc.h").exists():
    e2e.fail("no C of the imported proto")
config = mail / "c-svc.yaml"
text = config.read_text()
config.write_text(text.replace("mail.proto]", "mail.proto, ../../api/acme/user/v1/user.proto]"))
e2e.run("c-svc", "update", cwd=mail)
e2e.equal(served(), ["acme_mail_v1_mail_service", "acme_user_v1_admin_service", "acme_user_v1_user_service"], "after it was named")
config.write_text(text)
e2e.has(e2e.run("c-svc", "update", "--prune", cwd=mail).stdout, "remove    server/acme_user_v1_user_service/get_user.c")
e2e.run("c-svc", "update", "--check", cwd=mail)
make(mail)

# Names of what others serve change without a question: there are no handlers that would go along.
user = api / "acme/user/v1/user.proto"
text = user.read_text()
user.write_text(text.replace("rpc Ban", "rpc Bar").replace("UserService", "PeopleService"))
done = e2e.run("c-svc", "update", cwd=mail)
e2e.has(done.stderr, "[RPC_NO_DELETE]")
if "--rename" in done.stderr + done.stdout:
    e2e.fail(f"asked about names that are another project's:\n{done.stdout}{done.stderr}")
e2e.equal(served(), ["acme_mail_v1_mail_service"], "after names of others changed")
user.write_text(text)
e2e.run("c-svc", "update", cwd=mail)

# What both import changes: both follow, each at its next make or update.
money = api / "acme/common/money.proto"
money.write_text(money.read_text().replace("currency = 2;", "currency = 2; int32 nanos = 3;"))
e2e.has(make(order).stdout, "  update  gen/acme/common/money.pb-c.h")
e2e.has(e2e.run("c-svc", "update", cwd=both).stdout, "update    gen/acme/common/money.pb-c.h")
make(both)
money.write_text(money.read_text().replace("int64 units", "string units"))
for home in (both, order):
    done = e2e.run("c-svc", "update", cwd=home, check=1)
    e2e.has(done.stderr, 'api/acme/common/money.proto:3:24: error: Field "1" with name "units" on message "Money" changed type from "int64" to '
            '"string" [FIELD_WIRE_COMPATIBLE_TYPE]')
money.write_text(money.read_text().replace("string units", "int64 units"))

# The project alone, as in an image that is built of its folder: gen/ is taken as it is.
shutil.copytree(order, "alone", ignore=shutil.ignore_patterns("build"))
make("alone", env=without)
done = e2e.run("c-svc", "update", cwd="alone", check=1)
e2e.has(done.stderr, "../../api/acme/order/v1/order.proto is not there")

# What cannot be.
for words, text in ((["--in-place"], "--in-place is about protos that are there: name them with --proto"),):
    e2e.has(e2e.run("c-svc", "new-service", "none", *words, check=2).stderr, text)
pathlib.Path("a b").mkdir()
shutil.copy(money, "a b/money.proto")
pathlib.Path("a b/x.proto").write_text('syntax = "proto3";\npackage x;\nimport "money.proto";\nservice X { rpc Y(acme.common.Money) returns (acme.common.Money); }\n')
e2e.has(e2e.run("c-svc", "new-service", "odd", "--in-place", "--proto", "a b/x.proto", check=1).stderr, "only letters, digits", "nothing was written")
if pathlib.Path("odd").exists():
    e2e.fail("a project was made all the same")

# ---- what a buf.yaml says: further modules, and dependencies that buf has on this machine ----

BUF = e2e.PEERS / "node/node_modules/.bin/buf"
COMMIT = "7c2f0b0e7a1c4d0b8f0e2d3c4b5a6978"
cache = pathlib.Path.cwd() / "cache"
env = {**e2e.environment(), "BUF_CACHE_DIR": str(cache), "HOME": str(pathlib.Path.cwd())}
kept = cache / "v3/modules/b5/buf.build/acme/money" / COMMIT
rate = 'syntax = "proto3";\npackage acme;\nmessage Rate { int64 per_mille = 1; }\n'
(kept / "files/acme").mkdir(parents=True)
(kept / "files/acme/rate.proto").write_text(rate)
(kept / "module.yaml").write_text("version: v1\nfiles_dir: files\n")


def shake(text):
    return hashlib.shake_256(text.encode()).hexdigest(64)


tree = pathlib.Path("tree")
for name in ("api", "more"):
    (tree / name).mkdir(parents=True)
(tree / "api/bank.proto").write_text('''syntax = "proto3";
package bank;
import "acme/rate.proto";
import "more.proto";
message AskRequest { more.Word word = 1; }
message AskResponse { acme.Rate rate = 1; }
service BankService { rpc Ask(AskRequest) returns (AskResponse); }
''')
(tree / "more/more.proto").write_text('syntax = "proto3";\npackage more;\nmessage Word { string text = 1; }\n')
(tree / "buf.yaml").write_text("version: v2\nmodules:\n  - path: api\n  - path: more\ndeps:\n  - buf.build/acme/money\n")
digest = shake("shake256:" + shake(f"shake256:{shake(rate)}  acme/rate.proto\n"))
lock = f"version: v2\ndeps:\n  - name: buf.build/acme/money\n    commit: {COMMIT}\n    digest: b5:{digest}\n"
(tree / "buf.lock").write_text(lock)
e2e.run(BUF, "build", "-o", "/dev/null", cwd=tree, env=env)  # it is as buf has it


def generated(home):
    return sorted(str(p.relative_to(home)) for p in (home / "gen").rglob("*.pb-c.h"))


wanted = ["gen/acme/rate.pb-c.h", "gen/bank.pb-c.h", "gen/more.pb-c.h"]
e2e.run("c-svc", "new-service", "bank", "--in-place", "--without", "all", "--proto", "tree/api/bank.proto", env=env)
bank = pathlib.Path.cwd() / "bank"
e2e.has((bank / "c-svc.yaml").read_text(), "include: [../tree/api]")
e2e.equal(generated(bank), wanted, "what is generated of modules and dependencies")
make(bank, env=env)
e2e.has(e2e.run("c-svc", "update", cwd=bank, env=env).stdout, "up to date")

# Copied, a project is complete without buf.
e2e.run("c-svc", "new-service", "copied", "--without", "all", "--proto", "tree/api/bank.proto", "-I", "tree/api", env=env)
e2e.equal(generated(pathlib.Path("copied")), wanted, "what is generated of a copy")
e2e.has(e2e.run("c-svc", "update", cwd="copied").stdout, "up to date")

# A workspace of version 1: modules side by side, each with what it depends on.
work = pathlib.Path("work")
for name in ("api", "more"):
    (work / name).mkdir(parents=True)
(work / "more/more.proto").write_text((tree / "more/more.proto").read_text())
(work / "api/bank.proto").write_text((tree / "api/bank.proto").read_text().replace('import "acme/rate.proto";\n', "").replace("acme.Rate rate", "int64 rate"))
(work / "buf.work.yaml").write_text("version: v1\ndirectories:\n  - api\n  - more\n")
(work / "api/buf.yaml").write_text("version: v1\n")
e2e.run(BUF, "build", "-o", "/dev/null", cwd=work, env=env)  # it is as buf has it
e2e.run("c-svc", "new-service", "worked", "--in-place", "--without", "all", "--proto", "work/api/bank.proto", env=env)
worked = pathlib.Path.cwd() / "worked"
e2e.has((worked / "c-svc.yaml").read_text(), "include: [../work/api]")
e2e.equal(generated(worked), ["gen/bank.pb-c.h", "gen/more.pb-c.h"], "what is generated of a workspace")
(work / "api/bank.proto").write_text((tree / "api/bank.proto").read_text())
done = e2e.run("c-svc", "update", "--allow-breaking", cwd=worked, env=env, check=1)
e2e.has(done.stderr, "acme/rate.proto")
(work / "api/buf.lock").write_text(f"version: v1\ndeps:\n  - remote: buf.build\n    owner: acme\n    repository: money\n    commit: {COMMIT}\n")
e2e.run("c-svc", "update", "--allow-breaking", cwd=worked, env=env)
e2e.equal(generated(worked), wanted, "what is generated of a workspace with a dependency")
(work / "buf.work.yaml").write_text("directories: [")
e2e.has(e2e.run("c-svc", "update", cwd=worked, env=env, check=1).stderr, "buf.work.yaml:2:1: error: ")

# A project with a buf.yaml of its own, and a lock as buf wrote it once.
own = pathlib.Path.cwd() / "own"
shutil.copytree("copied", own)
(own / "proto/acme/rate.proto").unlink()
(own / "buf.yaml").write_text("version: v2\nmodules:\n  - path: proto\n")
old = f"version: v1\ndeps:\n  - remote: buf.build\n    owner: acme\n    repository: money\n    commit: {COMMIT}\n"
for text in (lock, old):
    (own / "buf.lock").write_text(text)
    done = e2e.run("c-svc", "update", cwd=own, env=env)
    e2e.has((own / "gen/project.mk").read_text(), "    buf.lock \\")
e2e.has(make(own, env={**without, "BUF_CACHE_DIR": str(cache)}).stdout, "link")

# What is not there, or not to be read.
done = e2e.run("c-svc", "update", cwd=own, env={**env, "BUF_CACHE_DIR": "/nowhere"}, check=1)
e2e.has(done.stderr, "acme/rate.proto", "buf.build/acme/money is in buf.lock, but not on this machine: `buf build` fetches it")
(own / "buf.lock").write_text("deps: [")
e2e.has(e2e.run("c-svc", "update", cwd=own, env=env, check=1).stderr, "buf.lock:2:1: error: ")
