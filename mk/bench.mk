# What our servers are measured against. B="--topics load --cases stream" is for bench.py.

BENCH   := $(BUILD)/bench
PEER_PB := $(BENCH)/gen/v1/post/post
# What post.proto imports, but for what protobuf's library has.
PEER_API := $(patsubst %,$(BENCH)/gen/google/api/%.pb.cc,annotations http)
B       ?=

##@ Measure it

.PHONY: bench bench-quick bench-programs

bench: setup-bench ## against nghttpd, gRPC C++ and Go: 11 minutes; B="--topics load"
	@$(MAKE) --no-print-directory bench-programs
	@BUILD=$(BUILD) $(PYTHON) -B tests/bench/bench.py $(B)
bench-quick: setup-bench ## the same in 2 minutes, less exact
	@$(MAKE) --no-print-directory bench-programs
	@BUILD=$(BUILD) $(PYTHON) -B tests/bench/bench.py --quick $(B)

bench-programs: $(PROGRAMS) $(BENCH)/cpp_peer $(BENCH)/go_peer $(BENCH)/bare_append \
                $(BENCH)/follow_load $(BUILD)/interop-server $(BUILD)/fault-proxy

$(PEER_PB).pb.cc $(PEER_PB).grpc.pb.cc $(PEER_API) &: proto/v1/post/post.proto \
                                                     $(wildcard proto/google/api/*.proto)
	@mkdir -p $(BENCH)/gen
	$(call say,GEN,post.pb.cc)
	$(Q)protoc -I proto --cpp_out=$(BENCH)/gen --grpc_out=$(BENCH)/gen \
	    --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) $^
$(BENCH)/cpp_peer: tests/bench/cpp_peer.cc $(PEER_PB).pb.cc $(PEER_PB).grpc.pb.cc $(PEER_API)
	$(call say,CXX,$@)
	$(Q)$(CXX) -std=c++17 -O2 -Wall -Wextra -I$(BENCH)/gen -o $@ $^ \
	    $$(pkg-config --libs grpc++ protobuf)
$(GO_TREE)/src/v1/post/post.pb.go: proto/v1/post/post.proto
	@mkdir -p $(GO_TREE)/src
	$(call say,GEN,$(@F))
	$(Q)protoc -I proto -I $(dir $(PROTO_INCLUDE)) $(call GO_OUT,post) $<
$(BENCH)/go_peer: $(GO_TREE)/src/v1/post/post.pb.go $(wildcard tests/bench/go_peer/*.go)
	$(call say,GO,$@)
	$(Q)$(GO) vet ./tests/bench/go_peer
	$(Q)$(GO) build -o $@ ./tests/bench/go_peer
$(BENCH)/bare_append: $(BUILD)/obj/tests/bench/bare_append.o $(call libs,store)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,store)
# tests/e2e/test_follow_load.py tests it.
FOLLOW_LOAD := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bench/follow_load/*.c))
$(BENCH)/follow_load: $(FOLLOW_LOAD) $(call libs,base)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(link) $^ $(call others,base) -lnghttp2
tests run-e2e: $(BENCH)/follow_load
