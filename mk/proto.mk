# The contract: C code from proto/, by protobuf-c.

PROTOS  := v1/post/post v1/user/user grpc/health/v1/health \
           grpc/reflection/v1/reflection google/rpc/status google/rpc/error_details \
           google/api/http google/api/annotations \
           $(patsubst %,google/protobuf/%,any descriptor duration timestamp)
GEN_OBJ := $(PROTOS:%=$(BUILD)/obj/gen/%.pb-c.o)

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

# The first edition of server reflection, which older clients ask for: v1 in another package.
ALPHA := $(BUILD)/gen/proto/grpc/reflection/v1alpha/reflection.proto
$(ALPHA): proto/grpc/reflection/v1/reflection.proto
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)sed 's/^package grpc.reflection.v1;/package grpc.reflection.v1alpha;/' $< >$@

# What server reflection tells: descriptors of everything, with their comments.
PROTO_FILES := $(sort $(wildcard proto/*/*/*.proto proto/*/*/*/*.proto)) $(ALPHA)
$(BUILD)/gen/descriptors.pb: $(PROTO_FILES) mk/proto.mk
	@mkdir -p $(@D)
	$(call say,GEN,$(@F))
	$(Q)protoc -I proto -I $(BUILD)/gen/proto -I $(dir $(PROTO_INCLUDE)) --include_imports \
	    --include_source_info --descriptor_set_out=$@ $(PROTO_FILES)

# /openapi.json is made of it: one of each service of ours.
$(BUILD)/gen/openapi/%.json: $(BUILD)/gen/descriptors.pb $(BUILD)/openapi
	@mkdir -p $(@D)
	$(call say,GEN,$(@D:$(BUILD)/gen/%=%)/$(@F))
	$(Q)$(BUILD)/openapi $< v1.$*.$$(echo $* | sed 's/^./\U&/') >$@
