/* tests/unit/web/shelf.proto and what it imports as a FileDescriptorSet: see mk/tests.mk. */
        .section .rodata
        .global shelf_set_begin, shelf_set_end
shelf_set_begin:
        .incbin "shelf.pb"
shelf_set_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
