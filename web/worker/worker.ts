/** The worker's entry: the engine behind a message channel. Whatever goes wrong crosses it as one line. */
import { expose } from 'comlink';
import { config } from 'zod';
import { LocalEngine } from './engine.ts';

// The page's policy forbids code made from text, which zod would otherwise try.
config({ jitless: true });

// This script lies in a folder beside the page, built or not.
expose(new LocalEngine(new URL('../', location.href)));
