# make demo    what it does, in a minute      make test    every test
# make run     both servers in the foreground make         build only
# make asan | ubsan | tsan                    the tests under a sanitizer
# make interop gRPC's own test cases, with ours and others' programs
# make clang   build with clang               make clean
# make coverage                               what the tests ran of our code, by folder
# make oidc    tokens of a real OpenID provider, which it installs: for containers
# make certs   to try TLS, in CERTS=build/certs
# make test T=token                           only tests whose file name has "token"
# make install | uninstall                    prefix=/usr/local, DESTDIR=
# make bench | bench-quick                    against nghttpd, gRPC C++ and Go; 14 minutes, 2

CC      ?= gcc
BUILD   ?= build
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3

WARN    := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
           -Wconversion -Wno-sign-conversion -Wpointer-arith -Wundef -Wvla
CPPFLAGS += -D_GNU_SOURCE -Isrc -I. -I$(BUILD)/gen
LDLIBS  := -lgrpc -lgpr -lnghttp2 -lprotobuf-c -luv -llmdb -ljansson -lmicrohttpd -lxxhash -lcjose -lcurl -lssl -lcrypto -lnettle -lz -lpthread

# SANITIZE is address, undefined or thread; used by the targets below.
ifneq ($(SANITIZE),)
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(SANFLAGS) -MMD -MP $(CPPFLAGS)

PROTOS  := v1/post/post v1/user/user grpc/health/v1/health \
           grpc/reflection/v1/reflection google/rpc/status google/rpc/error_details \
           $(patsubst %,google/protobuf/%,any descriptor duration timestamp)
GEN_OBJ := $(PROTOS:%=$(BUILD)/obj/gen/%.pb-c.o)
SRC     := $(wildcard src/*/*.c src/*/*/*.c streams/*.c client-cli/*.c)
MAINS   := src/user/main.c src/post/main.c client-cli/main.c
LIB_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(MAINS),$(SRC))) \
           $(BUILD)/obj/client-cli/bench_template.o $(BUILD)/obj/src/reflection/descriptors.o
LIB     := $(BUILD)/libpair.a
PROGRAMS := $(BUILD)/user-server $(BUILD)/post-server $(BUILD)/postcli

TEST_LIB := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/lib/*.c))
TEST_SRC := $(wildcard tests/unit/test_*.c tests/flow/test_*.c)
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
# The contract of a server's calls, which both transports keep.
ON_BOTH := $(addprefix $(BUILD)/tests/flow/test_,call call_flow call_loops interceptors metadata memory_calls)
INTEROP := $(BUILD)/interop-server $(BUILD)/interop-client
# With the peer on grpc-go where that is installed: `make test` does not ask for it, it is large.
IF_GO   := $(and $(wildcard /usr/bin/go),$(wildcard /usr/bin/protoc-gen-go),$(wildcard \
           /usr/share/gocode/src/google.golang.org/grpc/server.go),$(BUILD)/interop-go)
T       ?=

# One short line a file; V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@echo "  $(1)  $(2)")

.PHONY: all setup setup-test setup-bench tests test oidc check check-includes ctest run-ctest e2e \
        run-e2e demo run certs asan ubsan tsan coverage clang bench bench-quick bench-programs \
        interop man install uninstall clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS)
	@:

setup:
	@.ci/setup need
setup-test:
	@.ci/setup test
setup-bench:
	@.ci/setup bench
setup-fuzz:
	@.ci/setup fuzz

# --- programs ------------------------------------------------------------------

$(BUILD)/user-server: $(BUILD)/obj/src/user/main.o $(LIB)
$(BUILD)/post-server: $(BUILD)/obj/src/post/main.o $(LIB)
$(BUILD)/postcli: $(BUILD)/obj/client-cli/main.o $(LIB)
$(PROGRAMS):
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(LIB_OBJ) $(GEN_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/obj/%.o: %.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(WARN) -c -o $@ $<

# The page of `postcli bench --report`, as bytes in the program.
$(BUILD)/obj/client-cli/bench_template.o: client-cli/bench_template.S client-cli/bench_report.html
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -c -o $@ $<

# --- the contract: protobuf-c code from proto/ ------------------------------------

PROTO_INCLUDE := $(firstword $(wildcard /usr/include/google /usr/local/include/google))
$(BUILD)/obj/gen/%.pb-c.stamp: proto/%.proto
	@mkdir -p $(BUILD)/gen $(@D)
	$(call say,GEN,$(@F:.stamp=.c))
	$(Q)protoc-c -I proto -I $(dir $(PROTO_INCLUDE)) --c_out=$(BUILD)/gen $<
	@touch $@
$(BUILD)/obj/gen/google/protobuf/%.pb-c.stamp:
	@mkdir -p $(BUILD)/gen $(@D)
	$(call say,GEN,$(@F:.stamp=.c))
	$(Q)protoc-c -I $(dir $(PROTO_INCLUDE)) --c_out=$(BUILD)/gen $(dir $(PROTO_INCLUDE))google/protobuf/$*.proto
	@touch $@
$(BUILD)/obj/gen/%.pb-c.o: $(GEN_OBJ:.o=.stamp)
	$(call say,CC,$*.pb-c.c)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $(BUILD)/gen/$*.pb-c.c

# What server reflection tells: descriptors of everything, as bytes in the programs.
PROTO_FILES := $(sort $(wildcard proto/*/*/*.proto proto/*/*/*/*.proto))
$(BUILD)/gen/descriptors.pb: $(PROTO_FILES)
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I proto -I $(dir $(PROTO_INCLUDE)) --include_imports --descriptor_set_out=$@ $^
$(BUILD)/obj/src/reflection/descriptors.o: src/reflection/descriptors.S $(BUILD)/gen/descriptors.pb
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -Wa,-I$(BUILD)/gen -c -o $@ $<

# --- tests ---------------------------------------------------------------------------

# Criterion's macros do not survive the whole warning set.
$(BUILD)/obj/tests/%.o: tests/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Wall -Wextra -Werror -Itests -c -o $@ $<
# Our library, with what it has from the heap taken through tests/lib/heap.c.
LIB_HEAP := $(BUILD)/libpair-heap.a
$(LIB_HEAP): $(LIB) tests/lib/heap.syms
	$(Q)objcopy --redefine-syms=tests/lib/heap.syms $< $@
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_LIB) $(LIB_HEAP)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

tests: $(PROGRAMS) $(TESTS) $(INTEROP) $(IF_GO) $(BUILD)/fault-proxy $(BUILD)/seeds

export ASAN_OPTIONS ?= abort_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= abort_on_error=1:print_stacktrace=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/tsan.supp:halt_on_error=1

# Sub-makes, so that what setup-test installs is there when make looks for it.
test: setup-test
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory check

# What fails is run once more before it counts, and both runs are there to be read; tests that
# passed only then are told last, and more than a few of them fail the run.
FLAKES := $(BUILD)/flakes
AGAIN  := $(PYTHON) -B tests/again.py $(FLAKES)
counted = @rm -f $(FLAKES); rc=0; $(MAKE) --no-print-directory $(1) || rc=$$?; \
          $(AGAIN) --report || rc=1; exit $$rc

# The C tests mostly wait, and so do the others: side by side they take less.
check: check-includes
	$(call counted,-j2 -Otarget run-ctest run-e2e)
ctest: check-includes
	$(call counted,run-ctest)
e2e:
	$(call counted,run-e2e)

# The two that speak HTTP/2 are each known in one folder only. (What protoc makes of
# proto/grpc/ is no part of the core.)
only_in = @! grep -rnE --include='*.[ch]' '^\s*\#\s*include\s*[<"]$(1)/' src streams client-cli | \
          grep -v -e '^src/runtime/$(2)/' -e '\.pb-c\.h"' || \
          { echo "only src/runtime/$(2)/ may include <$(1)/...>"; exit 1; }
check-includes:
	$(call only_in,grpc,core)
	$(call only_in,nghttp2,http)

run-ctest: tests
	@set -e; for t in $(if $(T),$(foreach t,$(TESTS),$(if $(findstring $(T),$(notdir $t)),$t)),$(TESTS)); do \
	    echo "== $$t"; $(AGAIN) timeout -k 5 120 $$t --jobs 2 --timeout 60 \
	        -- timeout -k 5 120 $$t --jobs 1 --timeout 60; done
	@set -e; for t in $(if $(T),$(foreach t,$(ON_BOTH),$(if $(findstring $(T),$(notdir $t)),$t)),$(ON_BOTH)); do \
	    echo "== $$t, on the gRPC core"; export CALL_TRANSPORT=core; \
	    $(AGAIN) timeout -k 5 120 $$t --jobs 2 --timeout 60 \
	        -- timeout -k 5 120 $$t --jobs 1 --timeout 60; done
	@echo "== $(BUILD)/seeds"; timeout -k 5 120 $(BUILD)/seeds $(SEEDS)

# Its 5: no test has that name, but a C one may. Most of these tests wait for
# something most of the time, so two files run at once. They play with time and
# signals, so what fails is run once more alone.
STRETCH ?= $(if $(SANITIZE),5,1)
PYTEST = BUILD=$(BUILD) TEST_STRETCH=$(STRETCH) $(PYTHON) -B -m pytest -q -rfEs \
         -o cache_dir=$(abspath $(BUILD))/pytest --durations=5 $(if $(T),-k $(T)) tests/e2e
run-e2e: $(INTEROP) $(IF_GO) $(BUILD)/fault-proxy
	@$(AGAIN) --if 1 env $(PYTEST) $(if $(T),,-n 2 --dist loadfile) \
	    -- env $(PYTEST) --last-failed || { rc=$$?; [ $$rc -eq 5 ] && [ -n "$(T)" ]; } || exit $$rc

asan:
	@$(MAKE) test BUILD=build/asan SANITIZE=address CFLAGS="-O1 -g"
ubsan:
	@$(MAKE) test BUILD=build/ubsan SANITIZE=undefined CFLAGS="-O1 -g"
# Criterion does not start under ThreadSanitizer: the programs and the stress test have a main of
# their own, and the end-to-end tests drive the programs.
tsan: setup-test
	@$(MAKE) --no-print-directory all BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g"
	@$(MAKE) --no-print-directory stress BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g" R=8
	@$(MAKE) --no-print-directory e2e BUILD=build/tsan SANITIZE=thread
# Not in "test": the package of the provider starts a service of its own, with a
# password that everybody knows.
oidc: setup-test
	@.ci/setup oidc
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory e2e T=test_oidc
# The counts of earlier runs go first; those of failed tests count too.
COVERAGE := BUILD=build/coverage STRETCH=3 CFLAGS="--coverage -fprofile-update=atomic -O0 -g"
coverage: setup-test
	@.ci/setup coverage
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory -j2 $(COVERAGE) tests
	@rc=0; $(MAKE) --no-print-directory $(COVERAGE) check || rc=$$?; \
	    $(PYTHON) -B tests/coverage.py build/coverage; exit $$rc
clang:
	@$(MAKE) tests BUILD=build/clang CC=clang

# --- what is written in Go: grpc-go as the peer of a benchmark and of interop -------------

# From Debian's packages alone: no module is looked for, and what a user's own Go is set to has no
# part in it. A folder of this tree is a package's import path.
GO_TREE := $(abspath $(BUILD))/go
GO      := GO111MODULE=off GOENV=off GOFLAGS= GOTOOLCHAIN=local GOCACHE=$(abspath build)/go-cache \
           GOPATH=$(GO_TREE):/usr/share/gocode go
GO_OUT   = --go_out=plugins=grpc,import_path=$(1),Mgoogle/protobuf/timestamp.proto=github.com/golang/protobuf/ptypes/timestamp:$(GO_TREE)/src

$(GO_TREE)/src/v1/post/post.pb.go: proto/v1/post/post.proto
	@mkdir -p $(GO_TREE)/src
	$(call say,GEN,$(@F))
	$(Q)protoc -I proto -I $(dir $(PROTO_INCLUDE)) $(call GO_OUT,post) $<
$(BUILD)/bench/go_peer: $(GO_TREE)/src/v1/post/post.pb.go $(wildcard tests/bench/go_peer/*.go)
	$(call say,GO,$@)
	$(Q)$(GO) vet ./tests/bench/go_peer
	$(Q)$(GO) build -o $@ ./tests/bench/go_peer

$(GO_TREE)/src/interop/test.pb.go: tests/interop/test.proto
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I $(<D) $(call GO_OUT,interop)/interop $<
$(BUILD)/interop-go: $(GO_TREE)/src/interop/test.pb.go $(wildcard tests/interop/go_peer/*.go)
	$(call say,GO,$@)
	$(Q)$(GO) vet ./tests/interop/go_peer
	$(Q)$(GO) build -o $@ ./tests/interop/go_peer

# --- interoperability --------------------------------------------------------------------

# gRPC's own test cases as a third service, and as the example of docs/tutorial.md.
INTEROP_PB  := $(BUILD)/gen/interop/test.pb-c
INTEROP_OBJ  = $(addprefix $(BUILD)/obj/tests/interop/,$(addsuffix .o,$(1))) $(INTEROP_PB).o

$(INTEROP_PB).c: tests/interop/test.proto
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc-c -I $(<D) --c_out=$(@D) $<
$(INTEROP_PB).o: $(INTEROP_PB).c
	$(call say,CC,$(<F))
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(BUILD)/obj/tests/interop/%.o: tests/interop/%.c | $(INTEROP_PB).c $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(WARN) -I$(dir $(INTEROP_PB)) -c -o $@ $<
$(BUILD)/interop-server: $(call INTEROP_OBJ,server flags service echo unary input output) $(LIB)
$(BUILD)/interop-client: $(call INTEROP_OBJ,client flags cases rpc) $(LIB)
$(INTEROP):
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Ours with each other, and with peers in Python and in Go; plaintext and TLS.
interop: setup-test
	@.ci/setup interop
	@$(MAKE) --no-print-directory -j2 $(INTEROP) $(BUILD)/interop-go
	@BUILD=$(BUILD) INTEROP_SOAK=2000 $(PYTHON) -B -m pytest -q -rP \
	    -o cache_dir=$(abspath $(BUILD))/pytest tests/e2e/test_interop.py
# --- bad days -----------------------------------------------------------------------------

# Calls over several loops, and the server stopped and started. R="ROUNDS SEED".
R ?= 40
$(BUILD)/stress-loops: $(BUILD)/obj/tests/stress/loops.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
stress: $(BUILD)/stress-loops
	@timeout 300 $(BUILD)/stress-loops $(R)

# The programs with one allocation failing, each in turn. M="user-server postcli" for some.
M ?=
MEMORY := $(patsubst %,$(BUILD)/memory/%,user-server post-server postcli)
$(BUILD)/memory/user-server: $(BUILD)/obj/src/user/main.o
$(BUILD)/memory/post-server: $(BUILD)/obj/src/post/main.o
$(BUILD)/memory/postcli: $(BUILD)/obj/client-cli/main.o
$(MEMORY): $(LIB_HEAP) $(BUILD)/obj/tests/lib/heap.o $(BUILD)/obj/tests/faults/fail_at.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)objcopy --redefine-syms=tests/lib/heap.syms $(filter %/main.o,$^) $@.main.o
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $@.main.o $(filter-out $(LIB_HEAP) %/main.o,$^) \
	    $(LIB_HEAP) $(LDLIBS)
memory: setup-test
	@$(MAKE) --no-print-directory -j2 $(MEMORY)
	@BUILD=$(BUILD) $(PYTHON) -B tests/faults/memory.py $(M)

.PHONY: stress memory faults soak hostile fuzz fuzz-targets setup-fuzz foreign

# F="--seed 7 --runs 20" is for faults.py.
F ?=
$(BUILD)/fault-proxy: $(BUILD)/obj/tests/faults/proxy.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ -luv
faults: setup-test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/fault-proxy
	@BUILD=$(BUILD) $(PYTHON) -B tests/faults/faults.py $(F)

# SOAK_MINUTES=1 for a shorter one; S="--seed 7" is for soak.py.
SOAK_MINUTES ?= 10
S ?=
soak: setup-test
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) $(PYTHON) -B tests/soak/soak.py --seconds $$(($(SOAK_MINUTES) * 60)) $(S)

# H="--only flood" is for hostile.py; with "--front" all goes through the proxy of docs/deploy.
H ?=
hostile: setup-test
	@.ci/setup front
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) $(PYTHON) -B tests/hostile/hostile.py $(H)

# Clients that others wrote, from npm: grpc-js, its health checking, buf.
foreign: setup-test
	@.ci/setup foreign
	@$(MAKE) --no-print-directory -j2 all
	@mkdir -p $(BUILD)/foreign && cp tests/foreign/package.json $(BUILD)/foreign
	@cd $(BUILD)/foreign && npm install --silent --no-audit --no-fund
	@BUILD=$(BUILD) MODULES=$(BUILD)/foreign/node_modules $(PYTHON) -B tests/foreign/foreign.py

# libFuzzer, for so long each. Their inputs grow in build/fuzz/corpus; what is worth keeping goes
# into tests/fuzz/seeds. The helpers of the tests are built again, without Criterion.
FUZZ_SECONDS ?= 60
FUZZ         := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_FLAGS   := BUILD=build/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined CFLAGS="-O1 -g"
FUZZ_LIB     := $(patsubst tests/lib/%.c,$(BUILD)/obj/fuzz-lib/%.o,$(filter-out tests/lib/tls_%.c tests/lib/certs.c,$(wildcard tests/lib/*.c)))
SEEDS        := $(wildcard tests/fuzz/seeds/*$(T)*)

$(BUILD)/obj/fuzz-lib/%.o: tests/lib/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/fuzz -Itests -c -o $@ $<
$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Itests/fuzz
$(BUILD)/targets/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_LIB) $(LIB_HEAP)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The seeds alone, in one program: a part of the C tests.
$(BUILD)/obj/once/%.o: tests/fuzz/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Wall -Wextra -Werror -Itests/fuzz -Itests \
	    -DLLVMFuzzerTestOneInput=LLVMFuzzerTestOneInput_$* -c -o $@ $<
$(BUILD)/obj/tests/fuzz/once/main.o: CPPFLAGS += -DTARGETS="$(patsubst %,X(%),$(FUZZ))"
$(BUILD)/obj/tests/fuzz/once/main.o: $(FUZZ:%=tests/fuzz/%.c)
$(BUILD)/seeds: $(FUZZ:%=$(BUILD)/obj/once/%.o) $(BUILD)/obj/tests/fuzz/once/main.o $(FUZZ_LIB) $(LIB_HEAP)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

fuzz-targets: $(addprefix $(BUILD)/targets/,$(FUZZ))
fuzz: setup-fuzz
	@$(MAKE) --no-print-directory -j2 $(FUZZ_FLAGS) fuzz-targets
	@for t in $(if $(T),$(T),$(FUZZ)); do \
	    echo "== $$t, $(FUZZ_SECONDS) s"; mkdir -p build/fuzz/corpus/$$t tests/fuzz/seeds/$$t; \
	    build/fuzz/targets/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 \
	        -artifact_prefix=build/fuzz/$$t- -print_final_stats=1 -verbosity=0 \
	        build/fuzz/corpus/$$t tests/fuzz/seeds/$$t || exit 1; done

# --- benchmark ------------------------------------------------------------------------

# What our servers are measured against. B="--topics load --cases stream" is for bench.py.
BENCH   := $(BUILD)/bench
PEER_PB := $(BENCH)/gen/v1/post/post
B       ?=

$(PEER_PB).pb.cc $(PEER_PB).grpc.pb.cc &: proto/v1/post/post.proto
	@mkdir -p $(BENCH)/gen
	$(call say,GEN,post.pb.cc)
	$(Q)protoc -I proto --cpp_out=$(BENCH)/gen --grpc_out=$(BENCH)/gen \
	    --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) $<
$(BENCH)/cpp_peer: tests/bench/cpp_peer.cc $(PEER_PB).pb.cc $(PEER_PB).grpc.pb.cc
	$(call say,CXX,$@)
	$(Q)$(CXX) -std=c++17 -O2 -Wall -Wextra -I$(BENCH)/gen -o $@ $^ \
	    $$(pkg-config --libs grpc++ protobuf)
$(BENCH)/bare_append: $(BUILD)/obj/tests/bench/bare_append.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

bench-programs: $(PROGRAMS) $(BENCH)/cpp_peer $(BENCH)/go_peer $(BENCH)/bare_append \
                $(BUILD)/interop-server $(BUILD)/fault-proxy
bench: setup-bench
	@$(MAKE) --no-print-directory bench-programs
	@BUILD=$(BUILD) $(PYTHON) -B tests/bench/bench.py $(B)
bench-quick: setup-bench
	@$(MAKE) --no-print-directory bench-programs
	@BUILD=$(BUILD) $(PYTHON) -B tests/bench/bench.py --quick $(B)

# --- use it -----------------------------------------------------------------------------

demo: setup
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) client-cli/demo/demo.sh

CERTS ?= $(BUILD)/certs
certs: setup-test
	@tests/certs.sh $(CERTS)
	@echo "certificates for localhost, and the CA to trust, are in $(CERTS)"

DATA ?= data
run: setup
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) DATA=$(DATA) client-cli/demo/run.sh

# --- install: programs, manual pages, completion, units -----------------------------------

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
mandir     ?= $(prefix)/share/man
compdir    ?= $(prefix)/share/bash-completion/completions
unitdir    ?= $(prefix)/lib/systemd/system
MAN        := $(BUILD)/man
COMMANDS    = $(filter-out --help users,$(shell $(BUILD)/postcli --help=words)) \
              $(patsubst %,users-%,get list resolve)
UNITS      := user-server.service post-server.service

# From the option tables: each program prints its own page.
man: all
	@mkdir -p $(MAN)
	$(Q)for p in user-server post-server; do $(BUILD)/$$p --help=man >$(MAN)/$$p.8; done
	$(Q)$(BUILD)/postcli --help=man >$(MAN)/postcli.1
	$(Q)for c in $(COMMANDS); do \
	    $(BUILD)/postcli $$(echo $$c | sed 's/^users-/users /') --help=man >$(MAN)/postcli-$$c.1; done

install: man
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man8 \
	    $(DESTDIR)$(compdir) $(DESTDIR)$(unitdir)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	install -m 644 $(MAN)/*.1 $(DESTDIR)$(mandir)/man1
	install -m 644 $(MAN)/*.8 $(DESTDIR)$(mandir)/man8
	for p in $(notdir $(PROGRAMS)); do \
	    install -m 644 client-cli/completion.bash $(DESTDIR)$(compdir)/$$p; done
	for u in $(UNITS); do sed 's|@bindir@|$(bindir)|' docs/deploy/$$u.in >$(BUILD)/$$u && \
	    install -m 644 $(BUILD)/$$u $(DESTDIR)$(unitdir); done

uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(DESTDIR)$(mandir)/man1/postcli.1 $(DESTDIR)$(mandir)/man1/postcli-*.1
	rm -f $(patsubst %,$(DESTDIR)$(mandir)/man8/%.8,user-server post-server)
	rm -f $(addprefix $(DESTDIR)$(compdir)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(DESTDIR)$(unitdir)/,$(UNITS))

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
