/* bench_report.html, in the program. */
        .section .rodata
        .global bench_template, bench_template_end
bench_template:
        .incbin "client-cli/bench/bench_report.html"
bench_template_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
