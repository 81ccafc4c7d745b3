/** `import source from './x.wgsl' with { type: 'text' }`: Deno does it by itself, Vite by the plugin in vite.config.ts. */
declare module '*.wgsl' {
  const source: string;
  export default source;
}
