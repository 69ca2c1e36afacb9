# Prints the targets that say what they are for: "target: needs ## what it does", under the
# headings "##@ Heading".
BEGIN { print "make [TARGET] [VARIABLE=VALUE]" }
/^##@ / { printf "\n%s\n", substr($0, 5) }
/^[a-z0-9-]+:.*## / {
    name = $0; sub(/:.*/, "", name)
    what = $0; sub(/.*## /, "", what)
    printf "  %-14s %s\n", name, what
}
