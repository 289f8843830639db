#include "tasks/kinds/story_templates.h"

namespace hadal::tasks {
namespace {

constexpr StoryTemplate kTemplates[] = {
    // Groups and some more or less.
    {"{N} [has|owns|keeps] {a} {boxes} with {b} {o} in each. [Then {N} gets|{M} gives {N}] {c} more {o}. How many {o} "
     "does {N} have [now|in all|altogether]?",
     "a:2-9 b:3-12 c:2-30", "a*b s+c"},
    {"{N} [buys|picks up|brings home] {a} {boxes} of {o}. [Each {box} holds {b} {o}|There are {b} {o} in every {box}]. "
     "{N} gives {c} [of them|{o}] to {M}. How many {o} [does {N} have left|are left|does {N} keep]?",
     "a:2-9 b:3-12 c:2-40", "a*b s-c"},
    {"There are {a} {o} and {b} {q} [on the table|on a shelf|in the {box}]. {N} [takes away|removes|takes] {c} of the "
     "{o}. How many [things|pieces] are [left|still there|there now]?",
     "a:8-60 b:5-60 c:2-30", "a-c s+b"},
    {"{N} has {a} {o}. {M} has {b} [times as many|times as many {o}]. How many {o} do [they|{N} and {M}|the two of "
     "them] "
     "have [together|in all|altogether]?",
     "a:3-20 b:2-6", "a*b s+a"},
    {"{N} has {a} {o}, [and {M} has|{M} has] {b} more than {N}. [How many {o} do they have together|How many {o} do "
     "{N} "
     "and {M} have in all]?",
     "a:4-60 b:2-40", "a+b s+a"},
    {"{N} has {a} {o}. {M} has {b} fewer [than {N}|{o} than {N}]. How many {o} do [they|{N} and {M}] have "
     "[together|altogether]?",
     "a:8-80 b:2-40", "a-b s+a"},
    // Shops.
    {"{N} buys {a} [pens|notebooks|tickets|sandwiches|postcards|cups of tea] for {$b} each and [pays with|hands over] "
     "{$c}. How much [change|money] does {N} get back?",
     "a:2-9 b:2-9 c:20-100", "a*b c-s"},
    {"A [ticket|seat] for [an adult|a grown-up] costs {$a} and one for a child costs {$b}. [How much do|What do] {c} "
     "adults and {d} children pay [in all|altogether|together]?",
     "a:6-15 b:2-9 c:2-6 d:2-8", "c*a d*b s+t"},
    {"{N} sells {a} [cakes|jars of honey|baskets|lamps|chairs] at {$b} each. [The material cost|Making them cost] "
     "{$c}. "
     "How many dollars does {N} [earn|gain|make after costs]?",
     "a:3-12 b:4-12 c:3-60", "a*b s-c"},
    {"{N} [had|started with] {$a}, [spent|and spent] {$b} on [food|books|a train ticket] and {$c} on [a gift|clothes|a "
     "film]. How much money [is left|does {N} have left]?",
     "a:40-200 b:5-60 c:5-60", "a-b s-c"},
    {"{N} saves {$a} [a week|every week|each week] for {b} weeks and then [buys a {box} for|spends] {$c}. How many "
     "dollars [are left|does {N} have left|remain]?",
     "a:3-15 b:3-12 c:5-60", "a*b s-c"},
    {"{N} wants [a bike|a camera|a guitar] that costs {$a}. {N} [has|already has] {$b} and [saves|puts aside] {$c} [a "
     "week|each week]. After how many weeks can {N} [pay for it|buy it|afford it]?",
     "a:40-200 b:5-90 c:4-15", "a-b s/c"},
    // Sharing.
    {"{N} has {a} {o} and {b} {q} [to share out|to give away]. {c} [friends|children|neighbours] get equally many "
     "[things|pieces]. How many does each [of them|one] get?",
     "a:5-60 b:5-60 c:2-9", "a+b s/c"},
    {"{N} [picks up|collects|gathers] {a} {o}. {b} of them go to {M}, and the rest is [packed|put] into "
     "{boxes} of {c}. How many {boxes} [are filled|does {N} fill]?",
     "a:20-120 b:4-40 c:3-12", "a-b s/c"},
    {"{a} {boxes} with {b} {o} each are [shared equally among|divided evenly among] {c} children. How many "
     "{o} does each [child|of them|one] get?",
     "a:2-12 b:3-12 c:2-9", "a*b s/c"},
    {"{N} shares {a} {o} [equally|evenly] [among|between] {b} {boxes} and [then puts|puts] {c} more into [each "
     "{box}|every "
     "{box}]. How many {o} are in [each|one] {box} [now|then]?",
     "a:12-120 b:2-9 c:2-20", "a/b s+c"},
    {"{N} cuts a [rope|ribbon|pipe|plank] of {a} metres into {b} equal parts and [uses|sells] {c} [parts|of them]. How "
     "many metres are left?",
     "a:12-120 b:3-12 c:2-10", "a/b b-c s*t"},
    // Time and distance.
    {"{N} [walks|runs|cycles] {a} kilometres [a day|every day|each day] for {b} days and {c} kilometres on the [next "
     "day|day after]. How [far|many kilometres] is that [in all|altogether]?",
     "a:3-20 b:2-9 c:2-30", "a*b s+c"},
    {"A [train|bus|truck|car] [drives|travels|goes] {a} kilometres an hour for {b} hours. The way is "
     "{c} "
     "kilometres long. How many kilometres [are left|remain]?",
     "a:20-90 b:2-6 c:100-600", "a*b c-s"},
    {"{N} reads {a} pages [a day|every day]. The book has {b} pages, and {N} has read {c} [of them|pages] already. How "
     "many [more days|days] does {N} need [to finish it|for the rest]?",
     "a:4-20 b:60-300 c:10-150", "b-c s/a"},
    {"{N} works {a} hours [a day|every day] for {b} days and [is paid|earns|gets] {$c} an hour. How many dollars does "
     "{N} "
     "[earn|get] [in all|altogether]?",
     "a:2-9 b:2-6 c:3-12", "a*b s*c"},
    {"A [film|play|concert] [starts|begins] {a} minutes after noon and [lasts|goes on for] {b} minutes. There "
     "is a break of {c} minutes. How many minutes after noon [is it over|does it end]?",
     "a:5-60 b:40-150 c:5-30", "a+b s+c"},
    // Farms, kitchens, schools.
    {"A farm has {a} [hens|ducks|geese] and {b} [cows|goats|sheep|pigs]. How many legs do [the animals|they|all of "
     "them] "
     "have [together|in all|altogether]?",
     "a:3-30 b:2-20", "a*2 b*4 s+t"},
    {"{N} plants {a} rows of [trees|tulips|beans|cabbages] with {b} in [a row|each row]. {c} of them [die|dry up|are "
     "eaten by rabbits]. How many [grow on|are left|are still there]?",
     "a:3-12 b:4-15 c:2-40", "a*b s-c"},
    {"[Every hen on the farm|Each of the hens] lays {a} eggs [a week|in a week]. {N} has {b} hens and [uses|eats] {c} "
     "of "
     "the [week's eggs|eggs]. How many eggs can {N} sell?",
     "a:3-7 b:4-15 c:3-30", "a*b s-c"},
    {"In a [class|school club|choir] there are {a} girls and {b} boys. {c} of them are [ill|away|late] today. How many "
     "[children|of them] are [there|present] today?",
     "a:6-40 b:6-40 c:2-12", "a+b s-c"},
    {"A [hall|cinema|theatre] has {a} rows [of|with] {b} seats. {c} seats are [empty|free]. How many people [sit "
     "there|are seated]?",
     "a:4-15 b:5-20 c:3-60", "a*b s-c"},
    {"A recipe [needs|takes|asks for] {a} eggs [for|to make] {b} cakes. {N} [wants to make|makes] {c} "
     "cakes of the same kind. How many eggs does {N} need?",
     "a:4-40 b:2-8 c:3-12", "a/b s*c"},
    {"{N} bakes {a} [rolls|biscuits|muffins] in the morning and {b} in the [afternoon|evening]. [They are packed|{M} "
     "packs "
     "them] in {boxes} of {c}. How many {boxes} [is that|are needed]?",
     "a:10-80 b:10-80 c:3-12", "a+b s/c"},
    {"A bus [leaves|starts|sets off] with {a} people. At the first stop {b} [get off|leave] and {c} get on. How many "
     "people are [on the bus|in the bus] then?",
     "a:12-60 b:3-30 c:2-30", "a-b s+c"},
    // Three steps.
    {"{N} buys {a} {boxes} of {b} {o} and {c} {boxes} of {d} {q}. How many [things|pieces] [is that|does {N} have] [in "
     "all|altogether]?",
     "a:2-9 b:2-12 c:2-9 d:2-12", "a*b c*d s+t"},
    {"{N} has {a} {o}, {M} has {b} times as many, and {P} has {c} [fewer|less] than {M}. How many more {o} does {P} "
     "have "
     "than {N}?",
     "a:3-15 b:3-7 c:2-30", "a*b s-c t-a"},
    {"{N} earns {$a} [a day|every day] and spends {$b} [a day|of it]. [After {c} days|In {c} days] {N} has saved some "
     "money and gets {$d} more [from {M}|as a gift]. How much [is that|does {N} have then]?",
     "a:10-40 b:3-30 c:2-9 d:5-50", "a-b s*c t+d"},
    {"{N}, {M} and {P} collect {o}. {N} finds {a}, {M} finds {b}, [and {P} finds|{P} finds] {c}. They share all of "
     "them "
     "equally. How many does each [of the three|of them] get?",
     "a:4-50 b:4-50 c:4-50", "a+b s+c t/3"},
    // Held out from training.
    {"{N} fills {a} {boxes} with {b} {o} each, and {c} {o} do not fit. How many {o} are there?", "a:2-9 b:3-12 c:2-11",
     "a*b s+c"},
    {"{M} takes {a} of the {b} {o} [that belong to {N}|in {N}'s {box}]. The next day {M} brings {c} back. How many "
     "does "
     "{N} have then?",
     "a:5-30 b:30-90 c:2-20", "b-a s+c"},
    {"{N} and {M} pack {o}. {N} packs {a} [an hour|every hour], {M} packs {b}. How many {o} have they packed after {c} "
     "hours?",
     "a:4-30 b:4-30 c:2-8", "a+b s*c"},
    {"For {$a} one gets {b} {o}. {N} has {$c}. How many {o} can {N} buy?", "a:2-9 b:2-12 c:10-90", "c/a s*b"},
    {"{N} is {a} years old. {M} is {b} years older than {N}, and {P} is {c} times as old as {M}. How old is {P}?",
     "a:3-15 b:2-10 c:2-4", "a+b s*c"},
    {"A tank holds {a} litres of water. {b} litres [are used|flow out] [a day|every day]. How many litres are left "
     "after "
     "{c} days?",
     "a:60-300 b:4-25 c:2-9", "b*c a-s"},
    {"{N} needs {a} {o} for a [game|party]. {N} has {b} {boxes} with {c} {o} each. How many {o} are missing?",
     "a:40-150 b:2-9 c:2-12", "b*c a-s"},
    {"Three [shelves|tables] hold {a}, {b} and {c} {o}. {N} [takes|sells] {d} of them. How many are left?",
     "a:5-40 b:5-40 c:5-40 d:3-60", "a+b s+c t-d"},
    {"{a} [friends|workers] share [the cost of|what they pay for] a meal: {$b} for food and {$c} for drinks. How much "
     "does "
     "each of them pay?",
     "a:2-9 b:12-90 c:4-40", "b+c s/a"},
    {"{N} has read {a} chapters of {b} pages each and {c} pages of the next one. The book has {d} pages. How many "
     "pages are "
     "left?",
     "a:2-9 b:5-20 c:2-19 d:60-300", "a*b s+c d-t"},
    {"{N} puts {a} {o} into {b} {boxes}, the same number into each. {c} {boxes} are [sold|given to {M}]. How many {o} "
     "are left?",
     "a:12-120 b:3-12 c:2-11", "a/b b-c s*t"},
    {"{N} trades {a} {o} for {q} with {M}: {b} {q} for each of the {o}. Then {N} loses {c} {q}. How many {q} does {N} "
     "have left?",
     "a:3-20 b:2-6 c:2-20", "a*b s-c"},
};

constexpr std::string_view kThings[] = {
    "apples",    "pears",    "plums",    "oranges",   "lemons",   "peaches", "cherries",  "nuts",     "chestnuts",
    "figs",      "marbles",  "stickers", "stamps",    "coins",    "shells",  "pebbles",   "buttons",  "beads",
    "cards",     "badges",   "pencils",  "crayons",   "brushes",  "erasers", "notebooks", "books",    "comics",
    "postcards", "photos",   "maps",     "balls",     "kites",    "puzzles", "dolls",     "whistles", "candles",
    "balloons",  "ribbons",  "keys",     "rings",     "biscuits", "muffins", "pancakes",  "sweets",   "cookies",
    "eggs",      "tomatoes", "potatoes", "carrots",   "onions",   "roses",   "tulips",    "seeds",    "leaves",
    "feathers",  "cones",    "screws",   "nails",     "bolts",    "tiles",   "bricks",    "bottles",  "cups",
    "plates",    "spoons",   "magnets",  "batteries", "bulbs",    "cubes",   "dice"};

constexpr Noun kBoxes[] = {{"box", "boxes"},      {"bag", "bags"},   {"basket", "baskets"}, {"crate", "crates"},
                           {"tray", "trays"},     {"jar", "jars"},   {"tin", "tins"},       {"drawer", "drawers"},
                           {"bucket", "buckets"}, {"case", "cases"}, {"packet", "packets"}, {"carton", "cartons"},
                           {"chest", "chests"},   {"bowl", "bowls"}, {"sack", "sacks"},     {"pouch", "pouches"}};

}  // namespace

std::span<const StoryTemplate> story_templates() { return kTemplates; }
std::span<const std::string_view> story_things() { return kThings; }
std::span<const Noun> story_boxes() { return kBoxes; }

}  // namespace hadal::tasks
