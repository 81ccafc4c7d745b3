/** What both forms of the forward pass do with the sums of their exponentials: keep them for the gradient, or nothing. */
import type { Tensor } from '../../src/gpu/tensor.ts';
import kept from './lse.kept.wgsl' with { type: 'text' };
import none from './lse.none.wgsl' with { type: 'text' };

export const lseText = (lse?: Tensor): string => (lse ? kept : none);
