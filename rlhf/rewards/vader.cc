#include "rlhf/rewards/vader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"
#include "rlhf/rewards/vader_words.h"

namespace troupe {
namespace {

using vader::Word;

bool is_listed(std::string_view list, const std::string& word) {
  return !word.empty() && list.find(' ' + word + ' ') != list.npos;
}

// Calls `use(line number, first column, second column)` for each line that isn't empty.
void for_each_row(std::string_view text,
                  const std::function<void(int, std::string_view, std::string_view)>& use) {
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = vader::trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto tab = line.find('\t');
    CHECK(tab != line.npos, number, line);
    const auto rest = line.substr(tab + 1);
    use(number, line.substr(0, tab), rest.substr(0, rest.find('\t')));
  }
}

double parsed(std::string_view text, int line) {
  double value = 0;
  text = vader::trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(error == std::errc() && end == text.data() + text.size(), line, text);
  return value;
}

// Exclamation marks, up to four, and question marks from the second one on.
double punctuation_emphasis(std::string_view text) {
  const auto exclamations = std::min<int64_t>(std::count(text.begin(), text.end(), '!'), 4);
  const auto questions = std::count(text.begin(), text.end(), '?');
  const double asked = questions > 3   ? vader::kManyQuestions
                       : questions > 1 ? static_cast<double>(questions) * vader::kQuestion
                                       : 0;
  return static_cast<double>(exclamations) * vader::kExclamation + asked;
}

// What follows "but" counts more, what stands before it less. The package looks a valence up by its
// value and so scales the first of several equal ones; scores agree with it only if we do too.
void weigh_around_but(std::vector<double>& valences, size_t but) {
  for (size_t i = 0; i < valences.size(); ++i) {
    const auto first = std::find(valences.begin(), valences.end(), valences[i]);
    const auto place = static_cast<size_t>(first - valences.begin());
    if (place < but) *first *= vader::kBeforeBut;
    if (place > but) *first *= vader::kAfterBut;
  }
}

double normalised(double sum) {
  return std::clamp(sum / std::sqrt(sum * sum + vader::kAlpha), -1.0, 1.0);
}

bool is_negation(const std::string& word) {
  return is_listed(vader::kNegations, word) || word.find("n't") != word.npos;
}

bool is_degree(const std::string& word) {
  return word == "so" || word == "this";
}

// A booster's or dampener's push on the valence of a word after it.
double boost(const Word& word, double valence, bool mixed_case) {
  const bool up = is_listed(vader::kBoosters, word.lower);
  if (!up && !is_listed(vader::kDampeners, word.lower)) return 0;
  const double push = (up == (valence >= 0)) ? vader::kBoost : -vader::kBoost;
  if (!word.upper || !mixed_case) return push;
  return push + (valence > 0 ? vader::kCapitals : -vader::kCapitals);
}

bool is_modifier(std::span<const Word> words, size_t i) {
  const auto& word = words[i].lower;
  if (is_listed(vader::kBoosters, word) || is_listed(vader::kDampeners, word)) return true;
  return word == "kind" && i + 1 < words.size() && words[i + 1].lower == "of";
}

// The words around word i in lower case, by their distance from it.
class Neighbours {
 public:
  Neighbours(std::span<const Word> words, size_t i) : words_(words), i_(i) {}

  bool has(int offset) const { return i_ + offset < words_.size(); }  // offset above 0
  const std::string& at(int offset) const { return words_[i_ + offset].lower; }
  // `length` words from `offset` on, with blanks between.
  std::string phrase(int offset, int length) const {
    std::string words = at(offset);
    for (int k = 1; k < length; ++k) words += ' ' + at(offset + k);
    return words;
  }

 private:
  std::span<const Word> words_;
  size_t i_;
};

// A negation `distance` words before, with "never so good" and "without doubt good" set apart.
double negated(double valence, const Neighbours& words, int distance) {
  const auto& before = words.at(-distance);
  bool intensified = false, undoubted = false;
  if (distance == 2) {
    intensified = before == "never" && is_degree(words.at(-1));
    undoubted = before == "without" && words.at(-1) == "doubt";
  } else if (distance == 3) {
    intensified = (before == "never" && is_degree(words.at(-2))) || is_degree(words.at(-1));
    undoubted = before == "without" && (words.at(-2) == "doubt" || words.at(-1) == "doubt");
  }
  if (intensified) return valence * vader::kNever;
  return !undoubted && is_negation(before) ? valence * vader::kNegation : valence;
}

std::optional<double> idiom(const std::string& phrase) {
  for (const auto& [words, valence] : vader::kIdioms) {
    if (words == phrase) return valence;
  }
  return std::nullopt;
}

// Idioms that word i ends, follows or begins, and "kind of" two or three words before it.
double with_idioms(double valence, const Neighbours& words) {
  constexpr std::pair<int, int> kBefore[] = {{-1, 2}, {-2, 3}, {-2, 2}, {-3, 3}, {-3, 2}};
  for (const auto& [offset, length] : kBefore) {
    if (const auto found = idiom(words.phrase(offset, length))) {
      valence = *found;
      break;
    }
  }
  for (int length : {2, 3}) {
    if (words.has(length - 1)) valence = idiom(words.phrase(0, length)).value_or(valence);
  }
  for (int offset : {-3, -2}) {
    const auto pair = words.phrase(offset, 2);
    for (const auto dampener : vader::kDampenerPairs)
      valence -= pair == dampener ? vader::kBoost : 0;
  }
  return valence;
}

}  // namespace

Vader::Vader(std::string_view lexicon, std::string_view emoji_lexicon) {
  for_each_row(lexicon, [&](int line, std::string_view word, std::string_view valence) {
    valence_.insert_or_assign(std::string(word), parsed(valence, line));
  });
  for_each_row(emoji_lexicon, [&](int, std::string_view emoji, std::string_view description) {
    emojis_.insert_or_assign(std::string(emoji), std::string(description));
  });
  CHECK(!valence_.empty());
}

std::string Vader::describe_emojis(std::string_view text) const {
  std::string described;
  for (bool after_space = true; !text.empty();) {
    const auto character = vader::first_character(text);
    const auto emoji = emojis_.find(std::string(character));
    if (emoji == emojis_.end()) {
      described += character;
      after_space = character == " ";
    } else {
      described += (after_space ? "" : " ") + emoji->second;
      after_space = false;
    }
    text.remove_prefix(character.size());
  }
  return described;
}

// The lexicon's valence, after "no" and capitals. A "no" before a word of the lexicon only negates
// it.
double Vader::own_valence(Words words, size_t i, bool mixed_case) const {
  const double listed = valence_.at(words[i].lower);
  const auto is_no = [&](size_t distance) {
    return i >= distance && words[i - distance].lower == "no";
  };
  double valence = listed;
  if (is_no(0) && i + 1 < words.size() && has_valence(words[i + 1])) valence = 0;
  const bool listing = i > 0 && (words[i - 1].lower == "or" || words[i - 1].lower == "nor");
  if (is_no(1) || is_no(2) || (is_no(3) && listing)) valence = listed * vader::kNegation;
  if (!words[i].upper || !mixed_case) return valence;
  return valence + (valence > 0 ? vader::kCapitals : -vader::kCapitals);
}

double Vader::valence_of(Words words, size_t i, bool mixed_case) const {
  if (is_modifier(words, i) || !has_valence(words[i])) return 0;
  const Neighbours neighbours(words, i);
  double valence = own_valence(words, i, mixed_case);
  for (size_t distance = 1; distance <= 3 && distance <= i; ++distance) {
    const auto& before = words[i - distance];
    if (has_valence(before)) continue;
    valence += boost(before, valence, mixed_case) * vader::kDistance[distance - 1];
    valence = negated(valence, neighbours, static_cast<int>(distance));
    if (distance == 3) valence = with_idioms(valence, neighbours);
  }
  const bool least = i > 0 && words[i - 1].lower == "least" && !has_valence(words[i - 1]);
  const bool at_least = i > 1 && (words[i - 2].lower == "at" || words[i - 2].lower == "very");
  return least && !at_least ? valence * vader::kNegation : valence;
}

double Vader::compound(std::string_view text) const {
  const auto described = describe_emojis(text);
  const auto words = vader::words_of(described);
  const auto capitals =
      std::count_if(words.begin(), words.end(), [](const Word& w) { return w.upper; });
  const bool mixed_case = capitals > 0 && capitals < static_cast<int64_t>(words.size());
  std::vector<double> valences;
  for (size_t i = 0; i < words.size(); ++i) valences.push_back(valence_of(words, i, mixed_case));
  const auto but =
      std::find_if(words.begin(), words.end(), [](const Word& w) { return w.lower == "but"; });
  if (but != words.end()) weigh_around_but(valences, static_cast<size_t>(but - words.begin()));
  double sum = 0;
  for (double valence : valences) sum += valence;
  if (sum != 0) sum += std::copysign(punctuation_emphasis(described), sum);
  return normalised(sum);
}

}  // namespace troupe
