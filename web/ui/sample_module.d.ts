/** What sample_plugin.ts makes of data/sample. */
declare module 'virtual:sample' {
  export const taxonomy: import('../worker/api.ts').Misconception[];
  export const examples: import('./sample.ts').Example[];
}
