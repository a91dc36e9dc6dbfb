// SPDX-License-Identifier: Apache-2.0
// calotype-renderer: started by calotype, with a socket as its third descriptor; of no use by hand.
#include "render/renderer/session.hpp"

int main() {
  return calotype::run_renderer({});
}
