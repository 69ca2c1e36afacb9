# The layers. Each is an archive, stands on the ones named behind it, and knows no other: what a
# file includes is looked at by tests/layers.py, and what it calls by the linker, for a test links
# only the layers below it.

LAYERS := base pbjson weir web serverkit store streams user post client

ON_base      :=
ON_pbjson    := base
ON_weir      := base
ON_web       := weir pbjson base
ON_serverkit := web weir pbjson base
ON_store     := weir base
ON_streams   := serverkit web store weir pbjson base
ON_user      := streams serverkit web store weir pbjson base
ON_post      := streams serverkit web store weir pbjson base
ON_client    := serverkit web weir pbjson base
# For tests of both services together; it has no files of its own.
ON_pair      := post user streams serverkit web store weir pbjson base

FOLDER_base      := src/base
FOLDER_pbjson    := src/pbjson
FOLDER_weir      := src/weir
FOLDER_web       := src/web
FOLDER_serverkit := src/serverkit
FOLDER_store     := src/store
FOLDER_streams   := streams
FOLDER_user      := src/user
FOLDER_post      := src/post
FOLDER_client    := client-cli

# What each needs that others wrote.
LIBS_base      := -lprotobuf-c -lz
LIBS_pbjson    :=
LIBS_weir      := -lgrpc -lgpr -lnghttp2 -luv -lssl -lcrypto -ljansson
LIBS_web       := -lnettle
LIBS_serverkit := -lmicrohttpd -ljansson -lcjose -lcurl -lnettle -lxxhash
LIBS_store     := -llmdb -lpq -lxxhash
LIBS_streams   := -lxxhash
LIBS_user      :=
LIBS_post      :=
LIBS_client    := -ljansson

# The programs, which are no part of their layer's archive.
MAIN_user-server := src/user/user_server
MAIN_post-server := src/post/post_server
MAIN_postcli     := client-cli/postcli
# Runs while the servers are built.
MAIN_openapi     := src/web/openapi_main
MAINS            := $(MAIN_user-server) $(MAIN_post-server) $(MAIN_postcli) $(MAIN_openapi)

sources_of = $(filter-out $(MAINS:%=%.c),$(shell find $(FOLDER_$(1)) -name '*.[cS]' | LC_ALL=C sort))
objects_of = $(patsubst %,$(BUILD)/obj/%.o,$(basename $(call sources_of,$(1))))

# A layer and what it stands on, uppermost first: a single pass of the linker finds everything.
and_below  = $(filter-out pair,$(1)) $(ON_$(1))
libs       = $(patsubst %,$(BUILD)/lib/lib%.a,$(call and_below,$(1)) proto)
# The same, with what they have from the heap taken through tests/lib/heap.c.
heap_libs  = $(patsubst %,$(BUILD)/lib/heap/lib%.a,$(call and_below,$(1)) proto)
others     = $(foreach l,$(call and_below,$(1)),$(LIBS_$(l))) -lpthread

define archive
$(BUILD)/lib/lib$(1).a: $(call objects_of,$(1)) $(BUILD)/lib/$(1).objects
endef
$(foreach l,$(LAYERS),$(eval $(call archive,$(l))))
# Changes when a file comes or goes: an archive is not to keep what is no more.
$(BUILD)/lib/%.objects: FORCE
	@mkdir -p $(@D)
	@echo '$(call objects_of,$*)' | cmp -s - $@ || echo '$(call objects_of,$*)' >$@
FORCE:
$(BUILD)/lib/libproto.a: $(GEN_OBJ)
$(BUILD)/lib/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)
