# certd - built with GNU make; no configure step.
#
#	make		the programs, into build/
#	make demo	the main job, here and now (KEEP=1 leaves it running)
#	make check	everything that is tested; parts of it:
#			check-package check-system
#			unit check-layers lint fuzz e2e hostile
#	make fuzz-coverage  what the fuzzers have run of each parser (minutes)
#	make soak	1,000 issuances in bad weather, processes killed all
#			the time (NUMBER=n)
#	make check-crash  kill -9 and a failing disk at every point (minutes)
#	make bench	how long, with how much, how many requests: beside other
#			clients and a bare load, into build/bench/report.md
#			(12 minutes; SCENES="due many", MOST=n: the largest
#			store and number)
#	make bench-faults  first tries that succeed in bad weather, beside other
#			clients that are installed (SCENES="story kill", CLIENTS=...)
#	make jail-report  the system calls of each jail, and who needs them (minutes)
#	make install	DESTDIR=... PREFIX=/usr
#	make deb	the Debian package, into build/deb
#	make clean
#
# DEPS=no: install no Debian packages. SAN=1: AddressSanitizer and
# UndefinedBehaviorSanitizer, into build/san. FUZZ=1: for libFuzzer (clang),
# into build/fuzz; COVERAGE=1 besides: counts lines, into build/coverage.

VERSION	:= 0.1.0
PREFIX	?= /usr
SAN	?=
FUZZ	?=
COVERAGE ?=
KEEP	?=
DEPS	?= yes
# V=1 shows the commands.
Q	:= $(if $(V),,@)
say	= $(if $(V),,@echo "  MAKE $@")
B	:= build$(if $(COVERAGE),/coverage)$(if $(SAN),/san)$(if $(FUZZ),/fuzz)

# libmsgpack-dev of Debian 12, libmsgpack-c-dev of Debian 13.
MSGPACK	= $(shell pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack)
lib	= $(if $(strip $(1)),$(shell pkg-config --libs $(1)))

CC	:= $(if $(FUZZ),clang,gcc)
WARN	:= -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	   -Wmissing-prototypes -Wpointer-arith -Wcast-align -Wformat=2 \
	   $(if $(FUZZ),,-Werror)
HARDEN	:= -fPIE -fstack-protector-strong -fstack-clash-protection \
	   $(if $(SAN)$(FUZZ),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SAN)$(FUZZ),-fsanitize=address -fsanitize=undefined \
	   -fno-sanitize-recover=all -fno-omit-frame-pointer) \
	   $(if $(FUZZ),-fsanitize=fuzzer-no-link) \
	   $(if $(COVERAGE),-fprofile-instr-generate -fcoverage-mapping)
CFLAGS	?= -O2 -g
# c-ares of Debian 13 deprecates calls that have no successor in Debian 12.
FLAGS	:= -std=gnu11 $(CFLAGS) $(WARN) $(HARDEN) $(SANFLAGS) \
	   -DVERSION='"$(VERSION)"' -DCARES_NO_DEPRECATED
LDFLAGS	:= -pie -Wl,-z,relro,-z,now,--as-needed $(SANFLAGS)

# ---- what each program is made of, and the only libraries it may link ----
# The lists are the trust boundary: see tests/check-layers.
common	= $(basename $(wildcard $(patsubst %,common/%.c,$(1))))
folder	= $(basename $(wildcard $(1)/*.c))

BASE	:= $(call common,buf err log names text url) \
	   $(filter-out proto/channel%,$(call folder,proto))
DAEMON	:= $(BASE) $(call common,landlock log_loop sandbox*) proto/channel proto/channel_io
CHILD	:= $(call common,child root_peer)
CONFIG	:= $(call common,config* cli_ini ini*)
NETWORK	:= $(call common,dns* https*)

certd_OBJ	:= $(DAEMON) $(CONFIG) common/service common/roots common/audit $(call folder,certd/monitor)
certd_LIB	= libevent_core $(MSGPACK) libseccomp sqlite3 libmd
certd-sign_OBJ	:= $(DAEMON) $(CHILD) $(call folder,certd/sign)
certd-sign_LIB	= libevent_core $(MSGPACK) libseccomp libcrypto jansson
certd-dns_OBJ	:= $(DAEMON) $(CHILD) $(CONFIG) $(NETWORK) $(call folder,certd/dns)
certd-dns_LIB	= libevent_core $(MSGPACK) libseccomp libcurl libcares jansson
certd-hook_OBJ	:= $(DAEMON) $(CHILD) common/roots $(call folder,certd/hook)
certd-hook_LIB	= libevent_core $(MSGPACK) libseccomp
acmew_OBJ	:= $(DAEMON) $(CONFIG) $(NETWORK) $(call folder,acmew)
acmew_LIB	= libevent_core $(MSGPACK) libseccomp libcurl libcares jansson
certctl_OBJ	:= $(BASE) $(CONFIG) common/audit $(call folder,certctl)
certctl_LIB	= $(MSGPACK) jansson libidn2 libmd

LIBEXEC	 := certd-sign certd-dns certd-hook
NAMES	 := certd acmew certctl $(LIBEXEC)
PROGRAMS := $(B)/sbin/certd $(B)/sbin/acmew $(B)/bin/certctl \
	    $(addprefix $(B)/libexec/certd/,$(LIBEXEC))

# A folder sees itself, proto and common; a forbidden include does not build.
INC_common	:= common
INC_proto	:= proto common
JAILS	:= $(basename $(wildcard */jail.c */*/jail.c))
PARTS	:= certd/monitor certd/sign certd/dns certd/hook acmew certctl
$(foreach f,$(PARTS),$(eval INC_$(f) := $(f) proto common))
FOLDERS	:= common proto $(PARTS)
INC_tests/unit	:= $(FOLDERS) tests/unit tests/jail tests/crash
INC_tests/fuzz	:= $(FOLDERS)
INC_tests/hostile := proto common
INC_tests/jail	:= common
INC_tests/crash	:= tests/crash
includes = $(addprefix -iquote ,$(INC_$(patsubst %/,%,$(dir $(1)))))

.PHONY: all dependencies demo fuzz-coverage bench bench-faults soak install deb clean check unit check-layers lint fuzz \
	e2e hostile check-crash jail-report print unit-programs lint-files fuzz-programs
.DELETE_ON_ERROR:
.SECONDARY:
all: $(PROGRAMS)

# Debian packages, as far as the goals need them; the script is quick and silent
# when all are there.
TESTING	:= check unit check-layers check-package check-system lint fuzz e2e hostile check-crash jail-report
BENCHES	:= bench bench-faults
LEVEL	:= $(if $(filter $(TESTING) fuzz-coverage,$(MAKECMDGOALS)),check,$(if \
	   $(filter $(BENCHES),$(MAKECMDGOALS)),bench,$(if \
	   $(filter demo deb,$(MAKECMDGOALS)),$(filter demo deb, \
	   $(MAKECMDGOALS)),build)))
dependencies:
	@$(if $(filter no,$(DEPS)),,packaging/dependencies $(LEVEL))

$(B)/obj/%.o: %.c Makefile | dependencies
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(FLAGS) $(call includes,$<) -MMD -MP -c -o $@ $<

define program
$(1): $$($(notdir $(1))_OBJ:%=$(B)/obj/%.o)
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(call lib,$$($(notdir $(1))_LIB))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- tests: what each needs stands in its first lines ----
#	/* objects: common/text common/names */
#	/* libs: jansson */
TESTS	:= $(wildcard tests/unit/test_*.c tests/fuzz/*.c)
$(B)/tests.mk: $(TESTS) Makefile
	@mkdir -p $(@D)
	@: >$@; for t in $(TESTS:.c=); do \
	  sed -n -e "s,^/\* objects: \(.*\) \*/$$,$(B)/$$t: \$$(patsubst %\,$(B)/obj/%.o\,\1),p" \
	    -e "s,^/\* libs: \(.*\) \*/$$,$(B)/$$t: LIBS = \1,p" $$t.c >>$@; \
	done
-include $(if $(filter unit-programs fuzz-programs $(B)/tests/%,$(MAKECMDGOALS)),$(B)/tests.mk)

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,cmocka $(LIBS))
$(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(call lib,$(LIBS))
$(B)/tests/inject: $(B)/obj/tests/e2e/inject.o
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,libseccomp)
$(B)/tests/strike: $(B)/obj/tests/crash/strike.o $(B)/obj/tests/crash/point.o
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,libseccomp)
$(B)/tests/loadgen: $(B)/obj/tests/bench/loadgen.o $(B)/obj/tests/bench/loadgen_jose.o $(B)/obj/tests/bench/loadgen_dns.o
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,libcurl libcrypto jansson)
$(B)/tests/table: $(B)/obj/tests/hostile/table.o $(BASE:%=$(B)/obj/%.o)
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,$(MSGPACK))
$(B)/tests/jails: $(B)/obj/tests/jail/jails.o $(addprefix $(B)/obj/, \
    common/sandbox_base.o common/sandbox_net.o $(JAILS:=.o))
	@mkdir -p $(@D)
	$(say)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call lib,libseccomp)

unit-programs: $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
fuzz-programs: $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))

# clang-tidy, a file at a time; what it was told is in .clang-tidy.
SOURCES	:= $(foreach f,$(FOLDERS),$(wildcard $(f)/*.c))
HEADERS	:= $(wildcard */*.h certd/*/*.h proto/*.def)
lint-files: $(SOURCES:%.c=$(B)/lint/%.tidy)
$(B)/lint/%.tidy: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(filter-out -Werror,$(FLAGS)) \
	  $(call includes,$<) $(if $(filter-out common/err.c,$<), \
	  -D_GNU_SOURCE= -include tests/analyzer.h) >$(@:.tidy=.log) 2>&1 || \
	  { cat $(@:.tidy=.log); exit 1; }
	@touch $@

# Runs suites, goes on after failures, ends with "N passed, N failed".
$(TESTING): dependencies
	@tests/run $(filter-out check,$@)

# Which lines of each parser its fuzzer has run: TARGETS="fuzz_dns ...", or all.
fuzz-coverage: dependencies
	@tests/fuzz-coverage $(TARGETS)

demo: $(PROGRAMS)
	@tests/demo --build $(B) $(if $(filter-out 0,$(KEEP)),--keep)

# ---- packaging ----
UNITS	:= $(wildcard packaging/systemd/*)
UNITDIR	?= $(PREFIX)/lib/systemd/system
MANUALS	 = $(wildcard packaging/man/*) $(B)/man/certd-protocol.7
D	 = $(DESTDIR)$(PREFIX)

$(B)/man/certd-protocol.7: packaging/protocol-manual proto/messages.def
	@mkdir -p $(@D)
	$(say)
	$(Q)packaging/protocol-manual proto/messages.def >$@

soak: $(PROGRAMS)
	@tests/with-stage --build $(B) tests/soak --number $(or $(NUMBER),1000)

bench: $(PROGRAMS) $(B)/tests/loadgen
	@tests/with-stage --build $(B) tests/bench/speed.py \
	  $(if $(MOST),--most $(MOST)) $(SCENES)

bench-faults: $(PROGRAMS)
	@tests/with-stage --build $(B) tests/bench/faults.py \
	  $(if $(CLIENTS),--clients $(CLIENTS)) $(SCENES)

install: $(PROGRAMS) $(MANUALS)
	install -d $(addprefix $(D)/,bin sbin libexec/certd \
	  lib/sysusers.d lib/tmpfiles.d share/man/man1 share/man/man5 share/man/man7 share/man/man8 \
	  share/bash-completion/completions share/zsh/vendor-completions \
	  share/fish/vendor_completions.d share/doc/certd/examples) \
	  $(DESTDIR)$(UNITDIR)
	install $(B)/bin/certctl $(D)/bin
	install $(B)/sbin/certd $(B)/sbin/acmew $(D)/sbin
	install $(addprefix $(B)/libexec/certd/,$(LIBEXEC)) $(D)/libexec/certd
	install -m 644 $(UNITS) $(DESTDIR)$(UNITDIR)
	sed -i 's|^ExecStart=/usr/|ExecStart=$(PREFIX)/|' \
	  $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(filter %.service,$(UNITS))))
	install -m 644 packaging/sysusers/certd.conf $(D)/lib/sysusers.d
	install -m 644 packaging/tmpfiles/certd.conf $(D)/lib/tmpfiles.d
	for m in $(MANUALS); do \
	  install -m 644 $$m $(D)/share/man/man$${m##*.} || exit 1; done
	install -m 644 packaging/completion/certctl.bash \
	  $(D)/share/bash-completion/completions/certctl
	install -m 644 packaging/completion/_certctl \
	  $(D)/share/zsh/vendor-completions
	install -m 644 packaging/completion/certctl.fish \
	  $(D)/share/fish/vendor_completions.d
	cp -p packaging/examples/* $(D)/share/doc/certd/examples

# The Debian package, in build/deb, from a copy of the sources.
deb: | dependencies
	@packaging/make-deb build/deb

# For tests: make print NAME=certd_OBJ
print:
	@echo $($(NAME))

clean:
	rm -rf build
