/** The texts that models read: the query of a wrong option and the passage of a misconception, as exp010 writes them. */
import type { Pair } from './questions.ts';

/** The task sentence that opens every query. */
export const TASK =
  'Given a math problem statement and an incorrect answer as a query, retrieve relevant passages that identify and explain the nature of the error.';

export interface QueryParts {
  question: string;
  correct: string;
  incorrect: string;
  construct?: string;
  subject?: string;
  /** A larger model's guess at the error. It stands last, so a short token budget cuts it first. */
  rationale?: string;
}

/**
 * The query text. Tags are ordinary text with one space before and after, so two spaces follow `Query:`, as in the
 * published pipeline; absent parts are left out with their tag.
 */
export function queryText(parts: QueryParts): string {
  const tagged: [tag: string, text: string | undefined][] = [
    ['Question', parts.question],
    ['Correct Answer', parts.correct],
    ['Incorrect Answer', parts.incorrect],
    ['Construct', parts.construct],
    ['Subject', parts.subject],
    ['LLMOutput', parts.rationale],
  ];
  const body = tagged.filter(([, text]) => text !== undefined && text !== '').map(([tag, text]) => ` <${tag}> ${text}`);
  return `Instruct: ${TASK}\nQuery: ${body.join('')}`;
}

/** The parts of a pair's query; `rationale: false` leaves the larger model's guess out. */
export function queryParts({ question, answer, rationale }: Pair, options: { rationale?: boolean } = {}): QueryParts {
  return {
    question: question.text,
    correct: question.answers[question.correct],
    incorrect: question.answers[answer],
    construct: question.construct,
    subject: question.subject,
    rationale: options.rationale === false ? undefined : rationale,
  };
}

/** The passage text of a misconception: its bare name. */
export const passageText = (name: string): string => name;

/** The query's words without instruction and tags: what rankers that count words read. */
export function plainText({ construct, subject, question, correct, incorrect }: QueryParts): string {
  return [construct, subject, question, correct, incorrect].filter((part) => part).join(' ');
}
