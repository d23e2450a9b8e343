#include "text/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/utf8.h"

namespace troupe {
namespace {

uint64_t edge(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8 | static_cast<unsigned char>(byte);
}

size_t previous_char(std::string_view text, size_t at) {
  size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
    --begin;
  return begin;
}

bool is_word(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

bool touches_word(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && is_word(utf8_char(text, previous_char(text, begin)).code_point)) ||
         (end < text.size() && is_word(utf8_char(text, end).code_point));
}

size_t skip_space_left(std::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    const size_t previous = previous_char(text, begin);
    if (previous < limit || !is_whitespace(utf8_char(text, previous).code_point)) break;
    begin = previous;
  }
  return begin;
}

size_t skip_space_right(std::string_view text, size_t end) {
  while (end < text.size()) {
    const Utf8Char c = utf8_char(text, end);
    if (!is_whitespace(c.code_point)) break;
    end += c.length;
  }
  return end;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  token_of_node_.push_back(-1);
  for (size_t i = 0; i < tokens_.size(); ++i) {
    uint32_t node = 0;
    for (char byte : tokens_[i].content) {
      const auto [child, is_new] =
          children_.try_emplace(edge(node, byte), static_cast<uint32_t>(token_of_node_.size()));
      if (is_new) token_of_node_.push_back(-1);
      node = child->second;
    }
    token_of_node_[node] = static_cast<int32_t>(i);
    starts_[static_cast<unsigned char>(tokens_[i].content.front())] = true;
  }
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text, size_t at) const {
  const AddedToken* longest = nullptr;
  uint32_t node = 0;
  for (; at < text.size(); ++at) {
    const auto child = children_.find(edge(node, text[at]));
    if (child == children_.end()) break;
    node = child->second;
    if (token_of_node_[node] >= 0) longest = &tokens_[token_of_node_[node]];
  }
  return longest;
}

std::vector<TextSegment> AddedTokenFinder::split(std::string_view text,
                                                 bool recognise_special) const {
  std::vector<TextSegment> segments;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const AddedToken* token =
        starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + token->content.size();
    at = end;
    if (token->special && !recognise_special) continue;
    if (token->single_word && touches_word(text, begin, end)) continue;
    if (token->lstrip) begin = skip_space_left(text, begin, done);
    if (token->rstrip) at = end = skip_space_right(text, end);
    if (done < begin) segments.push_back({text.substr(done, begin - done), kNoToken});
    segments.push_back({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), kNoToken});
  return segments;
}

}  // namespace troupe
