# How the code looks, and what is said of it by tools that read more closely than a compiler.
# Versions differ in what they say: those of Debian 12 count, which is what CI has.

CLANG_FORMAT ?= $(firstword $(wildcard /usr/bin/clang-format-14) clang-format)
CLANG_TIDY   ?= $(firstword $(wildcard /usr/bin/clang-tidy-14) clang-tidy)
CPPCHECK     ?= cppcheck

##@ Keep it tidy

.PHONY: fmt fmt-check lint run-lint

# New files too, before `git add`; without those that are deleted.
FORMATTED = $(wildcard $(shell git ls-files --cached --others --exclude-standard '*.[ch]'))
fmt: setup-lint ## put every .c and .h into the form that .clang-format describes
	@$(CLANG_FORMAT) -i $(FORMATTED)
fmt-check: setup-lint ## which files `make fmt` would change; CI wants none
	@$(CLANG_FORMAT) --version
	@said=$$($(CLANG_FORMAT) --dry-run $(FORMATTED) 2>&1) || { echo "$$said"; exit 1; }; \
	 differ=$$(echo "$$said" | sed -n 's/^\([^: ]*\):[0-9].*/  \1/p' | sort -u); \
	 [ -z "$$differ" ] || { printf 'These files differ, run make fmt:\n%s\n' "$$differ"; exit 1; }

lint: setup-lint ## clang-tidy and cppcheck over the programs, shellcheck and pyflakes
	@$(MAKE) --no-print-directory -j2 all
	@$(MAKE) --no-print-directory -j2 -Otarget run-lint

# What is tidied is compiled first: the object knows which headers it was made of.
LINTED   = $(filter %.c,$(foreach l,$(LAYERS),$(call sources_of,$(l)))) $(MAINS:%=%.c)
SHELLED  = .ci/run .ci/setup $(shell git ls-files '*.sh')
run-lint: $(LINTED:%.c=$(BUILD)/lint/%.tidy) $(BUILD)/lint/cppcheck
	@shellcheck $(SHELLED)
	@$(PYTHON) -m pyflakes $$(git ls-files '*.py')
	@echo "lint: clean, say $$($(CLANG_TIDY) --version | sed -n 's/.*LLVM version/clang-tidy/p') and" \
	    "$$($(CPPCHECK) --version)"

# The analyzer gives up a function after a third of the steps that it would take by itself: that is
# half of the time, and found the same in this tree. With a tenth of them it missed some.
TIDY_STEPS := -Xclang -analyzer-config -Xclang max-nodes=75000
$(BUILD)/lint/%.tidy: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)
	$(Q)$(CLANG_TIDY) --quiet $< -- -std=gnu11 $(CPPFLAGS) $(TIDY_STEPS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@

# All files at once, which takes seconds. It does not read jansson's header: that macro is a loop.
CPPCHECK_FLAGS = -j2 --quiet --inline-suppr --error-exitcode=1 --std=c11 -D_GNU_SOURCE -Isrc -I. \
                 --enable=warning,style,performance,portability --suppressions-list=mk/cppcheck.txt \
                 '-Djson_array_foreach(a,i,v)=while((v=json_array_get(a,i)))'
$(BUILD)/lint/cppcheck: $(LINTED) mk/cppcheck.txt
	@mkdir -p $(@D)
	$(call say,CHECK,$(words $(LINTED)) files)
	$(Q)$(CPPCHECK) $(CPPCHECK_FLAGS) $(LINTED)
	@touch $@
