# Programs, manual pages, completion, units.

##@ Install it

.PHONY: man install uninstall

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
mandir     ?= $(prefix)/share/man
compdir    ?= $(prefix)/share/bash-completion/completions
unitdir    ?= $(prefix)/lib/systemd/system
MAN        := $(BUILD)/man
GROUPS     := users delete
words_of    = $(filter-out --%,$(shell $(BUILD)/postcli $(1) --help=words))
COMMANDS    = $(filter-out $(GROUPS),$(call words_of)) \
              $(foreach g,$(GROUPS),$(addprefix $(g)/,$(call words_of,$(g))))
UNITS      := user-server.service post-server.service

# From the option tables: each program prints its own page.
man: all ## the manual pages, which each program prints
	@mkdir -p $(MAN)
	$(Q)for p in user-server post-server; do $(BUILD)/$$p --help=man >$(MAN)/$$p.8; done
	$(Q)$(BUILD)/postcli --help=man >$(MAN)/postcli.1
	$(Q)for c in $(COMMANDS); do \
	    $(BUILD)/postcli $$(echo $$c | tr / ' ') --help=man >$(MAN)/postcli-$$(echo $$c | tr / -).1; done

install: man ## programs, manual pages, completion, units; prefix=/usr/local, DESTDIR=
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man8 \
	    $(DESTDIR)$(compdir) $(DESTDIR)$(unitdir)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(bindir)
	install -m 644 $(MAN)/*.1 $(DESTDIR)$(mandir)/man1
	install -m 644 $(MAN)/*.8 $(DESTDIR)$(mandir)/man8
	for p in $(notdir $(PROGRAMS)); do \
	    install -m 644 client-cli/completion.bash $(DESTDIR)$(compdir)/$$p; done
	for u in $(UNITS); do sed 's|@bindir@|$(bindir)|' docs/deploy/$$u.in >$(BUILD)/$$u && \
	    install -m 644 $(BUILD)/$$u $(DESTDIR)$(unitdir); done

uninstall: ## what `make install` put there
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(DESTDIR)$(mandir)/man1/postcli.1 $(DESTDIR)$(mandir)/man1/postcli-*.1
	rm -f $(patsubst %,$(DESTDIR)$(mandir)/man8/%.8,user-server post-server)
	rm -f $(addprefix $(DESTDIR)$(compdir)/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(DESTDIR)$(unitdir)/,$(UNITS))

