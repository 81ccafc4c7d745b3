/** `lacuna pull`: brings a model into the cache, checked, and says where it lies. */
import process from 'node:process';
import type { Command } from 'commander';
import { KNOWN_MODELS, modelCacheDir, pull } from '../formats/hub.ts';
import { type Progress, progress } from './progress.ts';

export function pullCommand(program: Command): void {
  program
    .command('pull')
    .description('Download a model into the cache; at once where it is there already.')
    .argument('<model>', `${Object.keys(KNOWN_MODELS).join(', ')}, or owner/name[@revision][:file.gguf] on the hub`)
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
A download that broke off goes on where it stopped; every file is checked against its checksum.
Of a repository come config.json, the tokenizer and the safetensors, never pickles; or one .gguf file.
HF_ENDPOINT is the hub to ask, HF_TOKEN opens private and gated models, LACUNA_CACHE is where
models are kept (now ${modelCacheDir()}).

Examples:
  lacuna pull smollm2-135m
  lacuna pull Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4
  lacuna pull Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q4_0.gguf
  lacuna pull owner/name@v1.0 --json`,
    )
    .action(async (model: string, o: { json?: boolean }) => {
      let bar: Progress | undefined;
      let counted = 0;
      const path = await pull(model, {
        onProgress: (done, total) => {
          // Another source has another size, and starts anew.
          if (total !== counted) {
            bar?.stop();
            bar = progress('download', total, 'B');
            counted = total;
          }
          bar?.update(done);
        },
        onNote: (line) => process.stderr.write(`${line}\n`),
      }).finally(() => bar?.stop());
      const result = { model, path, downloaded: counted > 0 };
      process.stdout.write(o.json ? `${JSON.stringify(result)}\n` : `${path}\n`);
    });
}
