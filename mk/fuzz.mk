# libFuzzer. Its inputs grow in build/fuzz/corpus; what is worth keeping goes into
# tests/fuzz/seeds. The helpers of the tests are built again, without Criterion.

FUZZ_SECONDS ?= 60
FUZZ         := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_FLAGS   := BUILD=build/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined CFLAGS="-O1 -g"
FUZZ_LIB     := $(patsubst tests/lib/%.c,$(BUILD)/obj/fuzz-lib/%.o,$(filter-out tests/lib/tls_%.c tests/lib/certs.c tests/lib/postgres.c tests/lib/pg_%.c,$(wildcard tests/lib/*.c))) $(EVERY) $(SHELF)
SEEDS        := $(wildcard tests/fuzz/seeds/*$(T)*)
# They look into every layer, and the two ends need no order among themselves.
FUZZ_HEAP    := $(patsubst %,$(BUILD)/lib/heap/lib%.a,client $(ON_pair) proto)
FUZZ_OTHERS   = $(sort $(foreach l,$(LAYERS),$(LIBS_$(l)))) -lpthread

##@ Fuzz it

.PHONY: fuzz fuzz-targets

fuzz: setup-fuzz ## every target for FUZZ_SECONDS=60; T=frames: one of them
	@$(MAKE) --no-print-directory -j2 $(FUZZ_FLAGS) fuzz-targets
	@for t in $(if $(T),$(T),$(FUZZ)); do \
	    echo "== $$t, $(FUZZ_SECONDS) s"; mkdir -p build/fuzz/corpus/$$t tests/fuzz/seeds/$$t; \
	    build/fuzz/targets/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 \
	        -artifact_prefix=build/fuzz/$$t- -print_final_stats=1 -verbosity=0 \
	        build/fuzz/corpus/$$t tests/fuzz/seeds/$$t || exit 1; done
fuzz-targets: $(addprefix $(BUILD)/targets/,$(FUZZ))

$(BUILD)/obj/fuzz-lib/%.o: tests/lib/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/fuzz -Itests -c -o $@ $<
$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Itests/fuzz
$(BUILD)/targets/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_LIB) $(FUZZ_HEAP)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined $(LDFLAGS) -o $@ $^ $(FUZZ_OTHERS)

# The seeds alone, in one program: a part of the C tests.
$(BUILD)/obj/once/%.o: tests/fuzz/%.c | $(GEN_OBJ:.o=.stamp)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -Wall -Wextra -Werror -Itests/fuzz -Itests \
	    -DLLVMFuzzerTestOneInput=LLVMFuzzerTestOneInput_$* -c -o $@ $<
$(BUILD)/obj/tests/fuzz/once/main.o: CPPFLAGS += -DTARGETS="$(patsubst %,X(%),$(FUZZ))"
$(BUILD)/obj/tests/fuzz/once/main.o: $(FUZZ:%=tests/fuzz/%.c)
$(BUILD)/seeds: $(FUZZ:%=$(BUILD)/obj/once/%.o) $(BUILD)/obj/tests/fuzz/once/main.o $(FUZZ_LIB) $(FUZZ_HEAP)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(FUZZ_OTHERS)
