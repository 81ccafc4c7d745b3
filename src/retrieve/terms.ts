/**
 * How a text becomes the terms that word-counting rankers count, as scikit-learn's TfidfVectorizer does it: lower
 * case, then words of two or more letters, digits or underscores, their n-grams, or n-grams of characters within words.
 */

/** A way to cut a text into terms, repeated as often as they occur. */
export interface Analyzer {
  /** The text's units: its terms, or what `expand` makes terms of. */
  units(text: string): string[];
  /** The terms of a unit. They depend on the unit alone, so they are looked up once for each that occurs. */
  expand?(unit: string): string[];
}

/** Words: runs of two or more word characters (Python's `(?u)\b\w\w+\b`). */
export const words: Analyzer = {
  units: (text) => text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [],
};

/** Runs of a-z and 0-9, single characters too: digits count in mathematics, and `x` is a word. */
export const alphanumerics: Analyzer = {
  units: (text) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [],
};

/** Words and pairs of neighbours, without stop words; words on both sides of a stop word count as neighbours. */
export const wordBigrams = (stopWords: ReadonlySet<string> = new Set()): Analyzer => ({
  units(text) {
    const kept = words.units(text).filter((word) => !stopWords.has(word));
    return [...kept, ...kept.slice(1).map((word, i) => `${kept[i]} ${word}`)];
  },
});

/**
 * Character n-grams of lengths `shortest` to `longest` within words padded by a space on both sides ("char_wb").
 * A padded word no longer than n gives one n-gram and none of the greater lengths.
 */
export const characterNgrams = (shortest: number, longest: number): Analyzer => ({
  units: (text) =>
    text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== ''),
  expand(word) {
    const padded = [' ', ...word, ' '];
    const terms: string[] = [];
    for (let n = shortest; n <= longest; n++) {
      for (let i = 0; i === 0 || i + n <= padded.length; i++) terms.push(padded.slice(i, i + n).join(''));
      if (padded.length <= n) break;
    }
    return terms;
  },
});

/**
 * Common English words that say little about a misconception: function words, numbers in words, and the commonest
 * verbs and nouns of instructions. Our own list; on Eedi it scores as scikit-learn's stop_words='english' does, within
 * .0003 of MAP@25.
 */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `the an this that these those each every either neither some any no all both such another other others own same
  enough several few many much more most less least
  my mine myself me we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
  it its itself they them their themselves one someone something anyone anything anywhere everyone everything nobody
  none nothing who whom whose which what whoever whatever
  about above across after against along among amongst around as at before behind below beside besides between beyond
  by down during except for from in into of off on onto out over per since than through throughout to toward towards
  under until up upon via with within without
  and but or nor so yet if because although though while whereas whether therefore hence thus however moreover
  am is are was were be been being do done has have had can could may might must should will would cannot
  not very too also only even still again ever never always often sometimes almost already rather perhaps well then
  now here there where when why how else together once further formerly elsewhere everywhere nowhere somewhere
  whenever wherever otherwise mostly indeed
  two three four five six eight nine ten eleven twelve fifteen twenty forty fifty sixty hundred
  first third last next former latter
  get go give keep made put see seem seems show take call become becomes find found fill move describe
  side top bottom front back part whole amount full empty name detail system interest`.split(/\s+/),
);
