// Triage of one delivery.
#include "../core/triage.hpp"

#include "arguments.hpp"
#include "guard.hpp"
#include "rollup_type.hpp"

namespace insights::pg {

namespace {

// The text of an error, or as much of it as the method reads: of one that is stored elsewhere or compressed, no more is
// fetched.
Text error_argument(FunctionCallInfo fcinfo, int number, TriageMethod method) {
  struct varlena *error = PG_GETARG_RAW_VARLENA_P(number);
  const bool stored_apart = VARATT_IS_EXTERNAL(error) || VARATT_IS_COMPRESSED(error);
  if (!stored_apart || method == TriageMethod::kReference) return text_of(PG_GETARG_VARLENA_PP(number));
  return text_of(PG_DETOAST_DATUM_SLICE(PointerGetDatum(error), 0, kTriagedBytes + 1));
}

// (status, http_status, error)
TriageInput triage_arguments(FunctionCallInfo fcinfo, TriageMethod method) {
  TriageInput input;
  if (!PG_ARGISNULL(0)) input.status = text_of(PG_GETARG_VARLENA_PP(0));
  if (!PG_ARGISNULL(1)) input.http_status = PG_GETARG_INT32(1);
  if (!PG_ARGISNULL(2)) input.error = error_argument(fcinfo, 2, method);
  return input;
}

TriageMethod method_argument(FunctionCallInfo fcinfo, int number) {
  if (PG_ARGISNULL(number)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("method must not be NULL")));
  }
  return triage_method_by_name(text_of(PG_GETARG_VARLENA_PP(number)));
}

// The type of the result, found once for all calls of a query.
TupleDesc result_type(FunctionCallInfo fcinfo) {
  if (fcinfo->flinfo->fn_extra == nullptr) {
    TupleDesc type = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &type) != TYPEFUNC_COMPOSITE) elog(ERROR, "return type must be a row");
    MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    fcinfo->flinfo->fn_extra = BlessTupleDesc(CreateTupleDescCopy(type));
    MemoryContextSwitchTo(caller);
  }
  return static_cast<TupleDesc>(fcinfo->flinfo->fn_extra);
}

Datum text_datum(std::string_view text) {
  return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

}  // namespace

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// triage_classify(status, http_status, error, method) -> (label, score, reason, recommended_action)
ANOMALY_INSIGHTS_FUNCTION(ai_triage_classify) {
  const TriageMethod method = method_argument(fcinfo, 3);
  const Triage triage = classify(triage_arguments(fcinfo, method), method);
  char reason[kLongestReason];
  Datum values[] = {text_datum(triage.label()), Int32GetDatum(triage.score()),
                    text_datum(triage_reason(triage, reason)), text_datum(triage.action())};
  bool nulls[lengthof(values)] = {};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_type(fcinfo), values, nulls)));
}

// triage_label(status, http_status, error) -> text, or NULL where there is nothing to triage
ANOMALY_INSIGHTS_FUNCTION(ai_triage_label) {
  const Triage triage = classify(triage_arguments(fcinfo, TriageMethod::kDefault), TriageMethod::kDefault);
  if (triage.rule == TriageRule::kNothing) PG_RETURN_NULL();
  PG_RETURN_DATUM(text_datum(triage.label()));
}
