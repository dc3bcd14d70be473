# longtail: build, install, test.  `make help` lists the targets.
#
# A PGXS extension with one addition: each folder of src/ is compiled with the include paths it is allowed, so
# that the rule api -> pg -> core -> libc and BLAS is kept by the compiler.  Works in the source tree and, with
# `make -f /path/to/longtail/Makefile`, from any other directory, which then receives everything that is built.

EXTENSION = longtail
EXTVERSION = 0.2.0
MODULE_big = longtail
PG_CONFIG ?= pg_config
WERROR ?= -Werror

top := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))

# The install script, in the order its parts run: a part may use what stands before it.
SQL_PARTS = schema.sql build.sql relation.sql roles.sql catalog.sql models.sql transfer.sql privacy.sql predictor.sql scoring.sql exposure.sql health.sql rerank.sql measure.sql evaluate.sql plot.sql report.sql leave.sql

# ---- what is built from what ----

sources = $(patsubst $(top)/%,%,$(wildcard $(top)/src/$(1)/*.c))
objects = $(patsubst %.c,build/%.o,$(call sources,$(1)))
CORE_OBJS := $(call objects,core)
PG_OBJS := $(call objects,pg)
API_OBJS := $(call objects,api)
OBJS = $(CORE_OBJS) $(PG_OBJS) $(API_OBJS)

INSTALL_SCRIPT_SQL = build/$(EXTENSION)--$(EXTVERSION).sql
DATA = $(patsubst $(top)/%,%,$(wildcard $(top)/sql/$(EXTENSION)--*--*.sql))
DATA_built = $(INSTALL_SCRIPT_SQL)
EXTRA_CLEAN = build results regression.diffs regression.out demo-output

# OpenBLAS is loaded when first called, by its path: see src/core/blas.h, which also says why this build of it.
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
OPENBLAS_INCLUDEDIR ?= /usr/include/$(MULTIARCH)/openblas-openmp
OPENBLAS_LIBRARY ?= /usr/lib/$(MULTIARCH)/openblas-openmp/libopenblas.so.0
# Own names are bound at link time: looked up at load time, they would cost every new connection a quarter of that.
SHLIB_LINK = -lm -Wl,-Bsymbolic -Wl,--build-id=sha1

# Bitcode serves to inline functions into just-in-time compiled expressions.  Nothing here is small enough to
# gain from that, and it would compile every file a second time, with clang.
override with_llvm := no

# ---- regression tests (make installcheck) ----

REGRESS = $(sort $(basename $(notdir $(wildcard $(top)/test/sql/*.sql))))
REGRESS_OPTS = --inputdir=$(top)/test --load-extension=$(EXTENSION)

# ---- PGXS, where the server's development files are there; the other targets do without ----

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
# Elsewhere than in the source tree, only the control file may be found there, never an object built there.
VPATH :=
vpath %.control $(top)
else
all install installcheck uninstall:
	@echo "longtail: '$(PG_CONFIG) --pgxs' finds no PostgreSQL development files." >&2
	@echo "Install postgresql-server-dev-NN, or say make PG_CONFIG=/path/to/pg_config." >&2
	@exit 1
clean:
	rm -rf $(EXTRA_CLEAN)
.PHONY: all install installcheck uninstall clean
endif

# ---- compiling, one rule a folder ----

WARNINGS = -Wall -Wextra $(WERROR)
CORE_INCLUDES = -I$(top)/src/core -isystem $(OPENBLAS_INCLUDEDIR) -DLT_OPENBLAS='"$(OPENBLAS_LIBRARY)"'

# Without the two -fno switches gcc keeps loops with sqrt or comparisons scalar; neither changes a result.
# Contracting a*b+c is off, so that a model trains to the same weights on every machine of a kind.
CORE_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -g -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility=hidden -fPIC \
	$(WARNINGS) $(CORE_INCLUDES)

# PostgreSQL's own flags first, its headers as system headers: our warnings are for our lines.
SERVER_CFLAGS = $(CFLAGS) $(WARNINGS) -DLONGTAIL_VERSION='"$(EXTVERSION)"' -Wno-declaration-after-statement -Wno-unused-parameter \
	-Wno-missing-field-initializers
server_includes = $(addprefix -I$(top)/src/,$(1)) -isystem $(includedir_server) $(CPPFLAGS)

$(CORE_OBJS): build/%.o: $(top)/%.c | check-includes
	@mkdir -p $(@D)
	$(CC) $(CORE_CFLAGS) -MMD -MP -c $< -o $@

$(PG_OBJS): build/%.o: $(top)/%.c | check-includes
	@mkdir -p $(@D)
	$(CC) $(SERVER_CFLAGS) $(call server_includes,pg core) -MMD -MP -c $< -o $@

$(API_OBJS): build/%.o: $(top)/%.c | check-includes
	@mkdir -p $(@D)
	$(CC) $(SERVER_CFLAGS) $(call server_includes,api pg core) -MMD -MP -c $< -o $@

# What include paths cannot refuse: system headers of other libraries in core, and paths that climb.
LIBC_HEADERS = assert ctype dlfcn errno float inttypes limits math pthread sched signal stdalign stdarg stdatomic stdbool stddef \
	stdint stdio stdlib string unistd
empty :=
space := $(empty) $(empty)
check-includes:
	@! grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' $(wildcard $(top)/src/core/*.[ch]) /dev/null \
	    | grep -vE '<(cblas|[a-z]*mmintrin|$(subst $(space),|,$(LIBC_HEADERS)))\.h>' \
	  || { echo 'src/core includes only its own headers, the C library (LIBC_HEADERS), intrinsics and cblas.h' >&2; exit 1; }
	@! grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<](\.\./|.*/\.\./|src/|core/|pg/|api/)' \
	    $(wildcard $(top)/src/*/*.[ch]) /dev/null \
	  || { echo 'include headers by their bare name: src/core, src/pg and src/api are include paths' >&2; exit 1; }
.PHONY: check-includes

-include $(OBJS:.o=.d)

# ---- the install script ----

$(INSTALL_SCRIPT_SQL): $(addprefix $(top)/sql/parts/,$(SQL_PARTS)) $(top)/Makefile | check-parts
	@mkdir -p $(@D)
	{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; \
	  for part in $(SQL_PARTS); do echo; cat $(top)/sql/parts/$$part || exit 1; done; } > $@

check-parts:
	@for part in $(filter-out $(SQL_PARTS),$(notdir $(wildcard $(top)/sql/parts/*.sql))); do \
	    echo "sql/parts/$$part: name it in SQL_PARTS (Makefile), after the parts it uses" >&2; exit 1; done
.PHONY: check-parts

# ---- core tests: no server, everything under the address and undefined-behaviour sanitizers ----

SANITIZE = -std=c11 -D_POSIX_C_SOURCE=200809L -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer $(WARNINGS) $(CORE_INCLUDES)
CORE_TESTS = $(patsubst $(top)/%.c,build/%,$(wildcard $(top)/test/core/test_*.c))
SANITIZED_OBJS = $(CORE_OBJS:build/src/core/%=build/sanitized/%)

$(SANITIZED_OBJS): build/sanitized/%.o: $(top)/src/core/%.c
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -MMD -MP -c $< -o $@

$(CORE_TESTS): build/%: $(top)/%.c $(SANITIZED_OBJS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -MMD -MP -MT $@ -MF $@.d $< $(SANITIZED_OBJS) -lm -o $@

core-tests: $(CORE_TESTS)
.PHONY: core-tests

-include $(SANITIZED_OBJS:.o=.d) $(addsuffix .d,$(CORE_TESTS))

# ---- fuzz targets: with a driver of our own under the same sanitizers; with clang's libFuzzer for hours ----

FUZZ_TARGETS = $(patsubst $(top)/%.c,build/%,$(wildcard $(top)/test/fuzz/fuzz_*.c))
FUZZ_HEADERS = $(top)/test/fuzz/fuzz.h $(wildcard $(top)/test/core/*.h)

$(FUZZ_TARGETS): build/%: $(top)/%.c $(top)/test/fuzz/driver.c $(FUZZ_HEADERS) $(SANITIZED_OBJS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -I$(top)/test/core $< $(top)/test/fuzz/driver.c $(SANITIZED_OBJS) -lm -o $@

fuzz-targets: $(FUZZ_TARGETS)
.PHONY: fuzz-targets

# Writes the corpora again; what fuzzing found stays beside.
fuzz-corpus: build/test/fuzz/seeds
	$< $(top)/test/fuzz/corpus
build/test/fuzz/seeds: $(top)/test/fuzz/seeds.c $(FUZZ_HEADERS) $(SANITIZED_OBJS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -I$(top)/test/core $< $(SANITIZED_OBJS) -lm -o $@
.PHONY: fuzz-corpus

# To clang adding 0 to NULL is an overflow of pointers; it is what empty arrays do.
CLANG ?= clang
LIBFUZZER = $(filter-out -fsanitize=%,$(SANITIZE)) -fno-sanitize=pointer-overflow
LIBFUZZER_OBJS = $(CORE_OBJS:build/src/core/%=build/libfuzzer/%)

$(LIBFUZZER_OBJS): build/libfuzzer/%.o: $(top)/src/core/%.c
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=fuzzer-no-link,address,undefined $(LIBFUZZER) -MMD -MP -c $< -o $@

build/libfuzzer/fuzz_%: $(top)/test/fuzz/fuzz_%.c $(FUZZ_HEADERS) $(LIBFUZZER_OBJS)
	$(CLANG) -fsanitize=fuzzer,address,undefined $(LIBFUZZER) -I$(top)/test/core $< $(LIBFUZZER_OBJS) -lm -o $@

-include $(LIBFUZZER_OBJS:.o=.d)

# ---- measurements of the core alone, built as the library is ----

build/test/bench/%: $(top)/test/bench/%.c $(CORE_OBJS)
	@mkdir -p $(@D)
	$(CC) $(CORE_CFLAGS) $< $(CORE_OBJS) -lm -o $@

# ---- the rest is done by scripts ----

# ONLY=pgtap/auc runs the test files whose path begins so.
test:
	@$(top)/test/run test
check-core:
	@$(top)/test/run core
torture:
	@$(top)/test/run torture
demo:
	@$(top)/test/run demo
bench:
	@$(top)/test/run bench
format:
	clang-format -i $(wildcard $(top)/src/*/*.[ch] $(top)/test/core/*.[ch])

help:
	@echo 'make               build the extension (PG_CONFIG=/path/to/pg_config chooses the server)'
	@echo 'make install       install it into that server'
	@echo 'make installcheck  run the regression tests against that server, running'
	@echo 'make demo          the main job on real data, on a private server, all set-up included'
	@echo 'make test          all tests, on a private server, all set-up included (ONLY=pgtap/auc: some of them)'
	@echo 'make torture       the long forms of the tests that have one: hours of kills, load and hostile input'
	@echo 'make check-core    the core tests alone, under the address and undefined-behaviour sanitizers'
	@echo 'make bench         the long benchmarks'
	@echo 'make format        clang-format over src and test'
	@echo 'make clean         remove what was built'
.PHONY: test torture check-core demo bench format help
