/**
 * How many workgroups a GPU holds at a time, by their threads, their workgroup memory and how many numbers a thread keeps:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/occupancy.mjs [processors]
 * Each workgroup counts itself in, keeps busy for longer than all of them take to start, and counts itself out; the most
 * that were in at a time is the answer, and divided by the processors (132 on an H200) what one of them holds.
 */
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { specialise } from '../../src/gpu/wgsl.ts';

const processors = Number(process.argv[2] ?? 132);
const gpu = await Gpu.open();
const { software } = gpu.description;

/** `memory` is written and read, so that it is not left out. */
const SOURCE = `@group(0) @binding(0) var<storage, read_write> counts: array<atomic<u32>, 4>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
var<workgroup> memory: array<u32, WORDS>;
@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  memory[(t * 37u) % WORDS] = t;
  workgroupBarrier();
  if (t == 0u) { atomicMax(&counts[1], atomicAdd(&counts[0], 1u) + 1u); }
  workgroupBarrier();
FIRST
  for (var n = 0u; n < ROUNDS; n++) {
NEXT
  }
  let all = ALL;
  workgroupBarrier();
  if (t == 0u) { atomicSub(&counts[0], 1u); }
  if (all == 12345.0) { out[wg.x] = all; }
}`;

async function most(threads: number, bytes: number, kept: number): Promise<number> {
  const each = Array.from({ length: kept }, (_, i) => i);
  // A name for each: an array that is indexed at run time may leave the registers.
  const source = SOURCE.replace('FIRST', each.map((i) => `  var s${i} = f32(t + memory[${i}u % WORDS]);`).join('\n'))
    .replace('NEXT', each.map((i) => `    s${i} = fma(s${i}, 0.999, s${(i + 1) % kept});`).join('\n'))
    .replace('ALL', each.map((i) => `s${i}`).join(' + '));
  const code = specialise(source, {
    constants: { T: threads, WORDS: bytes / 4, ROUNDS: software ? 64 : Math.ceil(40000 / kept) },
  });
  const counts = gpu.upload('counts', 'u32', [4], new Uint32Array(4));
  const out = gpu.tensor('out', 'f32', [65536]);
  const r = new Recorder(gpu);
  r.dispatch({ label: 'occupancy', code, bindings: [counts, out], grid: [software ? 64 : 20 * processors] });
  const recording = await r.finish();
  recording.replay();
  const found = (await gpu.read(counts)) as Uint32Array;
  gpu.free(counts, out);
  return found[1];
}

console.log(
  `${gpu.description.description}, tier ${gpu.caps.tier}; workgroups at a time, and a processor of ${processors}`,
);
const limit = gpu.caps.maxWorkgroupStorage;
const sizes = [256, 4096, 8192, 12288, 15360, 16384, 19456, 22528, 23552, 24064, 24576, 32768, 48128];
for (const kept of [4, 64, 128, 192])
  for (const threads of [32, 64, 128, 256, 512, 1024]) {
    if (threads > gpu.caps.maxInvocations) continue;
    const found: string[] = [];
    for (const bytes of sizes.filter((b) => b <= limit)) {
      const n = await most(threads, bytes, kept);
      found.push(`${bytes} B ${n} (${(n / processors).toFixed(1)})`);
    }
    console.log(`${threads} threads, ${kept} sums each: ${found.join(', ')}`);
  }
process.exit(0);
