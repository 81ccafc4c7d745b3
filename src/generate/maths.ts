/** The mathematics of a text, which stays as it is when the words around it change. */

export const MATHS = /\\\(.*?\\\)|\\\[[\s\S]*?\\\]/g;

/** A letter of the private area: it stands for a piece of mathematics while words are changed. */
export const MARK = '[\\ue000-\\uf8ff]';

/** The text after a change that cannot reach into its mathematics. */
export function keepingMaths(text: string, change: (plain: string) => string): string {
  const kept: string[] = [];
  const plain = text.replace(MATHS, (maths) => {
    kept.push(maths);
    return String.fromCharCode(0xe000 + kept.length - 1);
  });
  return change(plain).replace(new RegExp(MARK, 'g'), (letter) => kept[letter.charCodeAt(0) - 0xe000]);
}
