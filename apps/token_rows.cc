#include "apps/token_rows.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "storage/file.h"

namespace troupe {
namespace {

using nlohmann::json;

json read_json(const std::string& path) {
  try {
    return read_json_file(path);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& e) {
    throw UsageError(e.what());
  }
}

[[noreturn]] void refuse(const std::string& where, const std::string& problem) {
  throw UsageError(where + ": " + problem);
}

std::string shortened(const json& value) {
  const auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::vector<int64_t> integers(const json& list, const std::string& where) {
  if (!list.is_array() || list.empty())
    refuse(where, "expected a list of integers that isn't empty, found " + shortened(list));
  std::vector<int64_t> values;
  for (const auto& value : list) {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX))
      refuse(where + ", position " + std::to_string(values.size()),
             "expected an integer, found " + shortened(value));
    values.push_back(value.get<int64_t>());
  }
  return values;
}

void check_id(int64_t id, int64_t vocab_size, const std::string& where, size_t position) {
  if (id < 0 || id >= vocab_size)
    refuse(where + ", position " + std::to_string(position),
           "token id " + std::to_string(id) + " is outside the model's vocabulary of " +
               std::to_string(vocab_size));
}

std::vector<int32_t> token_ids(const json& list, int64_t vocab_size, const std::string& where) {
  std::vector<int32_t> ids;
  for (int64_t id : integers(list, where)) {
    check_id(id, vocab_size, where, ids.size());
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

std::vector<int64_t> column(const json& row, const char* name, size_t size,
                            const std::string& where) {
  const std::string place = where + ", " + name;
  auto values = integers(row.at(name), place);
  if (values.size() != size)
    refuse(place,
           "has " + std::to_string(values.size()) + " values for " + std::to_string(size) + " ids");
  return values;
}

// Cuts a row where the number of its document changes.
Pack cut_into_documents(const std::vector<int32_t>& ids, const std::vector<int64_t>& document) {
  Pack pack;
  for (size_t begin = 0, end; begin < ids.size(); begin = end) {
    for (end = begin + 1; end < ids.size() && document[end] == document[begin];) ++end;
    pack.append(std::span(ids).subspan(begin, end - begin));
  }
  return pack;
}

std::vector<int32_t> next_ids(const Pack& pack) {
  std::vector<int32_t> targets(pack.token_ids.begin() + 1, pack.token_ids.end());
  targets.push_back(-1);
  for (int64_t i = 1; i < pack.num_sequences(); ++i) targets[pack.sequence_starts[i] - 1] = -1;
  return targets;
}

LabelledPack labelled_pack(const json& row, int64_t vocab_size, const std::string& where) {
  if (!row.is_object() || !row.contains("ids"))
    refuse(where, "expected an object with \"ids\", found " + shortened(row));
  const auto ids = token_ids(row.at("ids"), vocab_size, where + ", ids");
  std::vector<int64_t> document(ids.size(), 0);
  if (row.contains("document")) document = column(row, "document", ids.size(), where);
  LabelledPack pack = {cut_into_documents(ids, document), {}};
  if (row.contains("positions")) {
    const auto positions = column(row, "positions", ids.size(), where);
    for (size_t i = 0; i < ids.size(); ++i)
      if (positions[i] != pack.pack.positions[i])
        refuse(where + ", positions, position " + std::to_string(i),
               "found " + std::to_string(positions[i]) + ", expected " +
                   std::to_string(pack.pack.positions[i]) +
                   ": positions count from the start of their document");
  }
  if (!row.contains("labels")) {
    pack.targets = next_ids(pack.pack);
    return pack;
  }
  for (int64_t label : column(row, "labels", ids.size(), where)) {
    if (label >= 0) check_id(label, vocab_size, where + ", labels", pack.targets.size());
    pack.targets.push_back(label < 0 ? -1 : static_cast<int32_t>(label));
  }
  return pack;
}

json list_of_rows(const json& file) {
  if (file.is_array()) return file;
  for (const char* name : {"batches", "rows"})
    if (file.is_object() && file.contains(name)) return file.at(name);
  return json::array({file});
}

}  // namespace

TokenRows token_rows(const json& file, int64_t vocab_size) {
  if (!file.is_object() || !file.contains("tokens"))
    throw UsageError("expected {\"tokens\": [[...], ...]}, found " + shortened(file));
  const auto& list = file.at("tokens");
  if (!list.is_array() || list.empty())
    throw UsageError("\"tokens\": expected a list of rows that isn't empty, found " +
                     shortened(list));
  TokenRows rows;
  for (const auto& row : list)
    rows.push_back(token_ids(row, vocab_size, "row " + std::to_string(rows.size())));
  return rows;
}

std::vector<LabelledPack> labelled_packs(const json& file, int64_t vocab_size) {
  std::vector<LabelledPack> packs;
  if (file.is_object() && file.contains("tokens")) {
    for (const auto& row : token_rows(file, vocab_size)) packs.push_back(next_token_targets(row));
  } else {
    const json rows = list_of_rows(file);
    if (!rows.is_array() || rows.empty())
      throw UsageError("expected a list of rows that isn't empty, found " + shortened(rows));
    for (const auto& row : rows)
      packs.push_back(labelled_pack(row, vocab_size, "row " + std::to_string(packs.size())));
  }
  for (const auto& pack : packs)
    for (int32_t target : pack.targets)
      if (target >= 0) return packs;
  throw UsageError("no token of any row has a label");
}

TokenRows read_token_rows(const std::string& path, int64_t vocab_size) {
  return with_context("reading " + path, [&] { return token_rows(read_json(path), vocab_size); });
}

std::vector<LabelledPack> read_labelled_packs(const std::string& path, int64_t vocab_size) {
  return with_context("reading " + path,
                      [&] { return labelled_packs(read_json(path), vocab_size); });
}

}  // namespace troupe
