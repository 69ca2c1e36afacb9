# Tests in C, and the end-to-end tests in Python. tests/README.md says what stands in which folder.

T       ?=

# tests/KIND/LAYER/test_*.c: a program each, which links LAYER, what that stands on, and what tests use.
KINDS   := unit flow net
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(foreach k,$(KINDS),$(wildcard tests/$(k)/*/test_*.c)))
# The contract of a server's calls, which both transports keep.
ON_BOTH := $(addprefix $(BUILD)/tests/net/weir/test_,call call_flow call_loops interceptors metadata) \
           $(BUILD)/tests/net/serverkit/test_memory_calls
# The services on a store that has to fetch what it reads.
ON_LATE := $(addprefix $(BUILD)/tests/flow/,post/test_listing post/test_listing_flow post/test_follow \
           post/test_get_post user/test_get_user user/test_list_users user/test_resolve_users)
HEAP    := $(BUILD)/obj/tests/lib/heap.o
# Descriptors with every kind of field, for the tests of src/pbjson.
EVERY   := $(BUILD)/obj/tests/lib/every_type_set.o
# The same with rules of google.api.http, for those of src/web.
SHELF   := $(BUILD)/obj/tests/lib/shelf_set.o
HELPERS := $(filter-out $(HEAP),$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/lib/*.c))) $(EVERY) $(SHELF)

##@ Test it

.PHONY: tests test test-postgres ctest e2e check check-layers run-ctest run-e2e run-e2e-postgres \
        asan ubsan tsan oidc coverage

# Sub-makes, so that what setup-test installs is there when make looks for it.
test: setup-test ## every test; T=token: those with "token" in their file name
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory check

# A variable of the make below, and so of the tests' environment.
test-postgres: setup-test ## the end-to-end tests with every store in a PostgreSQL database
	@$(MAKE) --no-print-directory -j2 all
	$(call counted,run-e2e STORE=postgres)

tests: $(PROGRAMS) $(TESTS) $(BUILD)/fault-proxy $(BUILD)/json-peer $(BUILD)/seeds

# What fails is run once more before it counts, and both runs are there to be read; tests that
# passed only then are told last, and more than a few of them fail the run.
FLAKES := $(BUILD)/flakes
AGAIN  := $(PYTHON) -B tests/again.py $(FLAKES)
counted = @rm -f $(FLAKES); rc=0; $(MAKE) --no-print-directory $(1) || rc=$$?; \
          $(AGAIN) --report || rc=1; exit $$rc

# The C tests mostly wait, and so do the others: side by side they take less.
check: check-layers
	$(call counted,-j2 -Otarget run-ctest run-e2e run-e2e-postgres)
ctest: check-layers ## the tests in C
	$(call counted,run-ctest)
e2e: ## the end-to-end tests
	$(call counted,run-e2e)

check-layers: ## that no file includes one of a layer above it
	@$(PYTHON) -B tests/layers.py $(foreach l,$(LAYERS),"$(l):$(FOLDER_$(l)):$(ON_$(l))")

asan: ## all of it under AddressSanitizer
	@$(MAKE) test BUILD=build/asan SANITIZE=address CFLAGS="-O1 -g"
ubsan: ## the same under UndefinedBehaviorSanitizer
	@$(MAKE) test BUILD=build/ubsan SANITIZE=undefined CFLAGS="-O1 -g"
# Criterion does not start under ThreadSanitizer: the programs and the stress tests have a main of
# their own, and the end-to-end tests drive the programs.
tsan: setup-test ## the programs and the stress tests under ThreadSanitizer
	@$(MAKE) --no-print-directory all BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g"
	@$(MAKE) --no-print-directory stress BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g" R=8
	@$(MAKE) --no-print-directory e2e BUILD=build/tsan SANITIZE=thread
# Not in "test": the package of the provider starts a service of its own, with a
# password that everybody knows.
oidc: setup-test ## tokens of a real OpenID provider, which it installs: for containers
	@.ci/setup oidc
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory e2e T=test_oidc
# The counts of earlier runs go first; those of failed tests count too.
COVERAGE := BUILD=build/coverage STRETCH=3 CFLAGS="--coverage -fprofile-update=atomic -O0 -g"
coverage: setup-test ## what the tests ran of our code, by folder
	@.ci/setup coverage
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory -j2 $(COVERAGE) tests
	@rc=0; $(MAKE) --no-print-directory $(COVERAGE) check || rc=$$?; \
	    $(PYTHON) -B tests/coverage.py build/coverage; exit $$rc

# --- how they are built and run ---------------------------------------------------------

# Criterion's macros do not survive the whole warning set.
$(BUILD)/obj/tests/%.o: tests/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Wall -Wextra -Werror -Itests -c -o $@ $<

$(BUILD)/gen/every_type.pb: $(wildcard tests/unit/pbjson/*.proto)
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I tests/unit/pbjson -I $(dir $(PROTO_INCLUDE)) --include_imports --descriptor_set_out=$@ $^
$(EVERY): $(BUILD)/gen/every_type.pb
$(BUILD)/gen/shelf.pb: tests/unit/web/shelf.proto $(wildcard tests/unit/pbjson/*.proto proto/google/api/*.proto)
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I tests/unit/web -I tests/unit/pbjson -I proto -I $(dir $(PROTO_INCLUDE)) \
	    --include_imports --descriptor_set_out=$@ $<
$(SHELF): $(BUILD)/gen/shelf.pb

# What tests/e2e/test_pbjson.py drives.
$(BUILD)/json-peer: $(BUILD)/obj/tests/unit/pbjson/json_peer.o $(EVERY) $(call libs,pbjson)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,pbjson)

$(BUILD)/lib/libtests.a: $(HELPERS)
$(BUILD)/lib/heap/lib%.a: $(BUILD)/lib/lib%.a tests/lib/heap.syms
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=tests/lib/heap.syms $< $@

define test_programs
$(BUILD)/tests/$(1)/$(2)/%: $(BUILD)/obj/tests/$(1)/$(2)/%.o $(HEAP) $(BUILD)/lib/libtests.a $(call heap_libs,$(2))
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(link) $$^ $$(call others,$(2)) -ljansson -lcriterion
endef
$(foreach k,$(KINDS),$(foreach l,$(LAYERS) pair,$(eval $(call test_programs,$(k),$(l)))))

run-ctest: tests
	@set -e; for t in $(if $(T),$(foreach t,$(TESTS),$(if $(findstring $(T),$(notdir $t)),$t)),$(TESTS)); do \
	    echo "== $$t"; $(AGAIN) timeout -k 5 120 $$t --jobs 2 --timeout 60 \
	        -- timeout -k 5 120 $$t --jobs 1 --timeout 60; done
	@set -e; for t in $(if $(T),$(foreach t,$(ON_BOTH),$(if $(findstring $(T),$(notdir $t)),$t)),$(ON_BOTH)); do \
	    echo "== $$t, on the gRPC core"; export CALL_TRANSPORT=core; \
	    $(AGAIN) timeout -k 5 120 $$t --jobs 2 --timeout 60 \
	        -- timeout -k 5 120 $$t --jobs 1 --timeout 60; done
	@set -e; for t in $(if $(T),$(foreach t,$(ON_LATE),$(if $(findstring $(T),$(notdir $t)),$t)),$(ON_LATE)); do \
	    echo "== $$t, with a late reader"; export STORE=late; \
	    $(AGAIN) timeout -k 5 120 $$t --jobs 2 --timeout 60 \
	        -- timeout -k 5 120 $$t --jobs 1 --timeout 60; done
	@echo "== $(BUILD)/seeds"; timeout -k 5 120 $(BUILD)/seeds $(SEEDS)

# Its 5: no test has that name, but a C one may. Most of these tests wait for
# something most of the time, so two files run at once. They play with time and
# signals, so what fails is run once more alone.
STRETCH ?= $(if $(SANITIZE),5,1)
PYTEST = BUILD=$(BUILD) TEST_STRETCH=$(STRETCH) $(PYTHON) -B -m pytest -q -rfEs \
         --durations=5 $(if $(T),-k $(T))
# Tests, and where it is noted which of them failed.
pytest = $(AGAIN) --if 1 env $(PYTEST) -o cache_dir=$(abspath $(BUILD))/$(2) $(if $(T),,-n 2 --dist loadfile) $(1) \
	    -- env $(PYTEST) -o cache_dir=$(abspath $(BUILD))/$(2) --last-failed $(1) \
	    || { rc=$$?; [ $$rc -eq 5 ] && [ -n "$(T)" ]; } || exit $$rc
run-e2e: $(BUILD)/fault-proxy $(BUILD)/json-peer
	@$(call pytest,tests/e2e,pytest)
# What make test runs of test-postgres: listings of all shapes and sizes, tokens, imports, deletions.
ON_POSTGRES := $(addprefix tests/e2e/test_,$(addsuffix .py,contract_post contract_user delete import original))
run-e2e-postgres: $(BUILD)/fault-proxy
	@echo "== with stores in PostgreSQL"; export STORE=postgres; $(call pytest,$(ON_POSTGRES),pytest-postgres)

export ASAN_OPTIONS ?= abort_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= abort_on_error=1:print_stacktrace=1
export LSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0
export TSAN_OPTIONS ?= suppressions=$(CURDIR)/tests/tsan.supp:halt_on_error=1
