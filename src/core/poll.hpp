// How a long loop of the core lets its caller stop it.
#pragma once

#include <cstdint>

namespace insights {

// The core calls check() from its long loops, with all of its objects in a state that may be unwound. An
// implementation that wants to stop the loop throws. The default never does.
class Poll {
 public:
  virtual ~Poll() = default;
  virtual void check() {}

  // Calls check() once every 1024 turns of a loop.
  void tick() {
    if ((++turns_ & 1023U) == 0) check();
  }

 private:
  std::uint32_t turns_ = 0;
};

}  // namespace insights
