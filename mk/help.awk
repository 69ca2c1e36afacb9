# Prints the targets that say what they are for: "target: needs ## what it does", under the
# headings "##@ Heading". What is long goes on below, within 80 columns.
BEGIN { print "make [TARGET] [VARIABLE=VALUE]" }
/^##@ / { printf "\n%s\n", substr($0, 5) }
/^[a-z0-9-]+:.*## / {
    name = $0; sub(/:.*/, "", name)
    what = $0; sub(/.*## /, "", what)
    line = sprintf("  %-13s", name)
    for (i = 1; i <= split(what, words, " "); i++) {
        if (length(line) + length(words[i]) + 1 > 80) {
            print line
            line = sprintf("%15s", "")
        }
        line = line " " words[i]
    }
    print line
}
END { print "\nV=1 shows the commands; BUILD=build, CC, CFLAGS and LDFLAGS may be set too." }
