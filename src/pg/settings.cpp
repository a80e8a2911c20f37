#include "settings.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace insights::pg {

int default_method = static_cast<int>(Method::kRate);
bool silence = true;
int max_groups = 1000000;
int debug_fault = kNoFault;
char *actor = nullptr;
char *notify_channel = nullptr;
bool notify_details = false;
int retention_days = 90;
int naptime = 30;
int worker_statement_timeout = 30000;
int worker_lock_timeout = 1000;
char *worker_role = nullptr;
char *worker_databases = nullptr;
int max_databases = 256;
int max_sources = 1024;

namespace {

enum Sensitivity : int { kStrict, kNormal, kSensitive };

int sensitivity = kNormal;

// In s, but for flap_threshold.
int open_after = 20;
int resolve_after = 600;
int reopen_grace = 1800;
int flap_threshold = 3;
int flap_window = 21600;
int new_normal_after = 86400;
int expire_after = 3600;

const config_enum_entry kMethods[] = {
    {"rate", static_cast<int>(Method::kRate), false},
    {"reference", static_cast<int>(Method::kReference), false},
    {nullptr, 0, false},
};

const config_enum_entry kSensitivities[] = {
    {"strict", kStrict, false},
    {"normal", kNormal, false},
    {"sensitive", kSensitive, false},
    {nullptr, 0, false},
};

const config_enum_entry kFaults[] = {
    {"none", kNoFault, false},
    {"bad_alloc", kFaultBadAlloc, false},
    {"runtime_error", kFaultRuntimeError, false},
    {nullptr, 0, false},
};

// What a setting that is everybody's to SET is without what was set for a role, a connection or a session.
struct Configured {
  const char *name;
  int value;
  GucSource source;
};

Configured configured_sensitivity = {"anomaly_insights.sensitivity", kNormal, PGC_S_DEFAULT};
Configured configured_silence = {"anomaly_insights.silence", 1, PGC_S_DEFAULT};
Configured configured_max_groups = {"anomaly_insights.max_groups", 1000000, PGC_S_DEFAULT};

// The library comes after settings have been made for this role and connection.
bool defined_late = false;
// One of the above that had been made by then for the role or the connection: it hid what is configured.
const char *unknown_setting = nullptr;

// They do not come in the order of their precedence; the default comes again where a value leaves the file.
bool takes_place_of(GucSource source, GucSource known) {
  return source >= known || (source == PGC_S_DEFAULT && known == PGC_S_FILE);
}

// A check hook, since only that hears of a value that a session's own one overrides. (ALTER SYSTEM asks it, too:
// whoever gives the command scans by the new value before the reload.)
template <Configured *configured, typename Value>
bool note_configured(Value *value, void **, GucSource source) {
  if (source > PGC_S_DATABASE) {
    if (defined_late && source <= PGC_S_OVERRIDE) unknown_setting = configured->name;
  } else if (takes_place_of(source, configured->source)) {
    configured->value = static_cast<int>(*value);
    configured->source = source;
  }
  return true;
}

void pin(const Configured &configured, const char *value) {
  (void)set_config_option(configured.name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// A channel is a name like any other; NOTIFY would refuse it only at the first incident.
bool check_channel(char **value, void **, GucSource) {
  if (std::strlen(*value) < NAMEDATALEN) return true;
  GUC_check_errdetail("The name of a channel has at most %d bytes.", NAMEDATALEN - 1);
  return false;
}

bool check_names(char **value, void **, GucSource) {
  List *names = NIL;
  if (SplitIdentifierString(pstrdup(*value), ',', &names)) return true;
  GUC_check_errdetail("It is no list of names.");
  return false;
}

void define_seconds(const char *name, const char *summary, const char *detail, int *variable, int least) {
  DefineCustomIntVariable(name, summary, detail, variable, *variable, least, 366 * 86400, PGC_SUSET, GUC_UNIT_S,
                          nullptr, nullptr, nullptr);
}

void define_lifecycle_settings() {
  define_seconds("anomaly_insights.open_after", "How long failures or silence must hold before they open an incident.",
                 "A spike, and failures beyond doubt, open one at once.", &open_after, 0);
  define_seconds("anomaly_insights.resolve_after", "How long an incident must have been calm before it is resolved.",
                 nullptr, &resolve_after, 0);
  define_seconds("anomaly_insights.reopen_grace", "How soon after its end a breach reopens the same incident.", nullptr,
                 &reopen_grace, 0);
  DefineCustomIntVariable("anomaly_insights.flap_threshold",
                          "More reopenings than this within flap_window make an incident flapping.",
                          "It then stays open until it has been calm for longer than reopen_grace.", &flap_threshold, 3,
                          0, kMostReopens - 1, PGC_SUSET, 0, nullptr, nullptr, nullptr);
  define_seconds("anomaly_insights.flap_window", "The time within which reopenings count as flapping.", nullptr,
                 &flap_window, 1);
  define_seconds("anomaly_insights.new_normal_after", "How long an incident's level must stay to be the new normal.",
                 "The incident is then resolved, and not reopened at that level.", &new_normal_after, 60);
  define_seconds("anomaly_insights.expire_after", "After how long an incident that nobody evaluates is resolved.",
                 "Its source fails, or no scan runs.", &expire_after, 60);
  DefineCustomIntVariable("anomaly_insights.retention", "How long resolved incidents and events are kept, in days.",
                          "0 keeps them for ever.", &retention_days, 90, 0, 36500, PGC_SUSET, 0, nullptr, nullptr,
                          nullptr);
  DefineCustomStringVariable("anomaly_insights.notify_channel", "The channel that transitions of incidents notify.",
                             "Empty: nobody is notified.", &notify_channel, "anomaly_insights", PGC_SUSET, 0,
                             check_channel, nullptr, nullptr);
  DefineCustomBoolVariable("anomaly_insights.notify_details",
                           "Whether notifications name tenant, endpoint and what is wrong.",
                           "Anybody who may connect to the database can LISTEN.", &notify_details, false, PGC_SUSET, 0,
                           nullptr, nullptr, nullptr);
  DefineCustomStringVariable("anomaly_insights.actor", "The application's user who acknowledges, resolves and mutes.",
                             "Recorded beside the session's user.", &actor, "", PGC_USERSET, 0, nullptr, nullptr,
                             nullptr);
}

// The launcher's and its workers'. Defined wherever the library is loaded, so that a configuration file with them is no
// error.
void define_worker_settings() {
  DefineCustomIntVariable("anomaly_insights.naptime", "Time between two runs of the worker in a database.",
                          "0 stops the worker.", &naptime, 30, 0, 86400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                          nullptr);
  DefineCustomIntVariable("anomaly_insights.statement_timeout", "The longest time that the worker spends on a source.",
                          "0 sets no limit.", &worker_statement_timeout, 30000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
                          nullptr, nullptr, nullptr);
  DefineCustomIntVariable("anomaly_insights.lock_timeout", "The longest time that the worker waits for a lock.",
                          "0 sets no limit.", &worker_lock_timeout, 1000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, nullptr,
                          nullptr, nullptr);
  DefineCustomStringVariable("anomaly_insights.worker_role", "The role as which the worker connects.",
                             "It needs CONNECT, and LOGIN before PostgreSQL 17. Empty: the bootstrap superuser.",
                             &worker_role, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("anomaly_insights.databases", "The databases in which the worker runs.",
                             "A comma-separated list. Empty: all that have the extension.", &worker_databases, "",
                             PGC_SIGHUP, GUC_LIST_INPUT, check_names, nullptr, nullptr);
  // Memory is shared once. A variable of the postmaster cannot be defined later, but must not be unknown then.
  const GucContext at_start = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;
  DefineCustomIntVariable("anomaly_insights.max_databases", "The most databases with the extension that have a worker.",
                          nullptr, &max_databases, 256, 1, 65536, at_start, 0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("anomaly_insights.max_sources",
                          "The most delivery sources, of all databases, whose evaluations are remembered.", nullptr,
                          &max_sources, 1024, 1, 65536, at_start, 0, nullptr, nullptr, nullptr);
}

Duration seconds(int count) { return count * kSecond; }

}  // namespace

LifecyclePolicy lifecycle_policy() {
  LifecyclePolicy policy;
  policy.open_after = seconds(open_after);
  policy.resolve_after = seconds(resolve_after);
  policy.reopen_grace = seconds(reopen_grace);
  policy.flap_threshold = flap_threshold;
  policy.flap_window = seconds(flap_window);
  policy.new_normal_after = seconds(new_normal_after);
  policy.expire_after = seconds(expire_after);
  return policy;
}

RatePolicy rate_policy() {
  RatePolicy policy;
  if (sensitivity == kStrict) {
    policy.rho = 2;
    policy.spike_alpha = 1e-7;
  } else if (sensitivity == kSensitive) {
    policy.spike_alpha = 1e-5;
  }
  return policy;
}

void pin_configured_settings() {
  if (unknown_setting != nullptr) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s is set for this role or connection, and what is configured for all is not known here",
                           unknown_setting),
                    errdetail("A scan does not go by what is set for a role, a connection or a session, and that had "
                              "been set before the library was loaded."),
                    errhint("Add anomaly_insights to shared_preload_libraries, or set it by ALTER DATABASE only.")));
  }
  pin(configured_sensitivity, kSensitivities[configured_sensitivity.value].name);
  pin(configured_silence, configured_silence.value != 0 ? "on" : "off");
  pin(configured_max_groups, psprintf("%d", configured_max_groups.value));
}

Method method_by_name(const char *name) {
  if (name == nullptr) return static_cast<Method>(default_method);
  for (const config_enum_entry *entry = kMethods; entry->name != nullptr; ++entry) {
    if (std::strcmp(name, entry->name) == 0) return static_cast<Method>(entry->val);
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method \"%s\"", name),
                  errhint("Methods are \"rate\" (the default) and \"reference\".")));
  pg_unreachable();
}

void define_settings() {
  defined_late = !process_shared_preload_libraries_in_progress;
  DefineCustomEnumVariable("anomaly_insights.method", "The detector's method where a call names none.",
                           "rate: significant changes of rates and ratios. reference: the rule of the original.",
                           &default_method, static_cast<int>(Method::kRate), kMethods, PGC_USERSET, 0, nullptr, nullptr,
                           nullptr);
  DefineCustomEnumVariable("anomaly_insights.sensitivity", "How readily method rate reports a spike.",
                           "strict: twice the baseline, p < 1e-7. normal: 1.5 times, p < 1e-6. sensitive: p < 1e-5.",
                           &sensitivity, kNormal, kSensitivities, PGC_USERSET, 0,
                           note_configured<&configured_sensitivity>, nullptr, nullptr);
  DefineCustomBoolVariable("anomaly_insights.silence", "Whether an endpoint that falls silent is an anomaly.",
                           "Of method rate; the reference method never looks for silence.", &silence, true, PGC_USERSET,
                           0, note_configured<&configured_silence>, nullptr, nullptr);
  DefineCustomIntVariable("anomaly_insights.max_groups", "The most pairs of tenant and endpoint in one rollup.",
                          "Beyond it a report ends with an error rather than with the server's memory. A pair takes "
                          "about 300 bytes in each process that scans.",
                          &max_groups, 1000000, 1, INT_MAX - 1, PGC_USERSET, 0, note_configured<&configured_max_groups>,
                          nullptr, nullptr);
  DefineCustomEnumVariable("anomaly_insights.debug_fault", "Makes the extension's C++ code fail, to test how it does.",
                           nullptr, &debug_fault, kNoFault, kFaults, PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL,
                           nullptr, nullptr, nullptr);
  define_lifecycle_settings();
  define_worker_settings();
  MarkGUCPrefixReserved("anomaly_insights");
  defined_late = false;
}

}  // namespace insights::pg
