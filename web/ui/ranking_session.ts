/** The question being written and its ranking: typing ranks again after a pause, one ranking at a time. */
import type { Question } from '../worker/api.ts';
import { engine, messageOf } from './engine.ts';
import { Latest } from './latest.ts';
import type { Example } from './sample.ts';
import { type Draft, store } from './state.ts';

/** How long a pause in typing lasts before it counts as one, in milliseconds. */
const PAUSE = 350;
/** How many misconceptions are fetched; the list shows the first of them and the rest on request. */
export const TOP = 25;

const rankings = new Latest();
let pause: ReturnType<typeof setTimeout> | undefined;

/** Changes the question; whatever its example's author said about the answers no longer counts if texts change. */
export function edit(patch: Partial<Omit<Draft, 'behind'>>, { now = false } = {}): void {
  const { draft } = store.state;
  const texts = 'question' in patch || 'options' in patch || 'correct' in patch;
  store.set({ draft: { ...draft, ...patch, behind: texts ? undefined : draft.behind } });
  rerank(now ? 0 : PAUSE);
}

/** Puts an example in place of the question, with the answer of a pupil who holds its first labelled misconception. */
export function showExample(example: Example, chosen = example.behind.findIndex((name) => name !== null)): void {
  const { question, options, correct, construct, subject, behind } = example;
  store.set({ draft: { question, options, correct, chosen, construct, subject, behind } });
  rerank();
}

/** Why there is nothing to rank yet, as the page says it. */
export function unasked({ question, options, correct, chosen }: Draft): string | undefined {
  const wrong = options[chosen].trim();
  if (wrong !== '' && wrong === options[correct].trim())
    return 'The wrong answer is the correct one: there is no error to explain.';
  if (wrong === '' || question.trim() === '')
    return 'Write a question and a wrong answer: the misconceptions that explain it appear here.';
  return undefined;
}

/** What the draft asks the worker, or undefined while there is nothing to ask. */
export function questionOf(draft: Draft): Question | undefined {
  const { question, options, correct, chosen, construct, subject } = draft;
  if (unasked(draft)) return undefined;
  return {
    question,
    correct: options[correct],
    incorrect: options[chosen],
    construct: construct.trim() || undefined,
    subject: subject.trim() || undefined,
  };
}

/** Ranks the draft after `delay` milliseconds without another call. */
export function rerank(delay = 0): void {
  clearTimeout(pause);
  pause = setTimeout(() => rankings.run(rankDraft), delay);
}

async function rankDraft(): Promise<void> {
  const { draft, model, taxonomy, loading } = store.state;
  const question = questionOf(draft);
  if (!question || !model || loading || !taxonomy || taxonomy.rows.length === 0) return;
  store.set({ ranks: true });
  try {
    const { ranked, ms, labelled } = await engine().rank(question, Math.min(TOP, taxonomy.rows.length));
    const label = draft.behind?.[draft.chosen] ?? undefined;
    store.set({
      ranking: { question, ranked, ms, among: taxonomy.rows.length, labelled, label },
      rankProblem: undefined,
    });
  } catch (error) {
    store.set({ rankProblem: messageOf(error) });
  } finally {
    store.set({ ranks: false });
  }
}
