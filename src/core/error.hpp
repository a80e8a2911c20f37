// The one exception type of the core.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace insights {

// What went wrong, in the terms that the PostgreSQL shim needs to choose an SQLSTATE.
enum class ErrorKind {
  kInvalidArgument,  // the caller's value makes no sense: 22023
  kCorruptBytes,     // bytes that are no rollup of ours: 22P03
  kUnlike,           // two rollups of different shape: 22023
  kLimit,            // a limit of the program is reached: 54000
  kWrongState,       // what is asked of an incident does not fit its state: 55000
};

// An error of the core: a message in PostgreSQL's style (lower case, no full stop), and a hint that is a sentence or
// empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string &message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const std::string &hint() const noexcept { return hint_; }

 private:
  ErrorKind kind_;
  std::string hint_;
};

}  // namespace insights
