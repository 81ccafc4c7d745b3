/**
 * Where a word story plays: lists of things, people and places that the stories of all items share in training, so that a
 * shop, a rope or a lorry does not tell the topic. A word is swapped for another of its list wherever it stands.
 * No word that only held-out phrasings or held-out contexts use is in a list (settings.test.ts).
 */
import type { Draw } from './draw.ts';
import { keepingMaths, MATHS } from './maths.ts';

const words = (list: string) => list.trim().split(/\s*,\s*/);

/** Words of one kind, and vaguer ones for any of them. */
interface Setting {
  readonly vaguer: readonly string[];
  readonly list: readonly string[];
}

const kind = (vaguer: string, list: string): Setting => ({ vaguer: words(vaguer), list: words(list) });

/** Words that also mean something in mathematics, such as table or square, are left out: they would be swapped there. */
export const SETTINGS: readonly Setting[] = [
  // Things that are bought and used.
  kind(
    'thing, item, object',
    `coat, bicycle, tent, phone, lamp, jacket, guitar, television, dress, camera, laptop, kettle, rug, toaster, helmet,
    scooter, drum, necklace, blanket, backpack, radio, heater, trumpet, violin, hat, scarf, jumper, racket, wardrobe,
    cupboard, bunk, pram, telescope, microscope, keyboard, umbrella, wallet, bracelet, freezer, piano, toy, bookcase,
    saddle, cello, mattress, fridge, drill, raincoat, pillow, hairdryer, doll, cushion, saucepan, armchair`,
  ),
  // Things that are counted.
  kind(
    'things, items, objects, pieces',
    `marbles, stickers, apples, books, pencils, sweets, badges, shells, stamps, tickets, plums, buttons, cakes, beads,
    pens, rulers, melons, parcels, acorns, magnets, cherries, pears, pebbles, feathers, bulbs, bolts, screws, lemons,
    biscuits, muffins, onions, carrots, walnuts, brushes, crayons, socks, spoons, plates, bowls, mugs, bananas, mangoes,
    peppers, hooks, leaflets, comics, medals, dominoes, flowers, tulips, figs, envelopes, sausages, pancakes, puzzles,
    erasers, toys, whistles, torches, stones, keyrings, potatoes, peaches, grapes, pins, bells, souvenirs, sandwiches`,
  ),
  // People.
  kind(
    'persons, folk, adults',
    `people, pupils, students, children, friends, guests, patients, runners, drivers, swimmers, readers, nurses, callers,
    dancers, bakers, sailors, tourists, pilots, gardeners, farmers, singers, actors, climbers, cooks, engineers, skaters,
    painters, walkers, cousins, shoppers, travellers, musicians, scouts, volunteers, customers, employees, teachers,
    builders, fans, passengers, tenants, cyclists, voters, artists, doctors, firefighters, clerks, fishermen, judges`,
  ),
  // Groups of people.
  kind(
    'group, gathering',
    `choir, orchestra, club, team, crowd, band, crew, troupe, committee, jury, brigade, council, society, company, gang,
    audience, congregation, scout group, dance school, drama club`,
  ),
  // Places indoors.
  kind(
    'place, building',
    `shop, school, warehouse, library, zoo, café, hotel, theatre, gym, airport, bakery, harbour, station, office, factory,
    hospital, castle, stadium, cinema, restaurant, kiosk, campsite, college, nursery, clinic, studio, pool, bookshop,
    post office, market, supermarket, garage, palace, surgery, bus depot, canteen, greenhouse, gallery, theme park,
    youth hostel, car wash, launderette`,
  ),
  // Land.
  kind(
    'place, ground',
    `garden, playground, lawn, allotment, paddock, meadow, orchard, yard, terrace, vineyard, car park, churchyard,
    schoolyard, racecourse, fairground, parade ground, football ground`,
  ),
  // What holds something.
  kind(
    'container, holder, object',
    `bag, jug, bottle, sack, flask, tank, bucket, basket, barrel, tub, chest, trunk, pot, carton, pouch, bin, urn, tray,
    vat, cask, canister, churn, pail, crate, sink, hamper, satchel`,
  ),
  // What is long.
  kind(
    'thing, object',
    `rope, ribbon, plank, pipe, wire, fence, cable, shelf, string, chain, rod, pole, strip, branch, lace, tube, hedge,
    log, cord, garland, handrail, gutter, bandage, belt, runway, canal, bridge`,
  ),
  // What is poured.
  kind(
    'liquid, stuff, fluid',
    `water, juice, milk, oil, soup, fuel, tea, coffee, honey, syrup, ink, glue, shampoo, petrol, varnish, cream, yoghurt,
    sauce, broth, medicine, cocoa, cordial, gravy, custard`,
  ),
  // What moves.
  kind(
    'vehicle, machine',
    `train, bus, lorry, van, coach, taxi, bike, boat, ship, tram, motorbike, tractor, truck, barge, minibus, canoe,
    yacht, sledge, horse, cart, caravan, tanker, limousine`,
  ),
  kind(
    'place, settlement',
    `town, city, district, suburb, port, resort, county, region, island, parish, borough, country`,
  ),
];

/** Share of a text's words of a list that are swapped. */
const SWAPPED = 0.7;

const LIST_OF = new Map(SETTINGS.flatMap(({ list }) => list.map((word) => [word, list] as const)));
/** Words of several parts come first, so that `car park` is not read as `car`; neither is part of a longer word. */
const ANY = new RegExp(
  `(?<![\\p{L}\\d'-])(?:(an?) )?(${[...LIST_OF.keys()].sort((a, b) => b.length - a.length).join('|')})(?![\\p{L}\\d'’-])`,
  'gu',
);

/** Where a letter stands for a number of things, the things give the letter its name. */
const LETTERED = /for the number|the numbers \\\(/;

/** The text with other things, people and places. Words that the options or its mathematics have stay. */
export function resettle(text: string, options: readonly string[], r: Draw): string {
  if (LETTERED.test(text)) return text;
  const capital = (word: string) => text.includes(word[0].toUpperCase() + word.slice(1));
  const said = [text, ...options].join(' ').toLowerCase();
  const inOptions = [...options, ...(text.match(MATHS) ?? [])].join(' ').toLowerCase();
  const instead = new Map<string, string>();
  const swapFor = (word: string): string => {
    const known = instead.get(word);
    if (known !== undefined) return known;
    const other = r.pick(LIST_OF.get(word)!);
    // Two things must not become one, and both numbers of a noun must stay together.
    const taken = said.includes(other) || [...instead.values()].includes(other);
    const stays = taken || capital(word) || otherNumber(word, said) || inOptions.includes(word) || !r.chance(SWAPPED);
    instead.set(word, stays ? word : other);
    return instead.get(word)!;
  };
  return keepingMaths(text, (plain) =>
    plain.replace(ANY, (_, article: string | undefined, word: string) => {
      const other = swapFor(word);
      if (article === undefined) return other;
      return `${other === word ? article : /^[aeiou]/.test(other) ? 'an' : 'a'} ${other}`;
    }),
  );
}

/** Whether a text also has the singular of a plural, the plural of a singular, or the word with a hyphen. */
function otherNumber(word: string, said: string): boolean {
  const stem = word.replace(/(?:ies|y|s)$/, '');
  return new RegExp(`(?<!\\p{L})${stem}(?!${word.slice(stem.length)}(?![\\p{L}-]))(?:ies|y|e?s)?(?!\\p{L})`, 'u').test(
    said,
  );
}
