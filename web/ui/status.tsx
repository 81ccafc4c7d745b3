/** The line at the top that says which model is ready, or how far it is. */
import { store } from './state.ts';
import { useStore } from './store.ts';
import { progressText } from './units.ts';

export function Status() {
  const gpu = useStore(store, (s) => s.gpu);
  const model = useStore(store, (s) => s.model);
  const loading = useStore(store, (s) => s.loading);
  const embedding = useStore(store, (s) => s.embedding);
  const busy = loading ? (loading.progress ?? undefined) : embedding;
  const share = busy && busy.total > 0 ? busy.done / busy.total : 0;
  return (
    <a class="status" href={gpu?.problem === undefined ? '#model' : '#gpu'}>
      <span class="status-text">
        {gpu?.problem !== undefined
          ? 'No WebGPU'
          : loading || embedding
            ? `${busy?.what ?? `Loading ${loading?.title ?? ''}`}${busy ? ` · ${progressText(busy)}` : '…'}`
            : model
              ? `${model.title}${model.adapter ? ` + ${model.adapter}` : ''} · ${gpu?.tier ?? ''} tier`
              : gpu
                ? 'No model loaded'
                : 'Looking for a GPU…'}
      </span>
      <span class="status-bar" aria-hidden="true">
        <span style={{ transform: `scaleX(${loading || embedding ? share : 0})` }} />
      </span>
    </a>
  );
}
