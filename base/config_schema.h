// What a config's schema says about a key: its name in YAML, its meaning, its limits, its default.
// Schemas are Cap'n Proto structs (storage/schema/*.capnp) with the annotations of
// run_config.capnp.
#pragma once

#include <capnp/dynamic.h>
#include <capnp/schema.h>

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

// The one place where names change: numHiddenLayers in a schema is num_hidden_layers in YAML.
std::string snake_case(std::string_view camel_case);

// The numbers that a field allows: least <= x <= greatest, or above < x.
struct Limits {
  double least, greatest, above;
  bool allow(double x) const { return x >= least && x <= greatest && x > above; }
};

Limits limits_of(capnp::StructSchema::Field field);
std::vector<std::string> keys_of(capnp::StructSchema schema);  // in the schema's order
std::vector<std::string> names_of(capnp::EnumSchema schema);

namespace detail {
using Annotations = capnp::List<capnp::schema::Annotation>::Reader;
std::string doc_in(Annotations annotations);
}  // namespace detail

// The unit of a number, "" where it has none.
std::string unit_of(capnp::StructSchema::Field field);

// Meaning of a field or an enum's name; "" if the schema gives none.
template <class FieldOrName>
std::string doc_of(const FieldOrName& described) {
  return detail::doc_in(described.getProto().getAnnotations());
}

// What a value of this field must be: "an integer, at least 1", "one of constant, linear, cosine".
std::string expectation(capnp::StructSchema::Field field);

// A value as one line of YAML; text is quoted, numbers are the shortest that read back the same.
std::string to_flow_yaml(capnp::DynamicValue::Reader value);

}  // namespace troupe
