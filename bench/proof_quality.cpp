// SPDX-License-Identifier: Apache-2.0
// What the proof costs in quality. The same recipe is rendered twice by the program's own renderers
// under the program's own plan: once as the server would, from the proof, and once as if there were
// no proof, from the original. bench/row_quality.py compares the two pictures.
//
//   proof_quality FOLDER WIDTH,WIDTH,… FILE…
//
// Writes FOLDER/{number of file}-{width}-{proof|original}.webp, and one line of JSON for each pair.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>

#include "asset/plan.hpp"
#include "render/renderer_pool.hpp"

namespace {

using namespace calotype;

[[noreturn]] void stop(const Error& error) {
  std::cerr << "proof_quality: " << describe(error) << '\n';
  std::exit(1);
}

template <class T>
T value_of(Result<T> result) {
  if (!result) stop(result.error());
  return std::move(*result);
}

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

SourceBytes open_file(const char* path) {
  auto file = std::make_shared<const UniqueFd>(::open(path, O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (::fstat(file->get(), &status) != 0) {
    std::cerr << "proof_quality: cannot read " << path << '\n';
    std::exit(1);
  }
  return {.file = file, .bytes = static_cast<std::uint64_t>(status.st_size)};
}

/// A renderer takes descriptors that are open for reading only.
SourceBytes in_memory(const std::string& bytes) {
  const UniqueFd memory(::memfd_create("proof", MFD_CLOEXEC));
  if (::write(memory.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    std::cerr << "proof_quality: memfd\n";
    std::exit(1);
  }
  return open_file(("/proc/self/fd/" + std::to_string(memory.get())).c_str());
}

std::string render(RendererPool& pool, const SourceBytes& source, const RenderPlan& plan,
                   const MediaInfo& media) {
  static int renders = 0;
  return value_of(pool.render({.batch_key = "render " + std::to_string(++renders),
                               .source = source,
                               .overlay = std::nullopt,
                               .plan = plan,
                               .estimated_bytes = estimated_bytes(plan, media),
                               .render_class = RenderClass::waiting,
                               .deadline = deadline()},
                              {}))
      .bytes;
}

void compare(RendererPool& pool, const std::string& folder, int number, int width,
             const SourceBytes& original, const Inspection& inspection) {
  const MediaInfo& media = inspection.media;
  std::optional<Proof> proof;
  if (inspection.proof)
    proof = Proof{.blob_key = {},
                  .bytes = inspection.proof->bytes.size(),
                  .width = inspection.proof->width,
                  .height = inspection.proof->height};
  const Recipe recipe = value_of(parse_recipe("w=" + std::to_string(width) + "&q=85&fm=webp"));
  const RenderPlan with = value_of(plan_render(recipe, media, proof, {}));
  const RenderPlan without = value_of(plan_render(recipe, media, std::nullopt, {}));
  const bool used = with.source == RenderSource::proof;
  const std::string from_original = render(pool, original, without, media);
  const std::string from_proof =
      used ? render(pool, in_memory(inspection.proof->bytes), with, media) : from_original;
  const std::string stem = folder + "/" + std::to_string(number) + "-" + std::to_string(width);
  std::ofstream(stem + "-proof.webp", std::ios::binary) << from_proof;
  std::ofstream(stem + "-original.webp", std::ios::binary) << from_original;
  std::cout << R"({"number":)" << number << R"(,"width":)" << width << R"(,"proof_used":)"
            << (used ? "true" : "false") << R"(,"proof_bytes":)" << (proof ? proof->bytes : 0)
            << R"(,"bytes_from_proof":)" << from_proof.size() << R"(,"bytes_from_original":)"
            << from_original.size() << "}" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "proof_quality FOLDER WIDTH,WIDTH,… FILE…\n";
    return 2;
  }
  std::vector<int> widths;
  for (const char* at = argv[2]; *at;) {
    char* end = nullptr;
    widths.push_back(static_cast<int>(std::strtol(at, &end, 10)));
    at = *end ? end + 1 : end;
  }
  const auto pool = value_of(RendererPool::start({}));
  for (int number = 0; number + 3 < argc; ++number) {
    const SourceBytes original = open_file(argv[number + 3]);
    const Inspection inspection = value_of(pool->inspect(original, deadline(), {}));
    for (const int width : widths) compare(*pool, argv[1], number, width, original, inspection);
  }
}
