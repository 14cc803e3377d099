# c-svc: one Makefile, everything lands in $(B).   make help   lists the targets.
#
#   make V=1              shows the commands
#   make SAN=address,undefined B=build/asan   builds all of it under sanitizers
#   make DEVELOPER=1      warnings are errors (CI does)

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

PKGS_BASE   := libprotobuf-c
PKGS_GRPC   := grpc
PKGS_SQLITE := sqlite3
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wpedantic -Wmissing-prototypes -Wstrict-prototypes -Wold-style-definition \
            -Wpointer-arith -Wwrite-strings -Wvla -Wshadow -Wundef -Wformat=2 -Wdeclaration-after-statement
WARNINGS := $(filter-out -Wdeclaration-after-statement,$(WARNINGS))
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

STAGE := $(B)/stage
src    = $(sort $(wildcard $(addsuffix /*.c,$(1))))
obj    = $(patsubst %.c,$(B)/obj/%.o,$(1))

LIBCSVC_SRC   := $(call src,runtime/base runtime/codec runtime/transport runtime/rpc runtime/interceptors \
                   runtime/store runtime/app runtime/testing)
GRPC_CORE_SRC := $(call src,runtime/transport/grpc_core)
SQLITE_SRC    := $(call src,runtime/store/sqlite)
GENERATOR_SRC := $(call src,generator generator/pb)
PLUGIN_SRC    := $(call src,generator/plugin)
CLI_SRC       := $(call src,generator/cli)
TEMPLATES     := $(sort $(shell find templates -type f))

ALL_SRC := $(LIBCSVC_SRC) $(GRPC_CORE_SRC) $(SQLITE_SRC) $(GENERATOR_SRC) $(PLUGIN_SRC) $(CLI_SRC)

WKT       := any api duration empty field_mask source_context struct timestamp type wrappers
WKT_SRC   := $(foreach w,$(WKT),$(B)/wkt/google/protobuf/$(w).pb-c.c $(B)/wkt/google/protobuf/$(w).csvc.c)
WKT_OBJ   := $(patsubst $(B)/wkt/%.c,$(B)/obj/wkt/%.o,$(WKT_SRC))

LIBS     := libcsvc libcsvc-grpc-core libcsvc-sqlite libcsvc-wkt
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
	@echo 'make check      everything: style, unit, end to end, sanitizers, allocation failures'
	@echo 'make check-unit check-e2e check-style check-asan check-tsan check-oom'
	@echo 'make bench      ratios against named peers'
	@echo 'make samples    regenerates samples/'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)      make uninstall'

# ---- compiling --------------------------------------------------------------------------------

$(call obj,$(GRPC_CORE_SRC)): CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_GRPC))
$(call obj,$(SQLITE_SRC)):    CSVC_CFLAGS += $(call pkg,--cflags,$(PKGS_SQLITE))
$(call obj,$(GENERATOR_SRC) $(PLUGIN_SRC) $(CLI_SRC)): CSVC_CFLAGS += -Igenerator -Igenerator/pb
# protoc-gen-c's own output, not ours to mend
$(filter %.pb-c.o,$(call obj,$(GENERATOR_SRC))) $(filter %.pb-c.o,$(WKT_OBJ)): CSVC_CFLAGS += -Wno-pedantic -Wno-overlength-strings

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
$(STAGE)/lib/libcsvc-sqlite.a:    $(call obj,$(SQLITE_SRC))
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
$(STAGE)/lib/libcsvc-sqlite.so:    $(call obj,$(SQLITE_SRC)) | $(STAGE)/lib/libcsvc.so
$(STAGE)/lib/libcsvc-sqlite.so:    SO_LIBS = -L$(STAGE)/lib -lcsvc $(call pkg,--libs,$(PKGS_SQLITE))
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
$(STAGE)/bin/c-svc:            $(call obj,$(CLI_SRC)) $(GENERATOR_OBJ) $(STAGE)/lib/libcsvc.a
$(STAGE)/bin/c-svc:            PROGRAM_LIBS = $(call pkg,--libs,yaml-0.1)
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

# csvc/stream.h is the drawn shape of what does not exist yet
HEADERS     := $(filter-out %/stream.h,$(wildcard runtime/include/csvc/*.h))
WKT_HEADERS := $(WKT_SRC:.c=.h)
STAGED      := $(HEADERS:runtime/include/%=$(STAGE)/include/%) \
               $(WKT_HEADERS:$(B)/wkt/%=$(STAGE)/include/csvc-wkt/%) \
               $(STAGE)/share/c-svc/proto/c_svc/options.proto \
               $(LIBS:%=$(STAGE)/lib/pkgconfig/%.pc)
stage: $(STAGED) $(LIB_A) $(LIB_SO) $(PROGRAMS)

$(STAGE)/include/csvc/%.h: runtime/include/csvc/%.h
	$(Q)install -D -m 644 $< $@
$(STAGE)/include/csvc-wkt/%.h: $(B)/wkt/%.h
	$(Q)install -D -m 644 $< $@
$(WKT_HEADERS): $(WKT_SRC)
$(STAGE)/share/c-svc/proto/%: runtime/proto/%
	$(Q)install -D -m 644 $< $@
$(STAGE)/lib/pkgconfig/%.pc: runtime/%.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/' $< > $@

# ---- tests ------------------------------------------------------------------------------------

# A unit test is one cmocka program a module, tests/unit/NAME_test.c, linked with the static libraries.
# tests/unit/support/*.c is linked into all of them.
UNIT_SRC  := $(call src,tests/unit)
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
UNIT_LIBS := $(STAGE)/lib/libcsvc-grpc-core.a $(STAGE)/lib/libcsvc-sqlite.a $(STAGE)/lib/libcsvc.a
TEST_CFLAGS = -Igenerator -Igenerator/pb -Itests/unit/support $(call pkg,--cflags,cmocka $(PKGS_SQLITE))
TEST_LIBS   = $(call pkg,--libs,cmocka $(PKGS_GRPC) $(PKGS_SQLITE) $(PKGS_BASE) yaml-0.1) -lm -ldl

$(B)/obj/tests/%.o: CSVC_CFLAGS += $(TEST_CFLAGS)
$(UNIT_BIN): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(call obj,$(call src,tests/unit/support)) \
             $(GENERATOR_OBJ) $(UNIT_LIBS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(CSVC_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(UNIT_LIBS) $(TEST_LIBS)
-include $(patsubst %.c,$(B)/obj/%.d,$(UNIT_SRC) $(call src,tests/unit/support))

.PHONY: unit check-unit clean
unit: $(UNIT_BIN)
clean:
	rm -rf $(B)
