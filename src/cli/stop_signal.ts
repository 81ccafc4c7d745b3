/** Ctrl-C for commands that measure one thing after the other, and keep what they have. */
import process from 'node:process';

export interface StopSignal {
  asked: boolean;
  /** Signals end the process again. */
  release(): void;
}

/** From now on a first Ctrl-C asks to end after what is being measured; a second one ends the process at once. */
export function stopSignal(): StopSignal {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const ask = () => {
    stop.asked = true;
  };
  const stop = {
    asked: false,
    release() {
      for (const signal of signals) process.removeListener(signal, ask);
    },
  };
  for (const signal of signals) process.once(signal, ask);
  return stop;
}
