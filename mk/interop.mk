# gRPC's own test cases as a third service, and as the example of docs/tutorial.md; and peers on
# grpc-go, from Debian's packages alone.

##@ Test it with others' programs

.PHONY: interop foreign browser

# Ours with each other, and with peers in Python and in Go; plaintext and TLS.
interop: setup-test ## gRPC's own test cases, with ours and others' programs
	@.ci/setup interop
	@$(MAKE) --no-print-directory -j2 $(INTEROP) $(BUILD)/interop-go
	@BUILD=$(BUILD) INTEROP_SOAK=2000 $(PYTHON) -B -m pytest -q -rP \
	    -o cache_dir=$(abspath $(BUILD))/pytest tests/e2e/test_interop.py
# From npm: grpc-js, its health checking, buf.
foreign: setup-test ## our servers with clients that others wrote
	@.ci/setup foreign
	@$(MAKE) --no-print-directory -j2 all
	@mkdir -p $(BUILD)/foreign && cp tests/foreign/package.json $(BUILD)/foreign
	@cd $(BUILD)/foreign && npm install --silent --no-audit --no-fund
	@BUILD=$(BUILD) MODULES=$(BUILD)/foreign/node_modules $(PYTHON) -B tests/foreign/foreign.py
# Debian's Chromium, driven from npm.
browser: setup-test ## the console, and others' clients, in a browser
	@.ci/setup browser
	@$(MAKE) --no-print-directory -j2 all
	@mkdir -p $(BUILD)/browser && cp tests/browser/package.json $(BUILD)/browser
	@cd $(BUILD)/browser && npm install --silent --no-audit --no-fund
	@BUILD=$(BUILD) MODULES=$(BUILD)/browser/node_modules $(PYTHON) -B tests/browser/browser.py

# --- in C ----------------------------------------------------------------------------------

INTEROP     := $(BUILD)/interop-server $(BUILD)/interop-client
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
$(BUILD)/interop-server: $(call INTEROP_OBJ,server flags service echo unary input output) $(call libs,serverkit)
$(BUILD)/interop-client: $(call INTEROP_OBJ,client flags cases rpc) $(call libs,serverkit)
$(INTEROP):
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,serverkit)

# --- in Go -----------------------------------------------------------------------------------

# Where grpc-go is installed: `make test` does not ask for it, it is large.
IF_GO   := $(and $(wildcard /usr/bin/go),$(wildcard /usr/bin/protoc-gen-go),$(wildcard \
           /usr/share/gocode/src/google.golang.org/grpc/server.go),$(BUILD)/interop-go)
# No module is looked for, and what a user's own Go is set to has no part in it. A folder of this
# tree is a package's import path.
GO_TREE := $(abspath $(BUILD))/go
GO      := GO111MODULE=off GOENV=off GOFLAGS= GOTOOLCHAIN=local GOCACHE=$(abspath build)/go-cache \
           GOPATH=$(GO_TREE):/usr/share/gocode go
GO_OUT   = --go_out=plugins=grpc,import_path=$(1),Mgoogle/protobuf/timestamp.proto=github.com/golang/protobuf/ptypes/timestamp,Mgoogle/api/annotations.proto=google.golang.org/genproto/googleapis/api/annotations:$(GO_TREE)/src

$(GO_TREE)/src/interop/test.pb.go: tests/interop/test.proto
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I $(<D) $(call GO_OUT,interop)/interop $<
$(BUILD)/interop-go: $(GO_TREE)/src/interop/test.pb.go $(wildcard tests/interop/go_peer/*.go)
	$(call say,GO,$@)
	$(Q)$(GO) vet ./tests/interop/go_peer
	$(Q)$(GO) build -o $@ ./tests/interop/go_peer

# Here, because names in a rule are looked up where it stands.
tests run-e2e: $(INTEROP) $(IF_GO)
