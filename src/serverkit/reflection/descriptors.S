/* All of proto/ as a FileDescriptorSet, in the program: see mk/proto.mk. */
        .section .rodata
        .global descriptors, descriptors_end
descriptors:
        .incbin "descriptors.pb"
descriptors_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
