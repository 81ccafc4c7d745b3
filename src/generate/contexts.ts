/** Invented people, places and things that questions are about. The last quarter of every list is held out (draw.ts),
 * but for currencies and letters. */

export const NAMES = [
  'Tom', 'Aisha', 'Ben', 'Chloe', 'Dev', 'Ella', 'Femi', 'Grace', 'Harry', 'Imani', 'Jack', 'Kemi', 'Liam', 'Maya',
  'Noah', 'Olu', 'Poppy', 'Rashid', 'Sara', 'Tariq', 'Una', 'Vikram', 'Wei', 'Yusuf', 'Zoe', 'Anita', 'Bruno', 'Carys',
  'Dylan', 'Esme', 'Finn', 'Gita', 'Hassan', 'Isla', 'Joao', 'Kira', 'Luca', 'Mina', 'Nia', 'Oscar', 'Petra', 'Ravi',
  'Suki', 'Theo', 'Vera', 'Will', 'Xin', 'Yara', 'Zach', 'Amir', 'Beth', 'Callum', 'Dina', 'Ewan', 'Freya', 'Gus',
  'Hiro', 'Ines', 'Jamal', 'Katya', 'Leo', 'Marta', 'Nikos', 'Orla', 'Paolo', 'Rosa', 'Samir', 'Tilly',
];

export const PLACES = [
  'Leeds', 'Cardiff', 'Lagos', 'Mumbai', 'Porto', 'Glasgow', 'Dublin', 'Osaka', 'Lima', 'Oslo', 'Bath', 'Nantes',
  'York', 'Tunis', 'Perth', 'Hull', 'Gdańsk', 'Kano', 'Swansea', 'Derry', 'Truro', 'Valencia', 'Bergen', 'Ghent',
];

/** As LaTeX writes them. */
export const CURRENCIES = ['£', '£', '\\$', '€', '£', '€', '\\$', '£'];

/** Things that can be counted. */
export const THINGS = [
  'marbles', 'stickers', 'apples', 'books', 'pencils', 'sweets', 'cards', 'badges', 'shells', 'stamps', 'tickets',
  'plums', 'buttons', 'cakes', 'coins', 'posters', 'oranges', 'postcards', 'beans', 'conkers',
];

export const COLOURS = ['red', 'blue', 'green', 'yellow', 'black', 'white', 'pink', 'orange', 'purple', 'silver', 'brown', 'grey'];

/** Things in a bag, of which one is taken. */
export const COUNTERS = ['counters', 'beads', 'balls', 'marbles', 'discs', 'cubes', 'tiles', 'sweets', 'buttons', 'tokens', 'pegs'];

/** Things that are bought, in one word or two. */
export const GOODS = [
  'coat', 'bicycle', 'tent', 'phone', 'lamp', 'jacket', 'guitar', 'watch', 'table', 'television', 'dress', 'camera',
  'laptop', 'kettle', 'rug', 'sofa', 'printer', 'skateboard', 'tablet', 'suitcase',
];

/** Groups of people. */
export const GROUPS = ['class', 'club', 'choir', 'team', 'year group', 'youth group', 'orchestra', 'school', 'gym', 'staff room', 'cast', 'workshop'];

export const SPORTS = ['tennis', 'hockey', 'rugby', 'football', 'netball', 'cricket', 'chess', 'squash', 'badminton', 'judo', 'golf', 'rowing'];

/** Unknowns of algebra. */
export const LETTERS = ['x', 'y', 'n', 'a', 'p', 'x', 'm', 't', 'k', 'w', 'd', 'h', 'r', 'q', 'b', 'g'];

/** Drinks and other things measured by volume. */
export const LIQUIDS = ['water', 'juice', 'paint', 'milk', 'oil', 'soup', 'fuel', 'squash', 'vinegar', 'lemonade'];

/** Solid things with a length. */
export const LENGTHS = ['rope', 'ribbon', 'plank', 'pipe', 'wire', 'fence', 'cable', 'shelf', 'string', 'hose', 'curtain rail', 'beam'];

/** Rectangular things that are outside. */
export const PLOTS = ['garden', 'field', 'playground', 'lawn', 'car park', 'allotment', 'court', 'vegetable patch', 'paddock', 'courtyard', 'patio', 'pitch'];

/** What someone travels in or on, with the verb. */
export const TRAVEL = ['drives', 'cycles', 'runs', 'rides', 'travels', 'walks', 'sails', 'jogs'];
