// The word lists and constants of VADER's rules (Hutto & Gilbert 2014), as published with it.
#pragma once

#include <string_view>

namespace troupe::vader {

inline constexpr double kBoost = 0.293;     // of a degree adverb: "very"
inline constexpr double kCapitals = 0.733;  // of a word in capitals among others that are not
inline constexpr double kNegation = -0.74;  // factor
inline constexpr double kNever = 1.25;      // factor of "never so", "never this"
inline constexpr double kExclamation = 0.292, kQuestion = 0.18, kManyQuestions = 0.96;
inline constexpr double kBeforeBut = 0.5, kAfterBut = 1.5;
inline constexpr double kDistance[] = {1.0, 0.95,
                                       0.9};  // of a booster one, two, three words before
inline constexpr double kAlpha = 15;

// Blank-separated; a list begins and ends with a blank.
inline constexpr std::string_view kNegations =
    " aint arent cannot cant couldnt darent didnt doesnt dont hadnt hasnt havent isnt mightnt "
    "mustnt"
    " neednt oughtnt shant shouldnt wasnt werent wont wouldnt neither never none nope nor not "
    "nothing"
    " nowhere uhuh uh-uh without rarely seldom despite ";  // and whatever holds "n't"

inline constexpr std::string_view kBoosters =
    " absolutely amazingly awfully completely considerable considerably decidedly deeply effing "
    "enormous"
    " enormously entirely especially exceptional exceptionally extreme extremely fabulously "
    "flipping"
    " flippin frackin fracking fricking frickin frigging friggin fully fuckin fucking fuggin "
    "fugging"
    " greatly hella highly hugely incredible incredibly intensely major majorly more most "
    "particularly"
    " purely quite really remarkably so substantially thoroughly total totally tremendous "
    "tremendously"
    " uber unbelievably unusually utter utterly very ";

inline constexpr std::string_view kDampeners =
    " almost barely hardly kinda kindof kind-of less little marginal marginally occasional "
    "occasionally"
    " partly scarce scarcely slight slightly somewhat sorta sortof sort-of ";

struct Phrase {
  std::string_view words;
  double valence;
};

// Two and three words whose valence is not that of their parts.
inline constexpr Phrase kIdioms[] = {
    {"the shit", 3},    {"the bomb", 3},         {"bad ass", 1.5},  {"bus stop", 0},
    {"yeah right", -2}, {"kiss of death", -1.5}, {"to die for", 3}, {"beating heart", 3.5}};

inline constexpr std::string_view kDampenerPairs[] = {"just enough", "kind of", "sort of"};

}  // namespace troupe::vader
