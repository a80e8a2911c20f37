#include "subtransaction.hpp"

namespace insights::pg {

bool is_of_session(const ErrorData *error) {
  return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION && error->funcname != nullptr &&
         std::strcmp(error->funcname, "ProcessInterrupts") == 0;
}

bool is_of_value(const ErrorData *error) {
  const int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
  return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
}

}  // namespace insights::pg
