// First names for people of puzzles and stories: one word each, no two alike.
#pragma once

#include <array>
#include <string_view>

namespace hadal::tasks {

inline constexpr auto kNames = std::to_array<std::string_view>(
    {"Ada",   "Ben",    "Cleo",   "Dan",    "Eva",    "Finn",   "Gus",    "Hope",   "Abby",   "Abel",  "Adam",
     "Adele", "Agnes",  "Aida",   "Alan",   "Alba",   "Albert", "Alec",   "Alex",   "Alice",  "Alma",  "Alva",
     "Amal",  "Amber",  "Amir",   "Amos",   "Amy",    "Ana",    "Andy",   "Anna",   "Anton",  "April", "Arlo",
     "Arne",  "Art",    "Arthur", "Asha",   "Asher",  "Astrid", "Aubrey", "Ava",    "Axel",   "Aya",   "Bart",
     "Basil", "Bea",    "Bella",  "Bert",   "Beth",   "Betty",  "Bill",   "Blair",  "Bob",    "Boris", "Boyd",
     "Bram",  "Brian",  "Bruno",  "Bryn",   "Cal",    "Cara",   "Carl",   "Carla",  "Carmen", "Cass",  "Cecil",
     "Celia", "Chad",   "Chloe",  "Chris",  "Cindy",  "Clara",  "Clark",  "Claude", "Clay",   "Cliff", "Clive",
     "Cole",  "Colin",  "Cora",   "Cosmo",  "Craig",  "Curt",   "Cyrus",  "Daisy",  "Dale",   "Dana",  "Daphne",
     "Dario", "Dave",   "Dawn",   "Dean",   "Della",  "Derek",  "Dexter", "Diana",  "Dick",   "Dirk",  "Dora",
     "Doris", "Doug",   "Drew",   "Duke",   "Dylan",  "Earl",   "Ed",     "Edda",   "Edgar",  "Edith", "Edna",
     "Egon",  "Elena",  "Eli",    "Elias",  "Elif",   "Eliot",  "Ella",   "Elmer",  "Elsa",   "Emil",  "Emily",
     "Emma",  "Enid",   "Eric",   "Erin",   "Ernest", "Esme",   "Ethan",  "Eugene", "Eve",    "Ezra",  "Faith",
     "Farah", "Fay",    "Felix",  "Fern",   "Fiona",  "Flora",  "Floyd",  "Frank",  "Fred",   "Freya", "Fritz",
     "Gail",  "Gary",   "Gene",   "Gerd",   "Gina",   "Glen",   "Gloria", "Grace",  "Grant",  "Greta", "Guy",
     "Gwen",  "Hal",    "Hanna",  "Hans",   "Harry",  "Hassan", "Hazel",  "Heidi",  "Helen",  "Henry", "Herb",
     "Hilda", "Holly",  "Homer",  "Hugh",   "Hugo",   "Ian",    "Ida",    "Igor",   "Ike",    "Ilya",  "Ines",
     "Inga",  "Ira",    "Irene",  "Iris",   "Isaac",  "Ivan",   "Ivy",    "Jack",   "Jada",   "Jake",  "James",
     "Jana",  "Jane",   "Jasper", "Jay",    "Jean",   "Jed",    "Jenna",  "Jill",   "Jim",    "Joan",  "Joe",
     "Joel",  "John",   "Jon",    "Jonas",  "Joy",    "Juan",   "Judy",   "Jules",  "Julia",  "June",  "Kai",
     "Kara",  "Karl",   "Kate",   "Kay",    "Keith",  "Ken",    "Kim",    "Kirk",   "Klaus",  "Kofi",  "Kurt",
     "Kyle",  "Lana",   "Lara",   "Lars",   "Laura",  "Leah",   "Lee",    "Leif",   "Lena",   "Leo",   "Lewis",
     "Liam",  "Lila",   "Lily",   "Linda",  "Lisa",   "Lois",   "Lola",   "Lorna",  "Lou",    "Luca",  "Lucy",
     "Luis",  "Luke",   "Luna",   "Lydia",  "Lyle",   "Mabel",  "Mae",    "Maia",   "Malik",  "Marc",  "Maria",
     "Mark",  "Martha", "Mary",   "Matt",   "Maud",   "Max",    "Maya",   "Meg",    "Mel",    "Mia",   "Mike",
     "Mila",  "Milo",   "Mina",   "Mira",   "Moira",  "Molly",  "Mona",   "Morgan", "Moses",  "Myra",  "Nadia",
     "Nancy", "Naomi",  "Nate",   "Ned",    "Nell",   "Nick",   "Nils",   "Nina",   "Noah",   "Nora",  "Norm",
     "Odin",  "Olaf",   "Olga",   "Olive",  "Omar",   "Opal",   "Orla",   "Oscar",  "Otto",   "Owen",  "Paige",
     "Pam",   "Pat",    "Paul",   "Pearl",  "Peggy",  "Penny",  "Perry",  "Pete",   "Petra",  "Phil",  "Pia",
     "Piet",  "Polly",  "Priya",  "Quinn",  "Rachel", "Ralph",  "Ravi",   "Ray",    "Remy",   "Rex",   "Rhea",
     "Rick",  "Rita",   "Rob",    "Robin",  "Rocco",  "Rosa",   "Rose",   "Ross",   "Roy",    "Ruby",  "Rudy",
     "Rufus", "Russ",   "Ruth",   "Sally",  "Sam",    "Sara",   "Saul",   "Scott",  "Sean",   "Selma", "Seth",
     "Shane", "Sid",    "Simon",  "Sofia",  "Sonia",  "Stan",   "Stella", "Steve",  "Sue",    "Sven",  "Sylvia",
     "Tara",  "Ted",    "Tess",   "Theo",   "Tia",    "Tim",    "Tina",   "Toby",   "Todd",   "Tom",   "Toni",
     "Tony",  "Troy",   "Una",    "Ursula", "Uwe",    "Val",    "Vera",   "Vic",    "Viola",  "Vito",  "Wade",
     "Walt",  "Wanda",  "Ward",   "Wendy",  "Will",   "Willa",  "Wim",    "Yann",   "Yara",   "Yoko",  "Yuri",
     "Yves",  "Zack",   "Zara",   "Zelda",  "Zeno",   "Zoe"});

}  // namespace hadal::tasks
