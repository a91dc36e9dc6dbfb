// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgix_parameters.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "asset/parameter.hpp"
#include "base/encoding.hpp"
#include "http/dialects/color_names.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

constexpr auto meant = std::to_array<std::string_view>({"w",
                                                        "h",
                                                        "fit",
                                                        "crop",
                                                        "ar",
                                                        "rect",
                                                        "fp-x",
                                                        "fp-y",
                                                        "fp-z",
                                                        "dpr",
                                                        "q",
                                                        "fm",
                                                        "auto",
                                                        "lossless",
                                                        "bg",
                                                        "fill",
                                                        "fill-color",
                                                        "flip",
                                                        "rot",
                                                        "rot-type",
                                                        "orient",
                                                        "trim",
                                                        "trim-color",
                                                        "trim-tol",
                                                        "bri",
                                                        "con",
                                                        "sat",
                                                        "blur",
                                                        "px",
                                                        "usm",
                                                        "usmrad",
                                                        "pad",
                                                        "pad-top",
                                                        "pad-right",
                                                        "pad-bottom",
                                                        "pad-left",
                                                        "border",
                                                        "border-radius",
                                                        "mask",
                                                        "corner-radius",
                                                        "mask-bg",
                                                        "mark",
                                                        "mark-align",
                                                        "mark-alpha",
                                                        "mark-w",
                                                        "mark-scale",
                                                        "mark-pad",
                                                        "mark-x",
                                                        "mark-y",
                                                        "mark-tile",
                                                        "page",
                                                        "frame",
                                                        "cs",
                                                        "iptc",
                                                        "jpg-progressive",
                                                        "chromasub",
                                                        "svg-sanitize",
                                                        "fp-debug",
                                                        "expires",
                                                        "dl",
                                                        "upscale",
                                                        "nr",
                                                        "enlarge"});
constexpr std::array<std::string_view, 3> passed_over = {"s", "ixlib", "ixid"};

struct Alias {
  std::string_view alias, name;
};
constexpr auto aliases = std::to_array<Alias>({
    {"width", "w"},
    {"height", "h"},
    {"f", "fit"},
    {"or", "orient"},
    {"rottype", "rot-type"},
    {"rott", "rot-type"},
    {"fillcolor", "fill-color"},
    {"trimcolor", "trim-color"},
    {"trimtol", "trim-tol"},
    {"maskbg", "mask-bg"},
    {"m", "mark"},
    {"markalign", "mark-align"},
    {"ma", "mark-align"},
    {"markalpha", "mark-alpha"},
    {"malph", "mark-alpha"},
    {"markw", "mark-w"},
    {"mw", "mark-w"},
    {"markscale", "mark-scale"},
    {"ms", "mark-scale"},
    {"markpad", "mark-pad"},
    {"mp", "mark-pad"},
    {"markx", "mark-x"},
    {"mx", "mark-x"},
    {"marky", "mark-y"},
    {"my", "mark-y"},
    {"marktile", "mark-tile"},
    {"mtile", "mark-tile"},
});

std::unexpected<Error> unknown_parameter(std::string_view name) {
  std::string allowed;
  for (const auto known : meant) {
    if (!allowed.empty()) allowed += known == meant.back() ? " and " : ", ";
    allowed += known;
  }
  return fail(ErrorCode::bad_recipe,
              in_quotes(name) + " is no parameter here; allowed are " + allowed + ".");
}

std::string_view first_name(std::string_view name) {
  const auto* place = std::ranges::find(aliases, name, &Alias::alias);
  return place == aliases.end() ? name : place->name;
}

bool is_known(std::string_view name) {
  return std::ranges::find(meant, first_name(name)) != meant.end();
}

}  // namespace

Result<void> ImgixParameters::add(std::string_view pair) {
  const auto equals = pair.find('=');
  auto name = percent_decode(pair.substr(0, equals));
  auto value = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  if (!name || !value)
    return fail(ErrorCode::bad_recipe, in_quotes(pair) +
                                           " is not percent-encoded properly; % needs two "
                                           "hexadecimal digits.");
  if (std::ranges::find(passed_over, *name) != passed_over.end()) return {};
  if (name->ends_with("64") && is_known(std::string_view(*name).substr(0, name->size() - 2))) {
    while (value->ends_with('=')) value->pop_back();
    const auto bytes = from_base64url(*value);
    if (!bytes) return refuse(*name, "base64 of the URL alphabet", *value);
    value = std::string(as_text(*bytes));
    name->resize(name->size() - 2);
  }
  if (!is_known(*name)) return unknown_parameter(*name);
  if (!values_.emplace(first_name(*name), *value).second)
    return fail(ErrorCode::bad_recipe, *name + " is given twice.");
  return {};
}

Result<ImgixParameters> ImgixParameters::collect(std::string_view query) {
  ImgixParameters parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (!pair.empty()) TRY_VOID(parameters.add(pair));
  }
  return parameters;
}

const std::string* ImgixParameters::find(std::string_view name) const {
  const auto place = values_.find(name);
  return place == values_.end() ? nullptr : &place->second;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (bool more = true; more;) {
    const auto end = text.find(',');
    parts.push_back(text.substr(0, end));
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
  }
  return parts;
}

Result<Color> read_imgix_color(std::string_view name, std::string_view value) {
  if (const auto named = find_named_color(value)) return *named;
  std::string_view digits = value;
  if (digits.starts_with('#')) digits.remove_prefix(1);
  std::string reordered(digits);
  if (digits.size() == 4 || digits.size() == 8) {
    const auto alpha = digits.substr(0, digits.size() / 4);
    reordered = std::string(digits.substr(alpha.size())) + std::string(alpha);
  }
  if (const auto color = parse_color(value == "transparent" ? value : reordered)) return *color;
  return refuse(name,
                "a colour as rgb, argb, rrggbb or aarrggbb in hexadecimal, a name of CSS, or "
                "transparent",
                value);
}

}  // namespace calotype
