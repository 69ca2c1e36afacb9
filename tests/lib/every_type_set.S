/* tests/unit/pbjson/*.proto and what they import as a FileDescriptorSet: see mk/tests.mk. */
        .section .rodata
        .global every_type_set, every_type_set_end
every_type_set:
        .incbin "every_type.pb"
every_type_set_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
