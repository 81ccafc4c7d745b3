/**
 * The ways in which a question is put. A phrasing belongs to training or is held out: of every list the last quarter
 * is held out, as with words (draw.ts).
 */
import { type Draw, reserved } from './draw.ts';
import { display, m } from './tex.ts';

export interface Phrasing {
  readonly text: string;
  readonly heldOut: boolean;
}

/** Phrasings of one question, at least two; the last quarter of them is held out. */
export function ask(...texts: string[]): Phrasing[] {
  const cut = texts.length - reserved(texts.length);
  return texts.map((text, i) => ({ text: text.replace(/\n$/, ''), heldOut: i >= cut }));
}

/** A bare calculation. */
export function workOut(r: Draw, tex: string): Phrasing[] {
  const e = m(tex);
  return ask(
    `Work out ${e}.`,
    `Calculate ${e}.`,
    `What is ${e}?`,
    `What is the value of ${e}?`,
    `${r.name} is asked to work out ${e}. What is the answer?`,
    `Complete the calculation.${display(`${tex} = \\square`)}`,
    `${r.name} writes ${e} on the board. What does it equal?`,
    `${e} =`,
    `Which of these is equal to ${e}?`,
    `Find the value of ${e} without a calculator.`,
    `Here is a calculation.${display(tex)}What is the result?`,
  );
}

/** An instruction of algebra about one expression: 'Simplify', 'Expand', 'Solve', 'Factorise fully' … */
export function command(r: Draw, verb: string, tex: string): Phrasing[] {
  const e = m(tex);
  const lower = verb[0].toLowerCase() + verb.slice(1);
  return ask(
    `${verb} ${e}.`,
    `${verb}: ${e}`,
    `${verb} the following.${display(tex)}`,
    `${r.name} has to ${lower} ${e}. Which answer is right?`,
    `The next question in ${r.name}'s exercise book says: ${lower} ${e}. What is the answer?`,
    `Here is what the board says.${display(tex)}${verb} it.`,
    `What do you get if you ${lower} ${e}?`,
    `Can you ${lower} ${e}?`,
    `${r.pair.join(' and ')} both try to ${lower} ${e}. What should they get?`,
    `Choose the correct answer when you ${lower} ${e}.`,
  );
}
