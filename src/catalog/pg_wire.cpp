// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_wire.hpp"

#include <libpq-fe.h>

#include <bit>
#include <cstring>

namespace calotype {
namespace {

// Object ids of built-in types, from PostgreSQL's catalog/pg_type.dat: they never change.
constexpr unsigned type_unknown = 0;
constexpr unsigned type_bytea = 17;
constexpr unsigned type_int8 = 20;
constexpr unsigned type_text = 25;

template <class Integer>
std::int64_t from_network(const char* bytes) {
  std::make_unsigned_t<Integer> number = 0;
  std::memcpy(&number, bytes, sizeof number);
  if constexpr (std::endian::native == std::endian::little && sizeof number > 1)
    number = std::byteswap(number);
  return static_cast<Integer>(number);
}

}  // namespace

PgParameters::PgParameters(Values values) {
  numbers_.reserve(values.size());  // texts_ points into it
  for (const Value& value : values) add(value);
}

void PgParameters::add(const Value& value) {
  const auto put = [this](unsigned type, const char* start, std::size_t size) {
    types_.push_back(type);
    texts_.push_back(start);
    sizes_.push_back(static_cast<int>(size));
    formats_.push_back(1);
  };
  struct Binder {
    decltype(put)& put_value;
    std::vector<std::array<char, 8>>& numbers;
    void operator()(std::monostate) const { put_value(type_unknown, nullptr, 0); }
    void operator()(std::int64_t number) const {
      auto wire = static_cast<std::uint64_t>(number);
      if constexpr (std::endian::native == std::endian::little) wire = std::byteswap(wire);
      auto& place = numbers.emplace_back();
      std::memcpy(place.data(), &wire, sizeof wire);
      put_value(type_int8, place.data(), place.size());
    }
    // A null pointer would mean NULL; empty text is not that.
    void operator()(std::string_view text) const {
      put_value(type_text, text.empty() ? "" : text.data(), text.size());
    }
    void operator()(ByteSpan bytes) const {
      put_value(type_bytea, bytes.empty() ? "" : reinterpret_cast<const char*>(bytes.data()),
                bytes.size());
    }
  };
  std::visit(Binder{put, numbers_}, value.held());
}

bool PgRow::is_null(int column) const {
  return PQgetisnull(result_, row_, column) != 0;
}

std::int64_t PgRow::integer(int column) const {
  const char* const bytes = PQgetvalue(result_, row_, column);
  switch (is_null(column) ? 0 : PQgetlength(result_, row_, column)) {
    case 0:
      return 0;
    case 1:
      return from_network<std::int8_t>(bytes);
    case 2:
      return from_network<std::int16_t>(bytes);
    case 4:
      return from_network<std::int32_t>(bytes);
    case 8:
      return from_network<std::int64_t>(bytes);
    default:
      panic("a column that is read as an integer is one");
  }
}

std::string_view PgRow::text(int column) const {
  return {PQgetvalue(result_, row_, column),
          static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

ByteSpan PgRow::bytes(int column) const {
  const std::string_view raw = text(column);
  return {reinterpret_cast<const std::byte*>(raw.data()), raw.size()};
}

}  // namespace calotype
