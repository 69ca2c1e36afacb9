/* What the server answers by HTTP alone, as OpenAPI has it: see mk/proto.mk. */
        .section .rodata
        .global user_openapi, user_openapi_end
user_openapi:
        .incbin "openapi/user.json"
user_openapi_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
