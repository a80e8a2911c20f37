# make && make install && make installcheck; PG_CONFIG chooses the PostgreSQL.

EXTENSION = anomaly_insights
MODULE_big = anomaly_insights
DATA = anomaly_insights--1.0.sql

OBJS = \
	src/core/anomalies.o \
	src/core/anomalies_json.o \
	src/core/binomial.o \
	src/core/cell_log.o \
	src/core/compare.o \
	src/core/detection.o \
	src/core/event_json.o \
	src/core/explain.o \
	src/core/figures.o \
	src/core/fleet.o \
	src/core/grouped.o \
	src/core/history.o \
	src/core/insights_json.o \
	src/core/json_text.o \
	src/core/lifecycle.o \
	src/core/message.o \
	src/core/number.o \
	src/core/observe.o \
	src/core/phrases.o \
	src/core/rate.o \
	src/core/rate_failure.o \
	src/core/rate_spike.o \
	src/core/reference.o \
	src/core/replay.o \
	src/core/replay_json.o \
	src/core/rollup.o \
	src/core/rollup_reader.o \
	src/core/rollup_runs.o \
	src/core/rollup_writer.o \
	src/core/shape.o \
	src/core/slot_grid.o \
	src/core/status.o \
	src/core/step.o \
	src/core/top_failing.o \
	src/core/trends.o \
	src/core/triage.o \
	src/pg/actor.o \
	src/pg/anomalies.o \
	src/pg/arguments.o \
	src/pg/audit.o \
	src/pg/binding.o \
	src/pg/calendar.o \
	src/pg/catalog.o \
	src/pg/clock.o \
	src/pg/compare.o \
	src/pg/databases.o \
	src/pg/deliveries.o \
	src/pg/delivery_filter.o \
	src/pg/detection.o \
	src/pg/future.o \
	src/pg/grants.o \
	src/pg/guard.o \
	src/pg/history.o \
	src/pg/id_list.o \
	src/pg/incident_lock.o \
	src/pg/incident_rows.o \
	src/pg/incident_store.o \
	src/pg/incidents.o \
	src/pg/insights.o \
	src/pg/json.o \
	src/pg/launcher.o \
	src/pg/local_time.o \
	src/pg/lock_holder.o \
	src/pg/memory.o \
	src/pg/module.o \
	src/pg/mutes.o \
	src/pg/needs.o \
	src/pg/notify.o \
	src/pg/own_lock.o \
	src/pg/query.o \
	src/pg/replay.o \
	src/pg/replay_advice.o \
	src/pg/replay_deliveries.o \
	src/pg/replay_execute.o \
	src/pg/replay_figures.o \
	src/pg/replay_obstacle.o \
	src/pg/replay_put_back.o \
	src/pg/replay_record.o \
	src/pg/replay_refusals.o \
	src/pg/replay_trial.o \
	src/pg/replay_word.o \
	src/pg/requeue.o \
	src/pg/role.o \
	src/pg/rollup_agg.o \
	src/pg/rollup_functions.o \
	src/pg/rollup_type.o \
	src/pg/rows.o \
	src/pg/runs.o \
	src/pg/sample.o \
	src/pg/scan.o \
	src/pg/settings.o \
	src/pg/source.o \
	src/pg/source_check.o \
	src/pg/source_expression.o \
	src/pg/source_register.o \
	src/pg/source_store.o \
	src/pg/statement.o \
	src/pg/status.o \
	src/pg/status_sample.o \
	src/pg/status_words.o \
	src/pg/subtransaction.o \
	src/pg/tenants.o \
	src/pg/tick.o \
	src/pg/trends.o \
	src/pg/triage.o \
	src/pg/trust.o \
	src/pg/window.o \
	src/pg/worker.o

# The tests hold texts that only UTF-8 has.
REGRESS_OPTS = --encoding=UTF8 --no-locale
REGRESS = $(patsubst sql/%.sql,%,$(wildcard sql/*.sql))

# PostgreSQL's headers use `register` (15) and have unused parameters. Symbols are hidden on every major; 15 does not
# mark its entry points visible by itself, so PGDLLEXPORT is given.
INSIGHTS_CXXFLAGS = -std=c++17 -Wall -Wextra -Werror -Wno-register -Wno-unused-parameter \
	-Wno-missing-field-initializers -fvisibility=hidden
PG_CXXFLAGS = $(INSIGHTS_CXXFLAGS) -MMD -MP
PG_CPPFLAGS = -DPGDLLEXPORT='__attribute__((visibility("default")))'
SHLIB_LINK = -lstdc++
EXTRA_CLEAN = $(OBJS:.o=.d)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS hands PG_CXXFLAGS to the compiler, but not to clang when it makes the bitcode for JIT.
BITCODE_CXXFLAGS += $(INSIGHTS_CXXFLAGS) -Wno-unused-command-line-argument

# Templates of the standard library stay visible in spite of -fvisibility=hidden; nobody else's may meet ours.
ifeq ($(PORTNAME), linux)
SHLIB_LINK += -Wl,--version-script=$(srcdir)/src/pg/exports.map
$(shlib): src/pg/exports.map
endif

-include $(OBJS:.o=.d)
