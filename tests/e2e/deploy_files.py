#!/usr/bin/env python3
"""What stands around a service, each file read by the tool it is for: promtool, docker-compose, systemd-analyze, the schemas of
Kubernetes, buf; and the choosing of features."""
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
sys.path.insert(0, os.environ["CSVC_SOURCE"] + "/tests/e2e/support")
import e2e

PYTHON = e2e.PEERS / "python/bin/python"
ALL = re.findall(r"^  [* ] (\w+) ", e2e.run("c-svc", "help", "features").stdout, re.M)
USUAL = re.findall(r"^  [*] (\w+) ", e2e.run("c-svc", "help", "features").stdout, re.M)
FILES = {"bench": ["bench/main.c"], "buf": ["buf.yaml"], "ci": [".github/workflows/ci.yml"], "compose": ["deploy/compose.yaml"],
         "docker": [".dockerignore", "deploy/Dockerfile"],
         "grafana": ["deploy/grafana/dashboard.json", "deploy/grafana/dashboards.yaml", "deploy/grafana/datasource.yaml"],
         "kong": ["deploy/kong.yml"], "kubernetes": [f"deploy/k8s/{n}.yaml" for n in ("deployment", "hpa", "pdb", "service")],
         "prometheus": ["deploy/alerts.yml", "deploy/alerts_test.yml", "deploy/prometheus.yml"],
         "systemd": ["deploy/user-service.service"]}
e2e.equal(ALL, sorted(FILES), "c-svc help features")


def features_of(project):
    text = re.search(r"^features: \[(.*)\]$", (project / "c-svc.yaml").read_text(), re.M).group(1)
    return [f for f in text.split(", ") if f]


def new(folder, *arguments, proto=e2e.USER_PROTO):
    e2e.run("c-svc", "new-service", "user-service", "--proto", proto, "--dir", folder, *arguments)
    project = pathlib.Path(folder).absolute()
    there = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    chosen = features_of(project)
    expected = {f for name in chosen for f in FILES[name]}
    extra = {f for f in there if f.startswith(("deploy/", "bench/", ".github/", "buf", ".docker"))}
    e2e.equal(extra, expected, f"the files of {chosen}")
    for f in expected:
        e2e.equal((project / ".c-svc/base" / f).read_bytes(), (project / f).read_bytes(), f"the base of {f}")
    return project


def refused(*arguments, says):
    done = e2e.run("c-svc", "new-service", "x", *arguments, check=2)
    if says not in done.stderr or pathlib.Path("x").exists():
        e2e.fail(f"{arguments}: {done.stderr}")


# ---- choosing ----

usual = new("usual")
e2e.equal(features_of(usual), USUAL, "what a new project has")
every = new("every", "--with", "all")
e2e.equal(features_of(every), ALL, "--with all")
bare = new("bare", "--without", "all")
e2e.equal(features_of(bare), [], "--without all")
e2e.equal(features_of(new("one", "--without", "all", "--with", "grafana")), ["grafana", "prometheus"], "what grafana needs")
e2e.equal(features_of(new("few", "--without", "all", "--with=kong,ci", "--without=ci")), ["kong"], "several, and one less")
e2e.equal(features_of(new("less", "--without", "docker")), [f for f in USUAL if f not in ("docker", "compose", "kubernetes")],
          "what needs docker goes, too")
refused("--with", "dokcer", says="no feature is called 'dokcer'; did you mean docker?")
refused("--with", "ci,,buf", says="no feature is called ''")
refused("--without", "xyzzyx", says="no feature is called 'xyzzyx'; there are bench, buf")

# a service without storage, and one whose proto has several services
pathlib.Path("pair.proto").write_text('''syntax = "proto3";
package pair.v1;
service Odd { rpc Do(Ask) returns (Ask); }
service Even { rpc Do(Ask) returns (Ask); }
message Ask { string word = 1; }
''')
pair = new("pair", "--with", "all", proto="pair.proto")
projects = [every, pair, new("plain", "--with", "compose", "--without", "prometheus")]

# each README names what is there, each Makefile offers what it can do
for project in (every, bare):
    readme, makefile = (project / "README.md").read_text(), (project / "Makefile").read_text()
    has = bool(features_of(project))
    e2e.equal(["deploy/Dockerfile" in readme, "make image" in readme, "\nimage:" in makefile, "bench/" in readme], [has] * 4,
              f"README.md and Makefile of {project.name}")

# ---- Prometheus ----

for project in (every, pair):
    deploy = project / "deploy"
    e2e.run("promtool", "check", "config", "--lint-fatal", deploy / "prometheus.yml")
    e2e.run("promtool", "check", "rules", "--lint=all", "--lint-fatal", deploy / "alerts.yml")
    e2e.run("promtool", "test", "rules", deploy / "alerts_test.yml")
# a rule that never fires is found by its test
alerts = every / "deploy/alerts.yml"
text = alerts.read_text()
alerts.write_text(text.replace("== 0", "== 7"))
e2e.run("promtool", "test", "rules", every / "deploy/alerts_test.yml", check=1)
alerts.write_text(text)

# ---- compose ----

for project in projects:
    config = e2e.run("docker-compose", "-f", project / "deploy/compose.yaml", "config").stdout
    services = re.findall(r"^  ([\w-]+):$", config[config.index("services:"):].split("\nversion:")[0].split("\nvolumes:")[0], re.M)
    wanted = ["user-service", *[s for f, s in (("grafana", "grafana"), ("prometheus", "prometheus")) if f in features_of(project)]]
    e2e.equal(sorted(services), sorted(wanted), f"the servers of {features_of(project)}")
    e2e.equal(config.count("healthcheck:"), len(services), "each with a health check")
    for mounted in re.findall(r"- (?:\S*/)?(deploy/[\w./]+):/", config):
        if not (project / mounted).is_file():
            e2e.fail(f"{project / 'deploy/compose.yaml'} mounts {mounted}, which is not there")

# Services that are called as the servers beside them: nothing is there twice, and each finds the other.
for name, servers in (("prometheus", ["grafana", "prometheus", "prometheus-server"]), ("grafana", ["grafana", "grafana-server", "prometheus"]),
                      ("data", ["data", "grafana", "prometheus"])):
    e2e.run("c-svc", "new-service", name, "--with", "all", "--dir", f"called-{name}")
    deploy = pathlib.Path(f"called-{name}/deploy")
    pathlib.Path("seen.yaml").write_text(e2e.run("docker-compose", "-f", deploy / "compose.yaml", "config").stdout)
    config = json.loads(e2e.run(PYTHON, "-c", "import json, yaml; print(json.dumps(yaml.safe_load(open('seen.yaml'))))").stdout)
    e2e.equal(sorted(config["services"]), servers, f"the servers beside a service called {name}")
    scraped = re.search(r'targets: \["(.*):9464"\]', (deploy / "prometheus.yml").read_text()).group(1)
    asked = re.search(r"url: http://(.*):9090", (deploy / "grafana/datasource.yaml").read_text()).group(1)
    e2e.equal((config["services"][scraped]["image"], config["services"][asked]["image"].split(":")[0]),
              (f"{name}:latest", "docker.io/prom/prometheus"), "who is scraped, who is asked")
    e2e.run("promtool", "check", "config", "--lint-fatal", deploy / "prometheus.yml")
    e2e.run("promtool", "test", "rules", deploy / "alerts_test.yml")
    e2e.run(PYTHON.parent / "kubernetes-validate", "--strict", *sorted((deploy / "k8s").iterdir()))

# The longest name is a label of DNS and of Kubernetes; Grafana knows dashboards by 40 characters.
longest = ["a" * 62 + "b", "a" * 62 + "c", "a" * 40]
for name in longest:
    e2e.run("c-svc", "new-service", name, "--with", "all", "--proto", "pair.proto")
uids = [json.loads(pathlib.Path(name, "deploy/grafana/dashboard.json").read_text())["uid"] for name in longest]
e2e.equal((len(set(uids)), max(map(len, uids)), uids[2]), (3, 40, longest[2]), "the dashboards of long names")
e2e.run("docker-compose", "-f", pathlib.Path(longest[0], "deploy/compose.yaml"), "config")
e2e.run(PYTHON.parent / "kubernetes-validate", "--strict", *sorted(pathlib.Path(longest[0], "deploy/k8s").iterdir()))

# ---- systemd ----

for project in (every, pair):
    unit = project / "deploy/user-service.service"
    here = pathlib.Path(f"unit-{project.name}/user-service.service")
    here.parent.mkdir()
    program = pathlib.Path("/bin/true")
    here.write_text(unit.read_text().replace("ExecStart=/usr/bin/user-service", f"ExecStart={program}"))
    done = e2e.run("systemd-analyze", "verify", here, check=None)
    e2e.equal((done.returncode, done.stderr), (0, ""), "systemd-analyze verify")
    done = e2e.run("systemd-analyze", "security", "--offline=true", "--threshold=25", here, check=None)
    if done.returncode != 0:
        e2e.fail(f"systemd-analyze security:\n{done.stdout}{done.stderr}")
here.write_text(here.read_text().replace("Type=notify", "Typ=notify"))
if "Typ" not in e2e.run("systemd-analyze", "verify", here, check=None).stderr:
    e2e.fail("systemd-analyze verify finds nothing")

# ---- Kubernetes ----

validate = PYTHON.parent / "kubernetes-validate"
for project in (every, pair):
    manifests = sorted((project / "deploy/k8s").iterdir())
    e2e.run(validate, "--strict", *(["--kubernetes-version", "1.31"] if project == pair else []), *manifests)
bad = pathlib.Path("bad.yaml")
bad.write_text((every / "deploy/k8s/deployment.yaml").read_text().replace("replicas: 1", "replicaz: 1"))
e2e.run(validate, "--strict", bad, check=1)
# what the schemas do not see: what one manifest says of another
code = '''
import json, sys, yaml
print(json.dumps([d for f in sys.argv[1:] for d in yaml.safe_load_all(open(f)) if d]))
'''
for project, replicas in ((every, (1, 1)), (pair, (2, 10))):
    manifests = sorted((project / "deploy/k8s").iterdir())
    kinds = {d["kind"]: d for d in json.loads(e2e.run(PYTHON, "-c", code, *manifests).stdout)}
    pod = kinds["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for selector in (kinds["Service"]["spec"]["selector"], kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
                     kinds["Deployment"]["spec"]["selector"]["matchLabels"]):
        e2e.equal(selector.items() <= labels.items(), True, f"{selector} selects the pods")
    e2e.equal(kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"], kinds["Deployment"]["metadata"]["name"], "what is scaled")
    spec = kinds["HorizontalPodAutoscaler"]["spec"]
    e2e.equal((spec["minReplicas"], spec["maxReplicas"]), replicas, "how many pods there may be")
    e2e.equal("PersistentVolumeClaim" in kinds, replicas == (1, 1), "a volume for SQLite")
    container = pod["spec"]["containers"][0]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    e2e.equal({p["targetPort"] for p in kinds["Service"]["spec"]["ports"]} <= set(ports), True, "the ports of the Service")
    e2e.equal(container["startupProbe"]["grpc"]["port"], ports["grpc"], "the gRPC probe")
    dockerfile = (project / "deploy/Dockerfile").read_text()
    for port in ports.values():
        e2e.equal(f":{port}" in dockerfile, True, f"the image listens on {port}")
    e2e.equal(str(pod["spec"]["securityContext"]["runAsUser"]) in dockerfile, True, "the image's user")

# ---- Kong ----

# Kong is in no registry that tests may use, nor is its schema: these are its fields of services and routes, and its rules for gRPC.
e2e.not_tried("kong config parse", "Kong comes from none of the registries that the tests use")
code = '''
import json, sys, yaml
print(json.dumps(yaml.safe_load(open(sys.argv[1]))))
'''
SERVICE = {"name", "protocol", "host", "port", "path", "retries", "connect_timeout", "read_timeout", "write_timeout", "tags", "enabled",
           "ca_certificates", "client_certificate", "tls_verify", "tls_verify_depth", "url", "routes", "plugins"}
ROUTE = {"name", "protocols", "methods", "hosts", "paths", "headers", "snis", "sources", "destinations", "strip_path", "preserve_host",
         "regex_priority", "path_handling", "request_buffering", "response_buffering", "https_redirect_status_code", "tags", "plugins"}
for project in (every, pair):
    kong = json.loads(e2e.run(PYTHON, "-c", code, project / "deploy/kong.yml").stdout)
    e2e.equal((kong.pop("_format_version"), list(kong)), ("3.0", ["services"]), "of kong.yml")
    routes = kong["services"][0]["routes"]
    e2e.equal(sorted(set(kong["services"][0]) - SERVICE), [], "keys of a service")
    e2e.equal(sorted({k for r in routes for k in r} - ROUTE), [], "keys of a route")
    e2e.equal(len({r["name"] for r in routes}), len(routes), "names that are there once")
    for route in routes:
        # grpc: no methods, no strip_path, some way to tell it
        e2e.equal((set(route["protocols"]) <= {"grpc", "grpcs"}, route["strip_path"], "methods" in route), (True, False, False), "a gRPC route")
    served = ["/user.UserService/"] if project == every else ["/pair.v1.Odd/", "/pair.v1.Even/"]
    e2e.equal([p for r in routes for p in r["paths"]], [*served, "/grpc.health.v1.Health/"], "the routes")

# a service Health without a package, beside the route of gRPC's own
pathlib.Path("health.proto").write_text('syntax = "proto3";\nservice Health { rpc Do(Ask) returns (Ask); }\nmessage Ask { string word = 1; }\n')
e2e.run("c-svc", "new-service", "health", "--with", "kong", "--proto", "health.proto")
names = re.findall(r"^      - name: (.*)$", pathlib.Path("health/deploy/kong.yml").read_text(), re.M)
e2e.equal(names, ["health-health", "health-grpc-health"], "the routes to it")

# ---- buf ----

buf = e2e.PEERS / "node/node_modules/.bin/buf"
env = {**e2e.environment(), "BUF_CACHE_DIR": str(pathlib.Path.cwd() / "cache"), "HOME": str(pathlib.Path.cwd())}
e2e.run("c-svc", "new-service", "note-service")
# a contract with options of ours: buf looks for them in the project alone
pathlib.Path("rules.proto").write_text('''syntax = "proto3";
package rules;
import "c_svc/options.proto";
import "google/protobuf/timestamp.proto";
service Rules { rpc Do(Ask) returns (Ask); }
message Ask { string word = 1 [(c_svc.field).max_len = 5]; google.protobuf.Timestamp at = 2; }
''')
e2e.run("c-svc", "new-service", "rules", "--proto", "rules.proto")
options = pathlib.Path("rules/third_party/proto/c_svc/options.proto")
e2e.equal(options.read_text(), (e2e.STAGE / "share/c-svc/proto/c_svc/options.proto").read_text(), "the copy of the options")
e2e.equal((every / "third_party").exists(), False, "and where nobody imports them")
for project in (every, pair, pathlib.Path("note-service"), pathlib.Path("rules")):
    for command in ("lint", "build"):
        e2e.run(buf, command, cwd=project, env=env)

e2e.run("c-svc", "remove", "buf", cwd="rules")
e2e.equal(options.exists(), False, "without buf")

# ---- CI ----

code = '''
import sys, yaml, json
print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))
'''
workflow = json.loads(e2e.run(PYTHON, "-c", code, every / ".github/workflows/ci.yml").stdout)
e2e.equal(set(workflow["jobs"]), {"test", "contract"}, "jobs")
for job in workflow["jobs"].values():
    for step in job["steps"]:
        e2e.equal(("run" in step) != ("uses" in step), True, f"{step} runs or uses something")
        if "run" in step:
            e2e.run("bash", "-n", "-c", step["run"])

lint = e2e.PEERS / "go/actionlint"
if lint.exists():
    e2e.run(lint, every / ".github/workflows/ci.yml")
    bad.write_text((every / ".github/workflows/ci.yml").read_text().replace("runs-on", "run-on"))
    e2e.run(lint, bad, check=1)
else:
    e2e.not_tried("the workflow by actionlint", "there is no go to build it with")

# ---- compile_commands.json ----

done = e2e.run("make", "-C", every, "compile_commands.json", *e2e.make_args())
entries = json.loads((every / "compile_commands.json").read_text())
sources = {str(p.relative_to(every)) for p in every.rglob("*.c") if ".c-svc" not in p.parts}
e2e.equal({e["file"] for e in entries}, sources, "the files of compile_commands.json")
for entry in itertools.islice(entries, 0, None, 5):
    e2e.run(*shlex.split(entry["command"]), "-fsyntax-only", "-Werror", cwd=entry["directory"])
e2e.equal("/compile_commands.json\n" in (every / ".gitignore").read_text(), True, "git ignores it")
e2e.equal((every / "Makefile").read_text().count("compile_commands.json:"), 3, "its rules")
