// The JSON files of token ids that troupe generate and troupe score read. Whatever is wrong in one
// is a UsageError that names the row and the place in it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graph/training/scoring.h"

namespace troupe {

using TokenRows = std::vector<std::vector<int32_t>>;

// {"tokens": [[1, 2, 3], ...]}: at least one row, no row empty, every id in [0, vocab_size).
TokenRows token_rows(const nlohmann::json& file, int64_t vocab_size);
TokenRows read_token_rows(const std::string& path, int64_t vocab_size);

// Rows for training: {"ids", "positions", "document", "labels"}, one such object, a list of them or
// that list as "rows" or "batches"; or {"tokens": ...} with next-token targets. A row is a pack and
// each of its documents a sequence of its own; `labels` are -100 where a token has none. Without
// `document` a row is one, without `labels` they are the next ids of the document.
std::vector<LabelledPack> labelled_packs(const nlohmann::json& file, int64_t vocab_size);
std::vector<LabelledPack> read_labelled_packs(const std::string& path, int64_t vocab_size);

}  // namespace troupe
