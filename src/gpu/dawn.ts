/** WebGPU for Node: Dawn through npm `webgpu`, with the toggles that its fast paths need. */
import { create, globals } from 'webgpu';

// A collected instance takes the process down in native code, so every instance is kept for good.
const instances: GPU[] = [];

/**
 * A Dawn instance. The driver is chosen when it is made, so VK_DRIVER_FILES may differ between two calls.
 * `robust`: keep bounds checks and zero-initialised workgroup memory, as browsers do.
 */
export function dawn(robust: boolean): GPU {
  Object.assign(globalThis, globals);
  const on = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia', 'use_vulkan_memory_model'];
  if (!robust) on.push('disable_robustness', 'disable_workgroup_init');
  const gpu = create([`enable-dawn-features=${on.join(',')}`, 'disable-dawn-features=timestamp_quantization']);
  instances.push(gpu);
  return gpu;
}
