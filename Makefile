# walcu_fdw: build, install, test.
#
#   make            build the extension (PG_CONFIG=... picks a PostgreSQL)
#   make install    install it
#   make test       set up what is missing, build, install, run every test
#   make demo       set up what is missing, build, install, show the CRM as tables
#
# docs/development.md tells of the other goals.
#
# STRICT=1, or CI set in the environment, makes compiler warnings errors.

EXTENSION = walcu_fdw
MODULE_big = walcu_fdw
DATA = walcu_fdw--1.0.sql
OBJS = walcu_fdw.o $(patsubst %.c,%.o,$(sort $(wildcard src/*/*.c)))
SRC_HEADERS = $(wildcard src/*/*.h)
SOURCES = walcu_fdw.c $(sort $(wildcard src/*/*.c)) $(SRC_HEADERS) $(sort $(wildcard fuzz/*.[ch] fuzz/preload/*.c))
DESCRIPTION = api/openapi.json api/references.json api/undescribed.json

PKG_CONFIG ?= pkg-config
LIBRARIES = libcurl jansson
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(EXTENSION).control)

PG_CPPFLAGS = -Isrc -DWALCU_FDW_VERSION='"$(EXTVERSION)"' $(shell $(PKG_CONFIG) --cflags $(LIBRARIES))
# PostgreSQL's own headers and idioms do not pass these parts of -Wextra.
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
ifneq ($(STRICT)$(CI),)
PG_CFLAGS += -Werror
endif
SHLIB_LINK = $(shell $(PKG_CONFIG) --libs $(LIBRARIES))

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)

# Few files, quickly compiled: every object depends on every header.
$(OBJS) $(OBJS:.o=.bc): $(SRC_HEADERS)

# IMPORT FOREIGN SCHEMA reads this copy when it is told source 'bundled', and walcu_fdw_setup what its ids lead to.
install: install-description
install-description:
	$(MKDIR_P) '$(DESTDIR)$(datadir)/$(EXTENSION)'
	$(INSTALL_DATA) $(addprefix $(srcdir)/,$(DESCRIPTION)) '$(DESTDIR)$(datadir)/$(EXTENSION)/'
uninstall: uninstall-description
uninstall-description:
	rm -rf '$(DESTDIR)$(datadir)/$(EXTENSION)'
else
all install uninstall clean:
	@echo "PostgreSQL's development files are missing: run scripts/setup, or set PG_CONFIG" >&2
	@exit 1
endif

# Other versions of clang-format disagree with 14, the one of Debian bookworm.
CLANG_FORMAT ?= clang-format
format:
	$(CLANG_FORMAT) -i $(SOURCES)
check-format:
	$(CLANG_FORMAT) --dry-run --Werror $(SOURCES)

# These set the machine up by themselves: they work before anything is installed.
test:
	scripts/test
test-sandbox:
	scripts/test sandbox $(T)
test-regress:
	scripts/test regress $(T)
test-tap:
	scripts/test tap $(T)
# Programs of others, all of t/clients/ or T: ORMs, drivers, and what they send.
test-clients:
	scripts/test-clients $(T)
# The suites, or T, over a PostgreSQL that checks itself.
test-sanitized:
	scripts/test-sanitized $(if $(T),$(if $(filter t/%,$(T)),tap,regress) $(T))
# Random queries, with pushdown on and off: N of them, from the seed SEED, JOBS at a time.
fuzz:
	scripts/fuzz $(if $(N),--queries $(N)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))
# N random joins, from the seed SEED, compared with those of local copies.
fuzz-joins:
	JOIN_QUERIES=$(or $(N),50000) JOIN_SEED=$(or $(SEED),1) scripts/test tap t/620_join_fuzz.pl
# N random queries over relations of every kind, from the seed SEED, compared with those over local copies.
fuzz-plans:
	PLAN_QUERIES=$(or $(N),20000) PLAN_SEED=$(or $(SEED),1) scripts/test tap t/650_plan_fuzz.pl
# N random changes of documents for each kind of patches, from the seed SEED, each in two spellings.
fuzz-updates:
	WALCU_FUZZ_UPDATES=$$(( $(or $(N),20000) / 20 )) WALCU_FUZZ_SEED=$(or $(SEED),1) scripts/test tap t/420_write_fuzz.pl
# The tests that run over kinds of service (t/lib/WalcuTest/Services.pm), over every combination of the sandbox's
# settings, and N random queries over them, from the seed SEED.
test-kinds:
	SERVICES=all FUZZ_QUERIES=$(or $(N),500000) FUZZ_SEED=$(or $(SEED),1) JOIN_QUERIES=25000 scripts/test tap \
		t/760_services.pl t/762_services_writes.pl t/620_join_fuzz.pl t/300_fuzz.pl
# Bytes that libFuzzer makes up for what reads those of others, N seconds for each target, or for T alone.
fuzz-bytes:
	scripts/fuzz-bytes $(if $(N),--seconds $(N)) $(T)
# N cancels at random moments, and thousands of statements in one session.
soak:
	SOAK_CANCELS=$(or $(N),1000) SOAK_REPEATS=400 STRICT_TIMES=1 scripts/test tap \
		t/050_cancel.pl t/140_leaks.pl t/180_cancel_soak.pl
# N transactions that write by the outbox, from the seed SEED, while what writes and sends them is killed.
crashes:
	OUTBOX_TRANSACTIONS=$(or $(N),1000) OUTBOX_SEED=$(or $(SEED),1) scripts/test tap t/452_outbox_crashes.pl
demo:
	scripts/demo
bench:
	scripts/bench $(B)

# The same tests, or T alone, on other Debians, in a chroot under .build/.
test-version:
	scripts/test-version $(PGVERSION) $(if $(T),make $(if $(filter t/%,$(T)),test-tap,test-regress) T="$(T)")
test-fresh:
	scripts/test-fresh
# Over the extension that is installed: nothing is set up or built.
installcheck:
	scripts/installcheck
# The Debian package, made in one chroot and used in another one.
test-package:
	scripts/test-package

.PHONY: install-description uninstall-description format check-format \
	test test-sandbox test-regress test-tap test-clients test-sanitized fuzz fuzz-joins fuzz-plans fuzz-updates fuzz-bytes test-kinds soak crashes demo bench test-version test-fresh installcheck test-package
