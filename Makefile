# make help tells what there is.

CC      ?= gcc
BUILD   ?= build
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3

WARN    := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
           -Wconversion -Wno-sign-conversion -Wpointer-arith -Wundef -Wvla
CPPFLAGS += -D_GNU_SOURCE -Isrc -I. -I$(BUILD)/gen

# SANITIZE is address, undefined or thread; used by `make asan` and its like.
ifneq ($(SANITIZE),)
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(SANFLAGS) -MMD -MP $(CPPFLAGS)

PROGRAMS := $(patsubst %,$(BUILD)/%,user-server post-server postcli)

# One short line a file; V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@echo "  $(1)  $(2)")
link     = $(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@

.DEFAULT_GOAL := all
# (.SECONDARY: of everything would take an archive that lacks a moved file for new.)
.PRECIOUS: $(BUILD)/obj/tests/%.o $(BUILD)/obj/once/%.o $(BUILD)/obj/fuzz-lib/%.o \
           $(BUILD)/obj/gen/%.pb-c.stamp \
           $(BUILD)/obj/gen/google/protobuf/%.pb-c.stamp
.DELETE_ON_ERROR:

include mk/proto.mk
include mk/layers.mk
include mk/tests.mk
include mk/lint.mk
include mk/interop.mk
include mk/bad-days.mk
include mk/fuzz.mk
include mk/bench.mk
include mk/install.mk

.PHONY: all help setup setup-test setup-bench setup-fuzz setup-lint setup-postgres demo \
        demo-postgres run run-postgres certs clang clean

##@ Use it

all: $(PROGRAMS) ## build the two servers and postcli
	@:

demo: setup ## the four shapes of calls between the programs and live data, in a minute
	@$(MAKE) --no-print-directory -j2 all
# A job of its own, which Ctrl-C reaches and make does not see. 130: it was stopped so.
	@BUILD=$(BUILD) bash -mc 'client-cli/demo/demo.sh; s=$$?; [ $$s = 130 ] || exit $$s'

DATA ?= data
run: setup ## both servers in the foreground; their data stays in DATA=data
	@$(MAKE) --no-print-directory -j2 all
# A job of its own, which Ctrl-C reaches and make does not see.
	@BUILD=$(BUILD) DATA=$(DATA) bash -mc 'client-cli/demo/run.sh; exit $$?'

# The same on a PostgreSQL from Debian's package, which runs as an ordinary user. A variable of
# the make below, and so of what that runs.
demo-postgres: setup-postgres ## make demo, on a PostgreSQL of its own
	@$(MAKE) --no-print-directory demo STORE=postgres
run-postgres: setup-postgres ## make run, on a PostgreSQL whose data stays in DATA=data
	@$(MAKE) --no-print-directory run STORE=postgres

CERTS ?= $(BUILD)/certs
certs: setup-test ## certificates to try TLS with, in CERTS=build/certs
	@tests/certs.sh $(CERTS)
	@echo "certificates for localhost, and the CA to trust, are in $(CERTS)"

clang: ## build everything with clang, into build/clang
	@$(MAKE) tests BUILD=build/clang CC=clang

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -f mk/help.awk $(MAKEFILE_LIST)

# --- programs ------------------------------------------------------------------

$(BUILD)/user-server: $(BUILD)/obj/$(MAIN_user-server).o $(call libs,user)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,user)
$(BUILD)/post-server: $(BUILD)/obj/$(MAIN_post-server).o $(call libs,post)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,post)
$(BUILD)/postcli: $(BUILD)/obj/$(MAIN_postcli).o $(call libs,client)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,client)

$(BUILD)/openapi: $(BUILD)/obj/$(MAIN_openapi).o $(call libs,web)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,web)

$(BUILD)/obj/%.o: %.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(WARN) -c -o $@ $<

# Files as bytes in a program: the page of `postcli bench --report`, and what reflection tells.
$(BUILD)/obj/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -Wa,-I$(BUILD)/gen -c -o $@ $<
$(BUILD)/obj/client-cli/bench/bench_template.o: client-cli/bench/bench_report.html
$(BUILD)/obj/src/web/console/console_parts.o: $(wildcard src/web/console/page.* src/web/console/*.js)
$(BUILD)/obj/src/serverkit/reflection/descriptors.o: $(BUILD)/gen/descriptors.pb
$(BUILD)/obj/src/post/openapi.o: $(BUILD)/gen/openapi/post.json
$(BUILD)/obj/src/user/openapi.o: $(BUILD)/gen/openapi/user.json

# --- what it stands on ------------------------------------------------------------

##@ Set it up

setup: ## what a build needs, from Debian; other targets ask by themselves
	@.ci/setup need
setup-test:
	@.ci/setup test
setup-bench:
	@.ci/setup bench
setup-postgres:
	@.ci/setup postgres
setup-lint:
	@.ci/setup lint
setup-fuzz:
	@.ci/setup fuzz

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
