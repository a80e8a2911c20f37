#include "subtransaction.hpp"

namespace insights::pg {

bool is_of_session(const ErrorData *error) {
  return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION && error->funcname != nullptr &&
         std::strcmp(error->funcname, "ProcessInterrupts") == 0;
}

}  // namespace insights::pg
