# Faults, hostile peers, no memory, long hours: docs/bad-days.md tells of them.

##@ Bad days

.PHONY: stress memory faults soak hostile follow-model failover

R ?= 40
stress: $(BUILD)/stress-loops $(BUILD)/stress-news ## calls and news over several loops, servers that come and go; R="ROUNDS SEED"
	@timeout 300 $(BUILD)/stress-loops $(R)
	@timeout 300 $(BUILD)/stress-news $(R)

M ?=
memory: setup-test ## the programs with one allocation failing, each in turn; M="user-server postcli" for some
	@$(MAKE) --no-print-directory -j2 $(MEMORY)
	@BUILD=$(BUILD) $(PYTHON) -B tests/faults/memory.py $(M)

F ?=
faults: setup-test ## cuts, freezes and kills at random moments; F="--seed 7 --runs 20"
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/fault-proxy
	@BUILD=$(BUILD) $(PYTHON) -B tests/faults/faults.py $(F)

follow-model: setup-test ## follows against a model, while all breaks; R="ROUNDS SEED"
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/fault-proxy
	@BUILD=$(BUILD) TEST_STRETCH=$(STRETCH) $(PYTHON) -B tests/follow_model/follow_model.py \
	    --rounds $(firstword $(R)) $(addprefix --seed ,$(word 2,$(R)))

SEED ?=
failover: setup-test ## PostgreSQL's primary is killed and its standby promoted, R times; SEED=7; F=--faults for its connections
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/fault-proxy
	@BUILD=$(BUILD) TEST_STRETCH=$(STRETCH) $(PYTHON) -B tests/failover/failover.py \
	    --moments $(firstword $(R)) $(addprefix --seed ,$(SEED)) $(F)

SOAK_MINUTES ?= 10
S ?=
soak: setup-test ## everything at once; SOAK_MINUTES=10, S="--seed 7"
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) $(PYTHON) -B tests/soak/soak.py --seconds $$(($(SOAK_MINUTES) * 60)) $(S)

H ?=
hostile: setup-test ## peers that keep to no rule; H="--only flood", or H=--front for the proxy of docs/deploy
	@.ci/setup front
	@$(MAKE) --no-print-directory -j2 all
	@BUILD=$(BUILD) $(PYTHON) -B tests/hostile/hostile.py $(H)

# --- their programs ----------------------------------------------------------------------------

$(BUILD)/stress-%: $(BUILD)/obj/tests/stress/%.o $(call libs,weir)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,weir)

$(BUILD)/fault-proxy: $(BUILD)/obj/tests/faults/proxy.o
	$(call say,LINK,$@)
	$(Q)$(link) $^ -luv

MEMORY := $(patsubst %,$(BUILD)/memory/%,user-server post-server postcli)
define memory_program
$(BUILD)/memory/$(1): $(BUILD)/obj/$(MAIN_$(1)).o $(HEAP) $(BUILD)/obj/tests/faults/fail_at.o $(call heap_libs,$(2))
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)objcopy --redefine-syms=tests/lib/heap.syms $$< $$@.main.o
	$$(Q)$$(link) $$@.main.o $$(filter-out $$<,$$^) $$(call others,$(2))
endef
$(eval $(call memory_program,user-server,user))
$(eval $(call memory_program,post-server,post))
$(eval $(call memory_program,postcli,client))
