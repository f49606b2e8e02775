# One Makefile, no lists to edit: a folder under lib/ is a library, a folder under prog/ is a
# program.  In both, foo.c is code, foo_test.c a unit test, foo_fuzz.c a fuzzer.
MODE ?= release
B    := $(if $(filter release,$(MODE)),build,build/$(MODE))

CC_release := gcc
CC_dev     := gcc
CC_asan    := gcc
CC_tsan    := gcc
CC_cov     := gcc
CC_clang   := clang
CC_fuzz    := clang
CC         := $(CC_$(MODE))
KIND       := $(if $(filter clang,$(CC)),clang,gcc)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wvla -Walloca -Wformat=2 -Wundef -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough \
	-Wredundant-decls -Wdate-time -Wdouble-promotion -Wno-missing-field-initializers
WARN_gcc   := -Wformat-signedness -Wformat-overflow=2 -Wduplicated-cond -Wduplicated-branches \
	-Wlogical-op -Wtrampolines
# clang calls a variable unused that is there for its cleanup; gcc tells the two apart.
WARN_clang := -Wcomma -Wconditional-uninitialized -Wno-unused-variable

HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-common \
	-fno-strict-aliasing -fwrapv -fno-delete-null-pointer-checks -fvisibility=hidden -fPIE
HARD_gcc := -ftrivial-auto-var-init=zero

OPT_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
OPT_dev     := -Og -g3
OPT_clang   := -O1 -g3
OPT_cov     := -O0 -g3 --coverage
OPT_asan    := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -g3 -fsanitize=thread
OPT_fuzz    := -O1 -g3 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all

VERSION  := $(shell cat VERSION)
CPPFLAGS := -D_GNU_SOURCE -Ilib -I$(B)/gen -DCAISSON_VERSION='"$(VERSION)"' \
	$(if $(VERSIONS_BUMP),-DVERSIONS_BUMP=$(VERSIONS_BUMP)) -include base/base.h
CFLAGS   := -std=gnu17 $(WARN) $(WARN_$(KIND)) -Werror $(HARD) $(HARD_$(KIND)) $(OPT_$(MODE))
LDFLAGS  := -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(OPT_$(MODE))

# What a program links beside lib.a.  The keeper and the shim are static: they load nothing, look
# nothing up, and fork and start fast.
SANITIZED := $(filter asan tsan fuzz,$(MODE))
STATIC := $(if $(SANITIZED),-pie,-static-pie)
LINK_caissond        := $(STATIC)
LINK_caisson-shim    := $(STATIC)
LINK_caisson-worker  := -pie -larchive -lisal -lzstd -llzma -lbz2 -lcrypto
LINK_caisson-engine  := -pie -ljansson -lsqlite3 -lssl -lcrypto -lpthread -lm
LINK_test            := -pie -ljansson -lsqlite3 -lssl -lcrypto -larchive -lisal -lzstd -llzma -lbz2 -lz -lseccomp \
	-lcmocka -lpthread -lm

PROGS := $(notdir $(patsubst %/,%,$(wildcard prog/*/)))
SIDE  := %_test.c %_fuzz.c %_bench.c
CORE  := $(filter-out $(SIDE),$(sort $(wildcard lib/*/*.c)))
TESTS := $(patsubst %.c,$(B)/test/%,$(wildcard lib/*/*_test.c prog/*/*_test.c))
FUZZ  := $(patsubst %.c,$(B)/fuzz/%,$(wildcard lib/*/*_fuzz.c prog/*/*_fuzz.c))
GEN   := $(patsubst tools/gen-%.c,$(B)/gen/%.inc,$(wildcard tools/gen-*.c))
HELP  := $(patsubst tests/bin/%.c,$(B)/tests/%,$(wildcard tests/bin/*.c))
BENCH := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))
obj    = $(patsubst %.c,$(B)/o/%.o,$(1))
# make V=1 shows whole commands.
say    = $(if $(V),,@printf '  %-6s%s\n' $(1) $@;)

all: $(PROGS:%=$(B)/bin/%)
tests: all $(TESTS) $(HELP)
bench-programs: $(BENCH)

$(B)/o/%.o: %.c Makefile VERSION | $(GEN)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Which commit this is, where `docker version` asks for it.
$(B)/o/lib/api/system.o: CPPFLAGS += -DCAISSON_COMMIT='"$(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)"'

$(B)/lib.a: $(call obj,$(CORE))
	@rm -f $@
	$(call say,AR)ar rcsD $@ $^

GENLIB := lib/seccomp/calls.c lib/seccomp/policy.c lib/seccomp/tree.c
# A generator tools/gen-x.c prints x.inc; it may use lib/base and what does not include an .inc.
$(B)/gen/%.inc: tools/gen-%.c $(wildcard lib/base/*.c) $(wildcard lib/*/*.h) $(GENLIB)
	@mkdir -p $(@D)
	gcc $(CPPFLAGS) -std=gnu17 -O1 -DGENERATOR $< $(filter-out $(SIDE),$(wildcard lib/base/*.c)) $(GENLIB) -o $(@:.inc=.gen)
	$(call say,GEN)$(@:.inc=.gen) >$@.tmp && mv $@.tmp $@

define program
$(B)/bin/$(1): $$(call obj,$$(filter-out $$(SIDE),$$(wildcard prog/$(1)/*.c))) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LD)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LINK_$(1))
endef
$(foreach p,$(PROGS),$(eval $(call program,$(p))))

# A test of a program links that program's objects but main.o.
progobj = $(if $(filter prog/%,$(1)),$(call obj,$(filter-out %/main.c $(SIDE),$(wildcard $(dir $(1))*.c))))
.SECONDEXPANSION:
$(TESTS): $(B)/test/%: $(B)/o/%.o $$(call progobj,$$*.c) $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LINK_test)
$(FUZZ): $(B)/fuzz/%: $(B)/o/%.o $$(call progobj,$$*.c) $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LINK_test)
# Small static programs that tests put into images or run beside the product.
$(HELP): $(B)/tests/%: tests/bin/%.c
	@mkdir -p $(@D)
	$(call say,CC)gcc -D_GNU_SOURCE -std=gnu17 -O1 -Wall -Werror -static -o $@ $<
$(BENCH): $(B)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(call say,CC)gcc -D_GNU_SOURCE -std=gnu17 -O2 -Wall -Werror -static -o $@ $<

check:
	./check
unit: $(TESTS)
	tests/unit $(TESTS)
fuzz:
	$(MAKE) MODE=fuzz fuzz-build
	tests/fuzz $(or $(T),all) $(or $(S),60)
fuzz-build: $(FUZZ)
bench: all bench-programs $(HELP)
	bench/run
soak: tests
	CYCLES=1000 tests/one build tests/leak/cycles.sh
vm-check: all
	tests/vm/check
lint:
	tools/lint
fmt:
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

DESTDIR ?=
PREFIX  ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/libexec/caisson $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 0755 $(B)/bin/caissond $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 $(filter-out $(B)/bin/caissond,$(PROGS:%=$(B)/bin/%)) $(DESTDIR)$(PREFIX)/libexec/caisson/
	install -m 0644 $(wildcard man/*.8) $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 0644 $(wildcard man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5/

clean:
	rm -rf build

.PHONY: all tests check vm-check unit fuzz fuzz-build bench bench-programs soak lint fmt install clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(B)/o -name '*.d' 2>/dev/null)
