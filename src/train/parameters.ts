/**
 * What is trained, as flat f32 buffers: masters, gradients and AdamW's two moments, each parameter a view at the same
 * place of all four. The norm is one reduction, an update one dispatch a slab, and there is one slab unless one
 * binding cannot hold it.
 */
import { type AdamwOptions, adamw } from '../../kernels/adamw/adamw.ts';
import { copy } from '../../kernels/copy/copy.ts';
import { gradNorm } from '../../kernels/grad_norm/grad_norm.ts';
import { UserError } from '../errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Dim, Recorder } from '../gpu/recorder.ts';
import { elements, type Tensor } from '../gpu/tensor.ts';

export interface ParameterSpec {
  /** What checkpoints call it: unique. */
  name: string;
  shape: readonly number[];
}

/** One parameter: f32 views of its shape. */
export interface Parameter extends ParameterSpec {
  value: Tensor;
  gradient: Tensor;
  /** AdamW's running mean of the gradient, and of its square. */
  m: Tensor;
  v: Tensor;
}

/** The tensors of a parameter that outlive a step: what a checkpoint keeps. */
export const KEPT = ['value', 'm', 'v'] as const;
const KINDS = [...KEPT, 'gradient'] as const;

/** Elements at whose multiples a binding of f32 may begin, and one of f16. */
const ALIGN = { f32: 64, f16: 128 };

/** Bytes of training state that a parameter takes. */
export const BYTES_PER_PARAMETER = 4 * KINDS.length;

/** Which slab every parameter lies in, and where. Pure. Throws a UserError where one alone is too large for a binding. */
export function layOut(
  specs: readonly ParameterSpec[],
  maxBinding: number,
  align: number = ALIGN.f32,
): { slabs: number[]; places: { slab: number; first: number }[] } {
  const most = Math.floor(maxBinding / 4 / align) * align;
  const slabs: number[] = [];
  const places = specs.map(({ name, shape }) => {
    const size = Math.ceil(elements(shape) / align) * align;
    if (size > most)
      throw new UserError(
        `${name} [${shape.join(', ')}] is too large to be trained here: this GPU binds at most ${maxBinding} bytes`,
      );
    if (!slabs.length || slabs[slabs.length - 1] + size > most) slabs.push(0);
    const slab = slabs.length - 1;
    const first = slabs[slab];
    slabs[slab] += size;
    return { slab, first };
  });
  return { slabs, places };
}

export class Parameters {
  readonly gpu: Gpu;
  readonly all: readonly Parameter[];
  readonly #slabs: readonly Record<(typeof KINDS)[number], Tensor>[];
  readonly #places: ReturnType<typeof layOut>['places'];
  readonly #halves: readonly Tensor[];

  /** Gradients and moments are 0, values what they are until they are written. `halves`: with room for values in f16. */
  constructor(gpu: Gpu, specs: readonly ParameterSpec[], { halves = false } = {}) {
    this.gpu = gpu;
    const { slabs, places } = layOut(specs, gpu.caps.maxBinding, halves ? ALIGN.f16 : ALIGN.f32);
    this.#places = places;
    this.#halves = halves ? slabs.map((size, i) => gpu.tensor(`values in f16 ${i}`, 'f16', [size])) : [];
    const each = <T>(make: (kind: (typeof KINDS)[number]) => T) =>
      Object.fromEntries(KINDS.map((kind) => [kind, make(kind)])) as Record<(typeof KINDS)[number], T>;
    this.#slabs = slabs.map((size, i) => each((kind) => gpu.tensor(`${kind} ${i}`, 'f32', [size])));
    for (const slab of this.#slabs) for (const kind of KINDS) gpu.clear(slab[kind]);
    this.all = specs.map((spec, i) => {
      const { slab, first } = places[i];
      return { ...spec, ...each((kind) => gpu.view(this.#slabs[slab][kind], spec.name, first, spec.shape)) };
    });
  }

  /** How many numbers are trained. */
  get count(): number {
    return this.all.reduce((n, p) => n + elements(p.shape), 0);
  }

  /** Parameters `first` to `last` of `all` as one of a shape, where they lie behind each other without a gap. */
  joined(first: number, last: number, shape: readonly number[]): Pick<Parameter, 'value' | 'gradient'> | undefined {
    const parts = this.all.slice(first, last + 1);
    const gapless = parts.every(({ value }, i) => {
      const next = parts[i + 1]?.value;
      return !next || (next.buffer === value.buffer && next.offset === (value.offset ?? 0) + value.bytes);
    });
    if (!gapless) return undefined;
    const slab = this.#slabs.find(({ value }) => value.buffer === parts[0].value.buffer)!;
    const at = (parts[0].value.offset ?? 0) / 4;
    const name = parts.map((p) => p.name).join(' ');
    return {
      value: this.gpu.view(slab.value, name, at, shape),
      gradient: this.gpu.view(slab.gradient, name, at, shape),
    };
  }

  /** A parameter's value in f16, as of the last recordHalves: only with `halves`. */
  half(parameter: Parameter): Tensor {
    const { slab, first } = this.#places[this.all.indexOf(parameter)];
    return this.gpu.view(this.#halves[slab], parameter.name, first, parameter.shape);
  }

  /** Records all values, rounded to f16, to where `half` has them: a dispatch a slab. */
  recordHalves(r: Recorder): void {
    this.#halves.forEach((half, i) => {
      const rows = half.shape[0] / ALIGN.f16;
      const whole = (t: Tensor) => this.gpu.view(t, t.label, 0, [rows, ALIGN.f16]);
      copy(r, { x: whole(this.#slabs[i].value), y: whole(half), rows: this.gpu.dim('rows of a slab', rows) });
    });
  }

  clearGradients(): void {
    for (const { gradient } of this.#slabs) this.gpu.clear(gradient);
  }

  /** Records norm, finite check and AdamW. `stats` is as gradNorm leaves it; the Dims are setGradNorm's and setAdamw's. */
  recordUpdate(r: Recorder, a: { stats: Tensor; norm: Dim; step: Dim; options: AdamwOptions }): void {
    gradNorm(r, { gradients: this.#slabs.map((s) => s.gradient), stats: a.stats, state: a.norm });
    for (const { value: parameters, gradient: gradients, m, v } of this.#slabs)
      adamw(r, { parameters, gradients, m, v, stats: a.stats, state: a.step, ...a.options });
  }

  free(): void {
    for (const slab of this.#slabs) this.gpu.free(...Object.values(slab));
    this.gpu.free(...this.#halves);
  }
}
