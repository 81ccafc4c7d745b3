/** What the experiments of this folder share: what they were told, how much of their time is left, and a GPU whose clock is up. */
import type { Recording } from '../../src/gpu/recorder.ts';

/** What follows an option on the command line. */
export const argument = (name: string): string | undefined => process.argv.find((_, i) => process.argv[i - 1] === name);

/** Seconds left of those that --seconds gives, or of `usual`. */
export function remaining(usual: number): () => number {
  const end = performance.now() + 1000 * Number(argument('--seconds') ?? usual);
  return () => (end - performance.now()) / 1000;
}

/** Keeps the GPU busy until its clock has risen, which on an H200 takes up to a second; a software driver has none. */
export async function warm(recording: Recording): Promise<void> {
  const end = performance.now() + (recording.gpu.description.software ? 0 : 1500);
  while (performance.now() < end) await recording.time(8);
}
