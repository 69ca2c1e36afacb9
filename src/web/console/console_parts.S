/* The parts of the page, in the program. The scripts are one, in this order. */
        .section .rodata
        .global console_page, console_page_end
console_page:
        .incbin "src/web/console/page.html"
console_page_end:
        .global console_style, console_style_end
console_style:
        .incbin "src/web/console/page.css"
console_style_end:
        .global console_script, console_script_end
console_script:
        .incbin "src/web/console/wire.js"
        .incbin "src/web/console/descriptors.js"
        .incbin "src/web/console/parts.js"
        .incbin "src/web/console/panel.js"
        .incbin "src/web/console/call_form.js"
        .incbin "src/web/console/page.js"
console_script_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
