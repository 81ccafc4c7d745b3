/**
 * Asks, before anything is built, whether a WebGPU adapter answers through Dawn: prints its description and exits
 * with 0, or exits with 1. VK_DRIVER_FILES picks a driver, as everywhere.
 */
import { create } from 'webgpu';

// Global, because a collected instance takes the process down in native code.
globalThis.instance = create(['enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia']);
const adapter = await globalThis.instance.requestAdapter({ powerPreference: 'high-performance' });
if (adapter) process.stdout.write(`${adapter.info.description || adapter.info.device}\n`);
process.exit(adapter ? 0 : 1);
