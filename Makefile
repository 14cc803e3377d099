# c-svc: one Makefile, everything lands in $(B).   make help   lists the targets.
#
#   make V=1              shows the commands
#   make SAN=address,undefined B=build/asan   builds all of it under sanitizers
#   make DEVELOPER=1      warnings are errors (CI does)
#   make WITH_GRPC_CORE=0 leaves out the gRPC C core, and with it all clients; WITH_NGHTTP2=0 the other transport

B      ?= build
PREFIX ?= /usr/local
CC     ?= cc
VERSION := 0.1.0
SOVERSION := 0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s%s\n'
endif

# ---- what the compiler is told ----------------------------------------------------------------

PKGS_BASE   := libprotobuf-c zlib
PKGS_GRPC   := grpc libcrypto
PKGS_NGHTTP2 := libnghttp2 libssl libcrypto
PKGS_SQLITE := sqlite3
PKGS_HTTP   := libwebsockets
# Each question is asked once: the answer for grpc takes a third of a second.
space := $(subst x,,x x)
pkg_key = pkg-$(subst $(space),,$(1)$(2))
pkg = $(if $(filter undefined,$(origin $(pkg_key))),$(eval $(pkg_key) := $$(shell pkg-config $(1) $(2) 2>/dev/null)))$($(pkg_key))

WARNINGS := -Wall -Wextra -Wpedantic -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition \
            -Wpointer-arith -Wwrite-strings -Wvla -Wshadow -Wundef -Wformat=2 -Wno-missing-field-initializers
ifeq ($(DEVELOPER),1)
WARNINGS += -Werror
endif
OPT      ?= -O2 -g
CFLAGS   ?=
CSVC_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -fPIC -fno-common -fvisibility=hidden -pthread \
            $(OPT) $(WARNINGS) -Iruntime/include -Iruntime -I$(B)/gen $(call pkg,--cflags,$(PKGS_BASE)) \
            -DCSVC_VERSION='"$(VERSION)"'
LDFLAGS  ?=
CSVC_LDFLAGS := -pthread
ifneq ($(SAN),)
CSVC_CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -DCSVC_DEBUG
CSVC_LDFLAGS += -fsanitize=$(SAN)
endif

# ---- what is built ----------------------------------------------------------------------------

# The transports: each a library of its own, named after its folder. Tests want both.
WITH_GRPC_CORE ?= 1
WITH_NGHTTP2   ?= 1
TRANSPORTS := $(if $(filter 1,$(WITH_NGHTTP2)),nghttp2) $(if $(filter 1,$(WITH_GRPC_CORE)),grpc-core)

STAGE := $(B)/stage
src    = $(sort $(wildcard $(addsuffix /*.c,$(1))))
obj    = $(patsubst %.c,$(B)/obj/%.o,$(1))

STD_PB_SRC    := $(call src,$(addprefix runtime/std/pb/grpc/,health/v1 reflection/v1 reflection/v1alpha))
LIBCSVC_SRC   := $(call src,runtime/base runtime/codec runtime/transport runtime/transport/net runtime/rpc runtime/std runtime/interceptors \
                   runtime/store runtime/app runtime/testing) $(STD_PB_SRC)
# of each transport that has TLS, since libcsvc is to do without OpenSSL
TLS_SRC       := $(call src,runtime/transport/tls)
GRPC_CORE_SRC := $(call src,runtime/transport/grpc_core) $(TLS_SRC)
NGHTTP2_SRC   := $(call src,runtime/transport/nghttp2) $(TLS_SRC)
SQLITE_SRC    := $(call src,runtime/store/sqlite)
HTTP_SRC      := $(call src,runtime/http)
# one folder a step, in the order of the pipeline
STEPS         := common names template request model infer check compat output messages scope plan
PLUGIN_SRC    := generator/plugin/main.c
GENERATOR_SRC := $(call src,$(STEPS:%=generator/%) generator/pb/* generator/pb/*/* generator/pb/*/*/*) \
                   $(filter-out $(PLUGIN_SRC),$(call src,generator/plugin))
CLI_SRC       := $(call src,$(addprefix generator/,console schema project update cli))
TEMPLATES     := $(sort $(shell find templates -type f))

ALL_SRC := $(LIBCSVC_SRC) $(GRPC_CORE_SRC) $(NGHTTP2_SRC) $(SQLITE_SRC) $(HTTP_SRC) $(GENERATOR_SRC) $(PLUGIN_SRC) $(CLI_SRC)

WKT       := any api duration empty field_mask source_context struct timestamp type wrappers
WKT_SRC   := $(foreach w,$(WKT),$(B)/wkt/google/protobuf/$(w).pb-c.c $(B)/wkt/google/protobuf/$(w).csvc.c)
WKT_OBJ   := $(patsubst $(B)/wkt/%.c,$(B)/obj/wkt/%.o,$(WKT_SRC))

LIBS     := libcsvc $(TRANSPORTS:%=libcsvc-%) libcsvc-sqlite libcsvc-http libcsvc-wkt
LIB_A    := $(LIBS:%=$(STAGE)/lib/%.a)
LIB_SO   := $(LIBS:%=$(STAGE)/lib/%.so)
PROGRAMS := $(STAGE)/bin/protoc-gen-c-svc $(STAGE)/bin/c-svc

.PHONY: all libs programs stage help
all: libs programs stage
libs: $(LIB_A) $(LIB_SO)
programs: $(PROGRAMS)

help:
	@echo 'make            libraries and programs, staged under $(STAGE)'
	@echo 'make deps       installs the Debian packages this needs (apt; sudo when not root)'
	@echo 'make try        a service from nothing: scaffold, build, run, call every rpc'
	@echo 'make check      everything: style, unit, end to end, torture, sanitizers, allocation failures'
	@echo 'make check-unit check-e2e check-torture check-style check-asan check-tsan check-oom'
	@echo 'make check-nghttp2 check-grpc-core   the tests that serve, on one transport'
	@echo 'make check-corpus   thousands of .proto files out of public packages, through the generator'
	@echo 'make torture    the same faults and loads, for as long as they take'
	@echo 'make format     what check-style wants of the form'
	@echo 'make interop    build/interop_server and build/interop_client, with the flags of gRPC'"'"'s own'
	@echo 'make bench      ratios against named peers'
	@echo 'make samples    regenerates samples/'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)      make uninstall'

# ---- compiling --------------------------------------------------------------------------------

$(call obj,$(GRPC_CORE_SRC)): CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_GRPC))
$(call obj,$(NGHTTP2_SRC)):   CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_NGHTTP2))
$(call obj,$(SQLITE_SRC)):    CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_SQLITE))
$(call obj,$(HTTP_SRC)):      CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_HTTP))
$(call obj,$(GENERATOR_SRC) $(PLUGIN_SRC) $(CLI_SRC)): CSVC_CFLAGS += -Igenerator -Igenerator/pb
$(call obj,$(call src,runtime/std) $(STD_PB_SRC)): CSVC_CFLAGS += -Iruntime/std/pb
# protoc-gen-c's own output, not ours to mend
$(filter %.pb-c.o,$(call obj,$(GENERATOR_SRC) $(STD_PB_SRC))) $(filter %.pb-c.o,$(WKT_OBJ)): CSVC_CFLAGS += -Wno-pedantic -Wno-overlength-strings

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CSVC_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/wkt/%.o: $(B)/wkt/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CSVC_CFLAGS) -fvisibility=default -I$(B)/wkt $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(call obj,$(ALL_SRC)) $(WKT_OBJ))

# ---- libraries --------------------------------------------------------------------------------

$(STAGE)/lib/libcsvc.a:           $(call obj,$(LIBCSVC_SRC))
$(STAGE)/lib/libcsvc-grpc-core.a: $(call obj,$(GRPC_CORE_SRC))
$(STAGE)/lib/libcsvc-nghttp2.a:   $(call obj,$(NGHTTP2_SRC))
$(STAGE)/lib/libcsvc-sqlite.a:    $(call obj,$(SQLITE_SRC))
$(STAGE)/lib/libcsvc-http.a:      $(call obj,$(HTTP_SRC))
$(STAGE)/lib/libcsvc-wkt.a:       $(WKT_OBJ)
$(LIB_A):
	@mkdir -p $(@D)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Real file libX.so.0.1.0, soname libX.so.0, link name libX.so.
$(STAGE)/lib/libcsvc.so:           $(call obj,$(LIBCSVC_SRC))
$(STAGE)/lib/libcsvc.so:           SO_LIBS = $(call pkg,--libs,$(PKGS_BASE)) -lm
$(STAGE)/lib/libcsvc-grpc-core.so: $(call obj,$(GRPC_CORE_SRC)) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-grpc-core.so: SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_GRPC))
$(STAGE)/lib/libcsvc-nghttp2.so:   $(call obj,$(NGHTTP2_SRC)) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-nghttp2.so:   SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_NGHTTP2))
$(STAGE)/lib/libcsvc-sqlite.so:    $(call obj,$(SQLITE_SRC)) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-sqlite.so:    SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_SQLITE))
$(STAGE)/lib/libcsvc-http.so:      $(call obj,$(HTTP_SRC)) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-http.so:      SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_HTTP))
$(STAGE)/lib/libcsvc-wkt.so:       $(WKT_OBJ) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-wkt.so:       SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_BASE))
$(LIB_SO):
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -shared $(CSVC_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(@F).$(SOVERSION) -Wl,--no-undefined \
	    -o $@.$(VERSION) $(filter %.o,$^) $(SO_LIBS)
	$(Q)ln -sf $(@F).$(VERSION) $@.$(SOVERSION) && ln -sf $(@F).$(SOVERSION) $@

# ---- programs ---------------------------------------------------------------------------------

GENERATOR_OBJ := $(call obj,$(GENERATOR_SRC)) $(B)/obj/embedded_templates.o

$(B)/embed: generator/tools/embed.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) -std=c11 -O1 -o $@ $<

$(B)/gen/embedded_templates.c: $(B)/embed $(TEMPLATES)
	@mkdir -p $(@D)
	$(say) EMBED templates
	$(Q)$(B)/embed $(TEMPLATES) > $@

$(B)/obj/embedded_templates.o: $(B)/gen/embedded_templates.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CSVC_CFLAGS) -Igenerator $(CFLAGS) -c -o $@ $<

$(STAGE)/bin/protoc-gen-c-svc: $(call obj,$(PLUGIN_SRC)) $(GENERATOR_OBJ) $(STAGE)/lib/libcsvc.a
$(STAGE)/bin/c-svc:            $(call obj,$(CLI_SRC)) $(GENERATOR_OBJ) $(STAGE)/lib/libcsvc-sqlite.a $(STAGE)/lib/libcsvc.a
$(STAGE)/bin/c-svc:            PROGRAM_LIBS = $(call pkg,--libs,yaml-0.1 libcrypto libgit2 $(PKGS_SQLITE))
$(PROGRAMS):
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(call pkg,--libs,$(PKGS_BASE)) $(PROGRAM_LIBS) -lm

# ---- well-known types -------------------------------------------------------------------------

$(WKT_SRC) &: $(STAGE)/bin/protoc-gen-c-svc
	@mkdir -p $(B)/wkt
	$(say) PROTOC google/protobuf/*.proto
	$(Q)protoc --plugin=$(STAGE)/bin/protoc-gen-c-svc --c-svc_out=$(B)/wkt \
	    $(WKT:%=google/protobuf/%.proto)

# ---- the stage: what `make install` copies, usable where it is ----------------------------------

# what headers and `c-svc explain` refer to
DOCS        := interop.md tutorial.md inference.md limits.md deviations.md streaming.md clients.md migrations.md protos.md evolution.md health.md listening.md tls.md transports.md metrics.md deploy.md internals/corpus.md internals/compat.md internals/store.md internals/templates.md internals/update.md CHANGELOG.md
HEADERS     := $(wildcard runtime/include/csvc/*.h)
WKT_HEADERS := $(WKT_SRC:.c=.h)
COMPLETIONS := bash-completion/completions/c-svc zsh/site-functions/_c-svc fish/vendor_completions.d/c-svc.fish
STAGED      := $(HEADERS:runtime/include/%=$(STAGE)/include/%) \
               $(WKT_HEADERS:$(B)/wkt/%=$(STAGE)/include/csvc-wkt/%) \
               $(STAGE)/share/c-svc/proto/c_svc/options.proto \
               $(DOCS:%=$(STAGE)/share/doc/c-svc/%) $(COMPLETIONS:%=$(STAGE)/share/%) \
               $(LIBS:%=$(STAGE)/lib/pkgconfig/%.pc)
stage: $(STAGED) $(LIB_A) $(LIB_SO) $(PROGRAMS)

$(STAGE)/include/csvc/%.h: runtime/include/csvc/%.h
	$(Q)install -D -m 644 $< $@
$(STAGE)/include/csvc-wkt/%.h: $(B)/wkt/%.h
	$(Q)install -D -m 644 $< $@
$(WKT_HEADERS): $(WKT_SRC)
$(STAGE)/share/c-svc/proto/%: runtime/proto/%
	$(Q)install -D -m 644 $< $@
$(COMPLETIONS:%=$(STAGE)/share/%): $(STAGE)/bin/c-svc
	@mkdir -p $(@D)
	$(Q)$(STAGE)/bin/c-svc completion $(word 1,$(subst -, ,$(subst /, ,$(@:$(STAGE)/share/%=%)))) > $@
# links to files that lie elsewhere once installed
$(STAGE)/share/doc/c-svc/CHANGELOG.md: CHANGELOG.md
	@mkdir -p $(@D)
	$(Q)sed 's|](docs/|](|g' $< > $@
$(STAGE)/share/doc/c-svc/%.md: docs/%.md
	@mkdir -p $(@D)
	$(Q)sed 's|](\(\.\./\)*runtime/proto/|](../../c-svc/proto/|g' $< > $@
$(STAGE)/lib/pkgconfig/%.pc: runtime/%.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/' $< > $@

# ---- installing -------------------------------------------------------------------------------

.PHONY: install uninstall
MAN    := $(wildcard docs/man/*.1)
copy    = install -D -m $(1) $(2) '$(DESTDIR)$(PREFIX)/$(3)'
INSTALLED = $(PROGRAMS:$(STAGE)/%=%) $(LIB_A:$(STAGE)/%=%) \
            $(foreach l,$(LIB_SO:$(STAGE)/%=%),$(l) $(l).$(SOVERSION) $(l).$(VERSION)) \
            $(STAGED:$(STAGE)/%=%) $(MAN:docs/man/%=share/man/man1/%) share/doc/c-svc/LICENSE

install: all
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)set -e; $(foreach f,$(PROGRAMS),$(call copy,755,$f,$(f:$(STAGE)/%=%));)
	$(Q)set -e; $(foreach f,$(LIB_A) $(STAGED),$(call copy,644,$f,$(f:$(STAGE)/%=%));)
	$(Q)set -e; $(foreach f,$(LIB_SO),$(call copy,644,$f.$(VERSION),$(f:$(STAGE)/%=%).$(VERSION)); \
	    ln -sf $(notdir $f).$(VERSION) '$(DESTDIR)$(PREFIX)/$(f:$(STAGE)/%=%).$(SOVERSION)'; \
	    ln -sf $(notdir $f).$(SOVERSION) '$(DESTDIR)$(PREFIX)/$(f:$(STAGE)/%=%)';)
	$(Q)set -e; $(foreach f,$(MAN),$(call copy,644,$f,share/man/man1/$(notdir $f));)
	$(Q)$(call copy,644,LICENSE,share/doc/c-svc/LICENSE)
	$(Q)if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

# Removes what install put there, and the folders of ours that are empty then.
uninstall:
	$(say) REMOVE $(DESTDIR)$(PREFIX)
	$(Q)cd '$(DESTDIR)$(PREFIX)' && rm -f $(INSTALLED) && \
	    for d in include/csvc include/csvc-wkt share/c-svc share/doc/c-svc; do \
	        if [ -d $$d ]; then find $$d -depth -type d -empty -delete; fi; done

# ---- what must be there first -------------------------------------------------------------------

# The first line is what building needs, the second what the tests use besides.
DEPS := gcc make pkg-config protobuf-compiler libprotobuf-dev protobuf-c-compiler libprotobuf-c-dev libgrpc-dev libnghttp2-dev \
        libsqlite3-dev libwebsockets-dev libyaml-dev libgit2-dev libssl-dev zlib1g-dev libcmocka-dev
DEPS_CHECK := g++ git openssl python3 python3-venv clang-14 libclang-rt-14-dev clang-format-14 libprotoc-dev libgrpc++-dev protobuf-compiler-grpc \
        nghttp2-client valgrind man-db locales libjansson-dev postgresql prometheus ruby-grpc nginx iproute2 nftables systemd \
        ca-certificates podman crun docker-compose zsh fish

# Installs those of the packages $(1) that are missing, and says what it runs.
define apt_install
@missing=; for p in $(1); do \
    [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
    echo "+ $$sudo apt-get update"; $$sudo apt-get -q update || exit 1; \
    echo "+ $$sudo apt-get install -y --no-install-recommends$$missing"; \
    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing || exit 1; \
else echo 'nothing to install: every package is there'; fi
endef

.PHONY: deps deps-build deps-check peers
deps-build:
	$(call apt_install,$(DEPS))
deps deps-check:
	$(call apt_install,$(DEPS) $(DEPS_CHECK))

# Real clients and servers of other makers, pinned, kept in a cache folder; a folder and a tag for each way to get them.
PEERS     ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/c-svc/peers
PEERS_PIP := grpcio==1.85.1 grpcio-tools==1.85.1 grpcio-reflection==1.85.1 grpcio-health-checking==1.85.1 \
             h2==4.3.0 kubernetes-validate==1.37.0
PEERS_NPM := @bufbuild/buf@1.75.0 @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1
PEERS_GO  := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4 github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
# the kubelet's own prober, in a module of ours
KUBE_PROBE := tests/e2e/support/kube_probe
# .proto files out of others' packages
CORPUS_LIST := tests/corpus/packages tests/corpus/fetch.py
# the tag is new when a version is
peers_tag  = $(PEERS)/$(1)-$(firstword $(shell echo '$(2)' | cksum)).done

peers: peers-pip peers-npm peers-go peers-kube peers-corpus
peers-pip: $(call peers_tag,pip,$(PEERS_PIP))
peers-npm: $(call peers_tag,npm,$(PEERS_NPM))
peers-go:  $(call peers_tag,go,$(PEERS_GO))
peers-kube: $(call peers_tag,kube,$(shell cat $(KUBE_PROBE)/* | cksum))
peers-corpus: $(call peers_tag,corpus,$(shell cat $(CORPUS_LIST) | cksum))
.PHONY: peers-pip peers-npm peers-go peers-kube peers-corpus

$(call peers_tag,pip,$(PEERS_PIP)):
	@mkdir -p $(PEERS)
	python3 -m venv $(PEERS)/python
	$(PEERS)/python/bin/pip install --quiet --disable-pip-version-check $(PEERS_PIP)
	@touch $@
$(call peers_tag,npm,$(PEERS_NPM)):
	@mkdir -p $(PEERS)
	@command -v npm > /dev/null || { echo '+ npm (Debian)'; $(MAKE) --no-print-directory deps-npm; }
	npm install --silent --no-save --no-audit --no-fund --prefix $(PEERS)/node $(PEERS_NPM)
	$(PEERS)/node/node_modules/.bin/buf --version > /dev/null
	@touch $@
# Debian 12's Go is too old for these; without a newer one the tests that need them say NOT TRIED.
$(call peers_tag,go,$(PEERS_GO)):
	@mkdir -p $(PEERS)/go
	@if ! command -v go > /dev/null; then echo 'NOT TRIED: peers written in Go: there is no go'; else set -ex; \
	    for m in $(PEERS_GO); do GOBIN=$(PEERS)/go GOFLAGS=-trimpath go install $$m; done; touch $@; fi
$(call peers_tag,kube,$(shell cat $(KUBE_PROBE)/* | cksum)):
	@mkdir -p $(PEERS)/go
	@if ! command -v go > /dev/null; then echo 'NOT TRIED: the prober of Kubernetes: there is no go'; else set -ex; \
	    (cd $(KUBE_PROBE) && GOFLAGS=-trimpath go build -o $(abspath $(PEERS))/go/kube-probe .); touch $@; fi
$(call peers_tag,corpus,$(shell cat $(CORPUS_LIST) | cksum)): $(call peers_tag,pip,$(PEERS_PIP))
	@command -v npm > /dev/null || { echo '+ npm (Debian)'; $(MAKE) --no-print-directory deps-npm; }
	$(PEERS)/python/bin/python tests/corpus/fetch.py $(PEERS)/corpus
	@touch $@
.PHONY: deps-npm
deps-npm:
	$(call apt_install,npm)

# ---- try it -------------------------------------------------------------------------------------

.PHONY: try samples
try: deps-build
	@$(MAKE) --no-print-directory all
	@samples/try.sh $(abspath $(STAGE)) $(abspath $(B))/try

samples: all
	@samples/regenerate.sh $(abspath $(STAGE)) samples

# ---- tests ------------------------------------------------------------------------------------

# A unit test is one cmocka program a module, tests/unit/NAME_test.c, linked with the static libraries;
# tests/unit/support/*.c goes into all of them. An end-to-end test is an executable tests/e2e/NAME.{sh,py}.
UNIT_SRC  := $(call src,tests/unit)
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
# but for what takes the place of the C library's calls
UNIT_TXN  := $(addprefix $(B)/obj/tests/unit/support/,disk_faults.o txn_scene.o)
UNIT_SUPPORT := $(filter-out $(UNIT_TXN),$(call obj,$(call src,tests/unit/support)))
UNIT_LIBS := $(addprefix $(STAGE)/lib/libcsvc,-grpc-core.a -nghttp2.a -sqlite.a -http.a .a)
TEST_CFLAGS = -Igenerator -Igenerator/pb -Iruntime/std/pb -Itests/unit/support $(call pkg,--cflags,cmocka $(PKGS_GRPC) $(PKGS_NGHTTP2) $(PKGS_SQLITE))
# asked for when something is linked, and once
TEST_LIBS   = $(eval TEST_LIBS := $$(call pkg,--libs,cmocka $$(PKGS_GRPC) $$(PKGS_NGHTTP2) $$(PKGS_SQLITE) $$(PKGS_HTTP) $$(PKGS_BASE) yaml-0.1 libgit2 jansson) -lm)$(TEST_LIBS)
E2E       := $(sort $(wildcard tests/e2e/*.sh tests/e2e/*.py))

# The transports that tests run on: all tests on the first, on the others those that serve: unit tests that include
# transports.h, end-to-end tests with a line `# transports: both`, torture.
CHECK_TRANSPORTS := nghttp2 grpc-core
FURTHER_TRANSPORTS = $(wordlist 2,9,$(CHECK_TRANSPORTS))
UNIT_SERVING := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(shell grep -l 'transports\.h[">]' $(UNIT_SRC)))
E2E_SERVING  := $(shell grep -l '^\# transports: both$$' $(E2E))

$(B)/obj/tests/%.o: CSVC_CFLAGS += $(TEST_CFLAGS)
# the parts of c-svc, but not its main
CLI_PARTS := $(B)/cli.a
$(CLI_PARTS): $(filter-out %/main.o,$(call obj,$(CLI_SRC)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(UNIT_BIN): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(UNIT_SUPPORT) $(CLI_PARTS) $(GENERATOR_OBJ) $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CLI_PARTS) $(UNIT_LIBS) $(TEST_LIBS)
$(B)/tests/unit/update_txn_test $(B)/tests/unit/update_txn_killed_test: $(UNIT_TXN)
-include $(patsubst %.c,$(B)/obj/%.d,$(UNIT_SRC) $(call src,tests/unit/support))

# What tests learn about their surroundings.
export CSVC_SOURCE := $(CURDIR)
export CSVC_BUILD   = $(abspath $(B))
export CSVC_STAGE   = $(abspath $(STAGE))
export CSVC_PEERS   = $(PEERS)
export CSVC_SAN     = $(SAN)
export TSAN_OPTIONS ?= ignore_noninstrumented_modules=1 halt_on_error=1 suppressions=$(CURDIR)/tests/tools/tsan.supp
export ASAN_OPTIONS ?= detect_leaks=1 detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= print_stacktrace=1

RESULTS := $(B)/results
runner   = tests/run.py --results $(RESULTS)/$(1).json --label $(1)
# A stage: all programs on the first transport, those that serve on the others. $(1): its name and flags, $(2): all of them,
# $(3): those that serve
on_each  = status=0; CSVC_TEST_TRANSPORT=$(firstword $(CHECK_TRANSPORTS)) $(call runner,$(firstword $(1))) $(wordlist 2,9,$(1)) $(2) || status=1; \
    $(foreach t,$(FURTHER_TRANSPORTS),CSVC_TEST_TRANSPORT=$t $(call runner,$(firstword $(1))-$t) $(wordlist 2,9,$(1)) $(3) || status=1;) exit $$status
# The results of such a stage.
results_of = $(foreach s,$(1),$(RESULTS)/$s.json $(FURTHER_TRANSPORTS:%=$(RESULTS)/$s-%.json))

# A locale with a decimal comma, in a folder of our own: numbers in JSON may not follow it.
LOCALE := $(B)/locale/de_DE.UTF-8
export LOCPATH = $(abspath $(B))/locale
$(LOCALE):
	@mkdir -p $(@D)
	$(say) LOCALE $@
	$(Q)unset LOCPATH; localedef --no-archive -i de_DE -f UTF-8 $(abspath $@)

.PHONY: unit check check-unit check-e2e check-corpus check-style format check-asan check-tsan check-oom
unit: $(UNIT_BIN) $(LOCALE)

check-unit: unit
	@$(call on_each,unit,$(UNIT_BIN),$(UNIT_SERVING))

check-e2e: all bench-programs interop interop-peers peers
	@$(call on_each,e2e --timeout 600,$(E2E),$(E2E_SERVING))

# All protos of others' packages; check-e2e has some of them (tests/e2e/corpus.py).
check-corpus: all peers-corpus
	@tests/corpus/run.py $(PEERS)/corpus

# The same tests built with sanitizers; end to end those that are marked as worth it, by name.
E2E_SAN := $(filter %_san.sh %_san.py,$(E2E))
check-asan:
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined $(parallel) all unit interop torture-programs
	@$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined run-asan
check-tsan:
	@$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread $(parallel) all unit interop torture-programs
	@$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread run-tsan
.PHONY: run-asan run-tsan
run-asan run-tsan: run-%:
	@$(call on_each,$* --timeout 600,$(UNIT_BIN) $(E2E_SAN) $(TORTURE_SAN),$(UNIT_SERVING) $(filter $(E2E_SAN),$(E2E_SERVING)) $(TORTURE_SAN))

# One transport alone.
.PHONY: check-nghttp2 check-grpc-core
check-nghttp2 check-grpc-core: check-%: all unit interop interop-peers torture-programs peers
	@status=0; \
	CSVC_TEST_TRANSPORT=$* $(call runner,unit-$*) $(UNIT_SERVING) || status=1; \
	CSVC_TEST_TRANSPORT=$* $(call runner,e2e-$*) --timeout 600 $(E2E_SERVING) || status=1; \
	CSVC_TEST_TRANSPORT=$* $(call runner,torture-$*) --jobs 1 --timeout 300 $(TORTURE_SERVING) || status=1; exit $$status

# Tests that fail each allocation in turn; a subset of the unit tests, by name.
OOM_BIN := $(filter %_oom_test,$(UNIT_BIN))
check-oom: $(OOM_BIN)
	@$(call runner,oom) $(OOM_BIN)

check-style:
	@$(call runner,style) tests/tools/check-style.sh
format:
	@tests/tools/check-style.sh --ours '*.c' '*.h' | xargs clang-format-14 -i

# Building takes every CPU, unless -j says otherwise; tests do not run below a -j, their own makes would hear of it.
parallel = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# Everything. Each stage leaves its counts; the last line adds them up.
check: deps peers
	@rm -rf $(RESULTS) $(B)/asan/results $(B)/tsan/results $(B)/clang/results
	-@$(MAKE) --no-print-directory check-style
	-@$(MAKE) --no-print-directory DEVELOPER=1 $(parallel) all unit bench-programs interop torture-programs && \
	    $(MAKE) --no-print-directory DEVELOPER=1 check-unit
	-@$(MAKE) --no-print-directory DEVELOPER=1 check-e2e
	-@$(MAKE) --no-print-directory DEVELOPER=1 check-torture
	-@$(MAKE) --no-print-directory DEVELOPER=1 check-asan
	-@$(MAKE) --no-print-directory DEVELOPER=1 check-tsan
	-@$(MAKE) --no-print-directory DEVELOPER=1 check-oom
	-@$(MAKE) --no-print-directory check-fuzz
	@tests/run.py --summary $(RESULTS)/style.json $(call results_of,unit e2e torture) $(RESULTS)/oom.json \
	    $(subst $(RESULTS),$(B)/asan/results,$(call results_of,asan)) \
	    $(subst $(RESULTS),$(B)/tsan/results,$(call results_of,tsan)) \
	    $(B)/clang/results/fuzz.json

# ---- torture ----------------------------------------------------------------------------------

# Faults and loads, tests/torture/index names each: programs tests/torture/tNN_NAME.py around one server, short here, long by
# `make torture`; those named *_san.py run under the sanitizers, too.
TORTURE      := $(B)/torture
TORTURE_SERVING := $(sort $(wildcard tests/torture/t*.py))
TORTURE_TEST := tests/torture/index.py $(TORTURE_SERVING)
TORTURE_SAN  := $(filter %_san.py,$(TORTURE_TEST))
TORTURE_GEN  := $(addprefix $(TORTURE)/gen/torture,.pb-c.c .csvc.c)
TORTURE_OBJ  := $(TORTURE_GEN:.c=.o)
TORTURE_BIN  := $(TORTURE)/server $(TORTURE)/load $(TORTURE)/races
TORTURE_PROTO := tests/torture/server/torture.proto
TORTURE_PROTOC = protoc -Itests/torture/server -Iruntime/proto

$(TORTURE_GEN) &: $(TORTURE_PROTO) $(STAGE)/bin/protoc-gen-c-svc
	@mkdir -p $(TORTURE)/gen
	$(say) PROTOC $<
	$(Q)$(TORTURE_PROTOC) --plugin=$(STAGE)/bin/protoc-gen-c-svc --c-svc_out=$(TORTURE)/gen $<
$(TORTURE_OBJ): %.o: %.c $(WKT_HEADERS)
	$(say) CC $<
	$(Q)$(CC) $(CSVC_CFLAGS) -Wno-pedantic -Wno-overlength-strings -I$(B)/wkt $(CFLAGS) -c -o $@ $<
$(B)/obj/tests/torture/%.o: CSVC_CFLAGS += -I$(TORTURE)/gen -I$(B)/wkt
$(addprefix $(B)/obj/tests/torture/,load.o races.o server/server.o): $(TORTURE_GEN)
$(TORTURE)/server: $(B)/obj/tests/torture/server/server.o
$(TORTURE)/load:   $(B)/obj/tests/torture/load.o
$(TORTURE)/races:  $(B)/obj/tests/torture/races.o $(addprefix $(B)/obj/tests/unit/support/,certs.o transports.o)
$(TORTURE_BIN): $(TORTURE_OBJ) $(UNIT_LIBS) $(STAGE)/lib/libcsvc-wkt.a
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(STAGE)/lib/libcsvc-wkt.a $(UNIT_LIBS) $(TEST_LIBS)
-include $(patsubst %.c,$(B)/obj/%.d,$(wildcard tests/torture/*.c tests/torture/server/*.c))

# the same service on grpc++, for ratios
$(TORTURE)/oracle: tests/torture/oracle.cc $(TORTURE_PROTO)
	@mkdir -p $(TORTURE)/cpp
	$(say) CXX $<
	$(Q)$(TORTURE_PROTOC) --cpp_out=$(TORTURE)/cpp --grpc_out=$(TORTURE)/cpp --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) \
	    $(TORTURE_PROTO) c_svc/options.proto
	$(Q)$(CXX) -std=c++17 -O2 -I$(TORTURE)/cpp -o $@ $< $(TORTURE)/cpp/torture.pb.cc \
	    $(TORTURE)/cpp/torture.grpc.pb.cc $(TORTURE)/cpp/c_svc/options.pb.cc $(call pkg,--cflags --libs,grpc++ protobuf)

.PHONY: torture check-torture torture-programs torture-races
torture-programs: $(TORTURE_BIN) $(if $(SAN),,$(TORTURE)/oracle)
check-torture: all torture-programs
	@$(call on_each,torture --jobs 1 --timeout 300,$(TORTURE_TEST),$(TORTURE_SERVING))
# T1 and T8 are end-to-end tests, too, where they have few rounds; T19 is worth most under ThreadSanitizer
TORTURE_ALSO := tests/e2e/interop_peers.py tests/e2e/stop_load_san.py
torture: all torture-programs interop interop-peers peers
	@export CSVC_TORTURE=long CSVC_INTEROP_ROUNDS=20 STOP_ROUNDS=50; \
	$(call on_each,torture --jobs 1 --timeout 7200,$(TORTURE_TEST) $(TORTURE_ALSO) tests/e2e/update_property.py,$(TORTURE_SERVING) $(TORTURE_ALSO))
	@$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread $(parallel) all torture-programs
	@$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread torture-races
torture-races: TORTURE_RACES := $(filter %/t19_races_san.py,$(TORTURE_SAN))
torture-races:
	@export CSVC_TORTURE=long; $(call on_each,torture --jobs 1 --timeout 7200,$(TORTURE_RACES),$(TORTURE_RACES))

# ---- fuzzing ----------------------------------------------------------------------------------

# tests/fuzz/NAME_fuzz.c is a libFuzzer target with a kept corpus in tests/fuzz/corpus/NAME. check-fuzz replays
# the corpora and tries new inputs for FUZZ_SECONDS each, the same ones every time; make fuzz FUZZ_SECONDS=600
# tries others and takes longer.
FUZZ_SECONDS ?= 10
FUZZ_SEED := 0
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%_fuzz.c=$(B)/fuzz/%)
$(FUZZ_BIN): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%_fuzz.o $(UNIT_SUPPORT) $(CLI_PARTS) $(GENERATOR_OBJ) $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -fsanitize=fuzzer $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(CLI_PARTS) $(UNIT_LIBS) $(TEST_LIBS)

.PHONY: fuzz check-fuzz fuzz-programs run-fuzz
fuzz-programs: $(FUZZ_BIN)
check-fuzz: FUZZ_SEED := 1
fuzz check-fuzz:
	@$(MAKE) --no-print-directory B=$(B)/clang CC=clang-14 SAN=address,undefined CFLAGS='$(CFLAGS) -fsanitize=fuzzer-no-link' $(parallel) fuzz-programs
	@$(MAKE) --no-print-directory B=$(B)/clang FUZZ_SEED=$(FUZZ_SEED) run-fuzz
run-fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) $(call runner,fuzz) --timeout $$(($(FUZZ_SECONDS) * 10 + 300)) tests/tools/fuzz.sh

# ---- benchmarks -------------------------------------------------------------------------------

# tests/bench/NAME.c is a program; peers/ holds those of other makers' libraries, which `make bench` measures, too.
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_OWN := $(BENCH_SRC:tests/bench/%.c=$(B)/bench/%) $(B)/bench/csvc_server_light
BENCH_BIN := $(BENCH_OWN) $(B)/bench/codec_bench_cpp
$(B)/bench/codec_bench_cpp: tests/bench/peers/codec_bench_cpp.cc tests/bench/support/codec_bench.proto
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)protoc -I tests/bench/support --cpp_out=$(B)/bench codec_bench.proto
	$(Q)$(CXX) -O2 -I$(B)/bench -o $@ $< $(B)/bench/codec_bench.pb.cc $(call pkg,--cflags --libs,protobuf)
BENCH_LIBS = $(UNIT_LIBS) $(TEST_LIBS)
# what serving takes when the C core is left out
$(B)/bench/csvc_server_light: BENCH_LIBS = $(STAGE)/lib/libcsvc-nghttp2.a $(STAGE)/lib/libcsvc.a \
    $(call pkg,--libs,$(PKGS_NGHTTP2) $(PKGS_BASE)) -lm
$(B)/obj/tests/bench/csvc_server_light.o: tests/bench/csvc_server.c
	@mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CSVC_CFLAGS) -DBENCH_NGHTTP2_ALONE $(CFLAGS) -MMD -MP -c -o $@ $<
# nothing of ours, nor what ours needs
$(B)/bench/stream_load $(B)/bench/bare_nghttp2_server: BENCH_LIBS = $(call pkg,--libs,libnghttp2)
$(BENCH_OWN): $(B)/bench/%: $(B)/obj/tests/bench/%.o $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BENCH_LIBS)
-include $(BENCH_OWN:$(B)/bench/%=$(B)/obj/tests/bench/%.d)

$(B)/bench/cpp_server: tests/bench/peers/cpp_server.cc tests/bench/peers/calc.proto
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)protoc -I tests/bench/peers --cpp_out=$(B)/bench --grpc_out=$(B)/bench \
	    --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) calc.proto
	$(Q)$(CXX) -O2 -I$(B)/bench -o $@ $< $(B)/bench/calc.pb.cc $(B)/bench/calc.grpc.pb.cc \
	    $(call pkg,--cflags --libs,grpc++ protobuf)

# grpc-go, as its go.mod pins it; without a go that can build it the tables lack that row, and say so.
GO_PEER := $(B)/bench/go
$(B)/bench/go_server: tests/bench/peers/calc.proto $(wildcard tests/bench/peers/go/*)
	@mkdir -p $(GO_PEER)/calc $(GO_PEER)/bin
	$(say) GO $@
	$(Q)cp tests/bench/peers/go/* $(GO_PEER)/
	$(Q)cd $(GO_PEER) && export GOFLAGS=-mod=mod GOBIN=$$PWD/bin PATH="$$PWD/bin:$$PATH" && \
	    go install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc && \
	    protoc -I $(CURDIR)/tests/bench/peers --go_out=. --go_opt=module=csvc.test/bench --go-grpc_out=. \
	        --go-grpc_opt=module=csvc.test/bench calc.proto && go build -o $(abspath $@) .

# tonic, as its Cargo.toml pins it
TONIC_PEER := $(B)/bench/tonic
$(B)/bench/tonic_server: tests/bench/peers/calc.proto $(shell find tests/bench/peers/tonic -type f)
	@mkdir -p $(TONIC_PEER)
	$(say) CARGO $@
	$(Q)cp -r tests/bench/peers/tonic/. tests/bench/peers/calc.proto $(TONIC_PEER)/
	$(Q)cargo build --quiet --release --manifest-path $(TONIC_PEER)/Cargo.toml --target-dir $(TONIC_PEER)/target
	$(Q)cp $(TONIC_PEER)/target/release/tonic_server $@

.PHONY: bench-peers
bench-peers:
	-@$(MAKE) --no-print-directory $(B)/bench/cpp_server || echo 'NOT TRIED: grpc++ could not be built'
	-@if command -v go > /dev/null; then $(MAKE) --no-print-directory $(B)/bench/go_server; else false; fi || \
	    echo 'NOT TRIED: grpc-go could not be built'
	-@if command -v cargo > /dev/null; then $(MAKE) --no-print-directory $(B)/bench/tonic_server || \
	    echo 'NOT TRIED: tonic: it could not be built'; else echo 'NOT TRIED: tonic: there is no cargo'; fi

# ---- interop ----------------------------------------------------------------------------------

# gRPC's interoperability tests: a server and a client made with our own generator (docs/interop.md).
INTEROP     := $(B)/interop_server $(B)/interop_client
INTEROP_GEN := $(B)/interop/interop.pb-c.c $(B)/interop/interop.csvc.c
INTEROP_OBJ := $(INTEROP_GEN:$(B)/%.c=$(B)/obj/%.o) $(B)/obj/tests/interop/flags.o
$(INTEROP_GEN) &: tests/interop/proto/interop.proto $(STAGE)/bin/protoc-gen-c-svc
	@mkdir -p $(B)/interop
	$(say) PROTOC $<
	$(Q)protoc -I $(<D) --plugin=$(STAGE)/bin/protoc-gen-c-svc --c-svc_out=$(B)/interop $(<F)
$(B)/obj/interop/%.o: $(B)/interop/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CSVC_CFLAGS) -Wno-pedantic $(CFLAGS) -MMD -MP -c -o $@ $<
$(INTEROP:$(B)/interop_%=$(B)/obj/tests/interop/%.o): CSVC_CFLAGS += -I$(B)/interop
$(INTEROP:$(B)/interop_%=$(B)/obj/tests/interop/%.o): | $(INTEROP_GEN)
$(INTEROP): $(B)/interop_%: $(B)/obj/tests/interop/%.o $(INTEROP_OBJ) $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)
-include $(wildcard $(B)/obj/tests/interop/*.d $(B)/obj/interop/*.d)

# the same on C++'s library, for the tests of it
$(B)/interop/cpp_peer: tests/interop/cpp/peer.cc tests/interop/proto/interop.proto
	@mkdir -p $(@D)/cpp
	$(say) CXX $<
	$(Q)protoc -I tests/interop/proto --cpp_out=$(@D)/cpp --grpc_out=$(@D)/cpp \
	    --plugin=protoc-gen-grpc="$$(command -v grpc_cpp_plugin)" interop.proto
	$(Q)$(CXX) -std=c++17 -O0 -I$(@D)/cpp -o $@ $< $(call pkg,--cflags --libs,grpc++ grpc protobuf) -pthread

# what --use_tls alone uses: a CA of this build, and a certificate for the names that grpc's test runners call
TEST_CERT := -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650
$(B)/interop/server1.pem:
	@mkdir -p $(@D)
	$(say) OPENSSL $@
	$(Q)cd $(@D) && openssl req -x509 $(TEST_CERT) -subj '/CN=interop test CA' -keyout ca.key -out ca.pem 2> /dev/null
	$(Q)cd $(@D) && openssl req -x509 $(TEST_CERT) -subj '/CN=*.test.google.com' -CA ca.pem -CAkey ca.key \
	    -addext 'basicConstraints=critical,CA:false' -addext 'subjectAltName=DNS:*.test.google.fr,DNS:localhost,IP:127.0.0.1,IP:::1' \
	    -keyout server1.key -out $(@F) 2> /dev/null

.PHONY: interop interop-peers
interop: $(INTEROP) $(B)/interop/server1.pem
interop-peers: $(B)/interop/cpp_peer

.PHONY: bench bench-programs clean
bench-programs: $(BENCH_BIN)
bench: all bench-programs bench-peers
	@tests/bench/run.py

clean:
	rm -rf $(B)
