/* What the server answers by HTTP alone, as OpenAPI has it: see mk/proto.mk. */
        .section .rodata
        .global post_openapi, post_openapi_end
post_openapi:
        .incbin "openapi/post.json"
post_openapi_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
