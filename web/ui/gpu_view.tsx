/** View 5: the GPU that WebGPU found, the tier that runs and why; without WebGPU, which browsers have it. */
import type { GpuReport } from '../worker/api.ts';
import { store } from './state.ts';
import { useStore } from './store.ts';
import { bytes, count } from './units.ts';

const TIERS: Record<GpuReport['tier'], string> = {
  matrix: 'Matrix products run on the GPU’s matrix units, in half precision with single-precision sums.',
  subgroup: 'Half precision, and lanes that exchange values directly.',
  portable: 'Single precision only, and nothing that a WebGPU browser may lack. It runs everywhere, more slowly.',
};

export function GpuView() {
  const gpu = useStore(store, (s) => s.gpu);
  if (!gpu) return <p class="empty">Looking for a GPU…</p>;
  return gpu.problem === undefined ? <Found gpu={gpu} /> : <Missing problem={gpu.problem} />;
}

function Found({ gpu }: { gpu: GpuReport }) {
  return (
    <div class="columns even">
      <section aria-labelledby="gpu-name">
        <div class="card">
          <h2 id="gpu-name">{gpu.name}</h2>
          <p class="tier">
            <span class="tier-name">{gpu.tier}</span> tier
            {gpu.software && <span class="badge">in software, on the CPU</span>}
          </p>
          <p>{TIERS[gpu.tier]}</p>
        </div>
        <h2>Why this tier</h2>
        <ul class="reasons">
          {gpu.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      </section>
      <section aria-labelledby="limits-title">
        <h2 id="limits-title">Limits</h2>
        <table class="limits">
          <thead class="unseen">
            <tr>
              <th scope="col">Limit</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {gpu.limits.map(({ name, value }) => (
              <tr key={name}>
                <th scope="row">{words(name)}</th>
                <td>{/Size$/.test(name) && value >= 1024 ? bytes(value) : count(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <h2>Features</h2>
        {gpu.features.length === 0 ? (
          <p class="hint">None beyond what every WebGPU device has.</p>
        ) : (
          <ul class="features">
            {gpu.features.map((feature) => (
              <li key={feature}>
                <code>{feature}</code>
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}

/** maxStorageBufferBindingSize as words. */
const words = (name: string) => name.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);

function Missing({ problem }: { problem: string }) {
  return (
    <div class="missing">
      <p class="lead">{problem}</p>
      <h2>Browsers with WebGPU</h2>
      <table class="browsers">
        <thead>
          <tr>
            <th scope="col">Browser</th>
            <th scope="col">From version</th>
            <th scope="col">On</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Chrome, Edge and others built on Chromium</th>
            <td>113</td>
            <td>Windows, macOS, ChromeOS</td>
          </tr>
          <tr>
            <th scope="row">Chrome</th>
            <td>121</td>
            <td>Android 12 or later</td>
          </tr>
          <tr>
            <th scope="row">Chrome</th>
            <td>144</td>
            <td>Linux with newer Intel graphics; others behind a flag</td>
          </tr>
          <tr>
            <th scope="row">Safari</th>
            <td>26</td>
            <td>macOS, iOS, iPadOS, visionOS</td>
          </tr>
          <tr>
            <th scope="row">Firefox</th>
            <td>141</td>
            <td>Windows; from 145 on Macs with Apple silicon</td>
          </tr>
        </tbody>
      </table>
      <h2>If yours is among them</h2>
      <ul class="reasons">
        <li>
          The page must come over https or from localhost: elsewhere browsers switch WebGPU off
          {globalThis.isSecureContext ? ' (this one does)' : ' (this one does not)'}.
        </li>
        <li>Look whether hardware acceleration is switched on in the browser’s settings, and restart it.</li>
        <li>
          On Linux, Chrome may want <code>--enable-unsafe-webgpu --enable-features=Vulkan</code>;{' '}
          <code>chrome://gpu</code> says what it found.
        </li>
        <li>
          Or use the command line, which needs no browser: <code>npx lacuna doctor</code>.
        </li>
      </ul>
    </div>
  );
}
