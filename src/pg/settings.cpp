#include "settings.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace insights::pg {

int default_method = static_cast<int>(Method::kRate);
bool silence = true;
int max_groups = 1000000;
int debug_fault = kNoFault;

namespace {

enum Sensitivity : int { kStrict, kNormal, kSensitive };

int sensitivity = kNormal;

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

}  // namespace

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
  DefineCustomEnumVariable("anomaly_insights.method", "The detector's method where a call names none.",
                           "rate: significant changes of rates and ratios. reference: the rule of the original.",
                           &default_method, static_cast<int>(Method::kRate), kMethods, PGC_USERSET, 0, nullptr, nullptr,
                           nullptr);
  DefineCustomEnumVariable("anomaly_insights.sensitivity", "How readily method rate reports a spike.",
                           "strict: twice the baseline, p < 1e-7. normal: 1.5 times, p < 1e-6. sensitive: p < 1e-5.",
                           &sensitivity, kNormal, kSensitivities, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable("anomaly_insights.silence", "Whether an endpoint that falls silent is an anomaly.",
                           "Of method rate; the reference method never looks for silence.", &silence, true, PGC_USERSET,
                           0, nullptr, nullptr, nullptr);
  DefineCustomIntVariable("anomaly_insights.max_groups", "The most pairs of tenant and endpoint in one rollup.",
                          "Beyond it a report ends with an error rather than with the server's memory. A pair takes "
                          "about 300 bytes in each process that scans.",
                          &max_groups, 1000000, 1, INT_MAX - 1, PGC_USERSET, 0, nullptr, nullptr, nullptr);
  DefineCustomEnumVariable("anomaly_insights.debug_fault", "Makes the extension's C++ code fail, to test how it does.",
                           nullptr, &debug_fault, kNoFault, kFaults, PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL,
                           nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("anomaly_insights");
}

}  // namespace insights::pg
