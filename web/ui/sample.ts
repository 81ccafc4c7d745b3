/** The project's own sample data, in a chunk of its own: 299 misconceptions and 189 worked questions. */
export { examples, taxonomy } from 'virtual:sample';

export interface Example {
  id: number;
  question: string;
  construct: string;
  subject: string;
  options: string[];
  correct: number;
  /** Per option, the misconception that its author wrote it for. */
  behind: (string | null)[];
}
